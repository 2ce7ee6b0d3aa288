"""A labelled page against what is known of it: scores of its text, and a row per block.

Two ways lead here: pages labelled by the public interface, and the predictions of a cross-validation. Both give the
same judgement for the same model; a test says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome import labelling
from dechrome.artefact import KINDS, LABELS, Model
from dechrome.context import FloatArray
from dechrome.encoding import scrub
from dechrome.pages import Page
from dechrome_training.calibration import decide
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.fit import Prediction, predict
from dechrome_training.samples import UNKNOWN, Sample, head_of, page_samples
from dechrome_training.scores import shingle_scores, snippet_rates, word_scores

NAN: Final = float("nan")
_BATCH: Final = 16  # pages labelled together


class TextScores(NamedTuple):
    """How good the text of one page is; nan where nothing is known to measure it by."""

    precision: float
    recall: float
    f1: float
    shingle_f1: float
    must_have: float
    must_not: float


class JudgedBlocks(NamedTuple):
    """The blocks of one page, a column each: numbers of labels and kinds, -1 where not known or not chrome."""

    gold_labels: NDArray[np.int8]
    labels: NDArray[np.int8]
    gold_kinds: NDArray[np.int8]
    kinds: NDArray[np.int8]
    confidence: FloatArray
    characters: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One labelled page, of the site ``group``, against its gold. ``quality`` is the word F1 that was expected."""

    id: str
    group: str
    source: str
    view: str
    language: str | None
    page_type: str | None
    scores: TextScores
    quality: float
    blocks: JudgedBlocks


def score_text(found: str, gold: str | None, must_have: Sequence[str], must_not: Sequence[str]) -> TextScores:
    """Score the text found on a page against its gold text, if there is any, and its snippets."""
    words = (NAN, NAN, NAN) if gold is None else word_scores(found, gold)
    shingles = NAN if gold is None else shingle_scores(found, gold)[2]
    return TextScores(*words, shingles, *snippet_rates(found, must_have, must_not))


def judge_pages(pages: Iterable[AnnotatedPage], model: Model | None, view: str = "html") -> Iterator[Judgement]:
    """Label pages through the public interface, as they are (html) or as the text of all their lines (lines).

    Pages that are text already are labelled as they are under either view. Pages with snippets alone have no lines.
    Under the view "piece", a few blocks are cut out of each page with gold text and judged as a page of their own.
    """
    if view == "piece":
        yield from _judge_pieces(pages, labelling.load_model() if model is None else model)
        return
    pairs = (pair for page in pages for pair in _prepare(page, view))
    while chunk := list(islice(pairs, _BATCH)):
        labelled = labelling.label_pages([source for _, source in chunk], model)
        for (sample, _), page in zip(chunk, labelled, strict=True):
            yield judge_page(sample, page)


def _judge_pieces(pages: Iterable[AnnotatedPage], model: Model) -> Iterator[Judgement]:
    for page in pages:
        pieces = page_samples(page, ("piece",)) if page.text is None else []
        for prediction in predict(model, pieces):
            yield judge_prediction(prediction, model.settings)


def judge_page(sample: Sample, page: Page) -> Judgement:
    """Judge a labelled page by the sample that was made from the same blocks."""
    numbers = {label: number for number, label in enumerate(LABELS)}
    kinds = [UNKNOWN if block.kind is None else KINDS.index(block.kind) for block in page.blocks]
    labels = [numbers[block.label] for block in page.blocks]
    confidence = [block.confidence for block in page.blocks]
    return _judge(sample, np.array(labels, np.int8), np.array(kinds, np.int8), np.array(confidence), page.quality)


def judge_prediction(prediction: Prediction, settings: Mapping[str, Any]) -> Judgement:
    """Judge a prediction under a model's settings, deciding as labelling does."""
    head = head_of(prediction.sample.view)
    labels, expected, probabilities = decide(prediction.labels, prediction.sample.features.lengths, head, settings)
    kinds = np.where(labels == 2, prediction.kinds.argmax(axis=1), UNKNOWN).astype(np.int8)
    quality = float(np.interp(expected, *settings["quality"][head])) if (labels == 0).any() else 0.0
    return _judge(prediction.sample, labels, kinds, probabilities[np.arange(labels.size), labels], quality)


def _judge(
    sample: Sample, labels: NDArray[np.int8], kinds: NDArray[np.int8], confidence: FloatArray, quality: float
) -> Judgement:
    found = "\n".join(text for text, label in zip(sample.texts, labels, strict=True) if label == 0)
    gold_kinds = np.where(sample.targets == 2, sample.kinds, UNKNOWN).astype(np.int8)
    characters = np.array([len(text) for text in sample.texts], np.int64)
    return Judgement(
        sample.id,
        sample.group,
        sample.source,
        sample.view,
        sample.language,
        sample.page_type,
        score_text(found, sample.gold, sample.must_have, sample.must_not),
        quality,
        JudgedBlocks(sample.targets, labels, gold_kinds, kinds, confidence.astype(np.float32), characters),
    )


def _prepare(page: AnnotatedPage, view: str) -> list[tuple[Sample, labelling.Source]]:
    """Return what is known of a page's blocks beside the source that has just these blocks; nothing if unusable."""
    if page.text is not None:
        page = replace(page, text=scrub(page.text)[0])
        return [(sample, labelling.Source(text=page.text)) for sample in page_samples(page)]
    page = replace(page, html=scrub(page.html or "")[0])
    samples = page_samples(page, (view,))
    if view == "html":
        return [(sample, labelling.Source(html=page.html, url=page.url)) for sample in samples]
    return [(sample, labelling.Source(text="\n".join(sample.texts))) for sample in samples if sample.view == view]
