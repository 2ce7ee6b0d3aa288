"""Word precision and recall of predictions as the choice of blocks changes: thresholds and presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.choosing import FAVORS, choose_labels
from dechrome.context import FloatArray
from dechrome.inference import calibrate
from dechrome_training.align import words_of
from dechrome_training.evaluation.results import mean
from dechrome_training.fit import Prediction, head_of

THRESHOLDS: Final = tuple(round(step * 0.05, 2) for step in range(1, 20))  # 0.05 to 0.95


class PageWords(NamedTuple):
    """The words of a page as numbers, ``owners`` being the block of each, and how often the gold has each word."""

    words: NDArray[np.int64]
    owners: NDArray[np.int64]
    gold: NDArray[np.int64]
    gold_size: int


class Choosable(NamedTuple):
    """A page whose blocks can be chosen again: calibrated probabilities and lengths, and its words."""

    probabilities: FloatArray
    lengths: NDArray[np.int64]
    words: PageWords


def choosable(predictions: Sequence[Prediction], settings: Mapping[str, Any]) -> list[Choosable]:
    """Prepare the predictions of pages with gold text."""
    return [
        Choosable(
            calibrate(prediction.labels, settings["calibration"][head_of(prediction.sample)]),
            prediction.sample.features.lengths,
            number_words(prediction.sample.texts, prediction.sample.gold),
        )
        for prediction in predictions
        if prediction.sample.gold is not None
    ]


def number_words(texts: Sequence[str], gold: str) -> PageWords:
    """Number the words of a page's blocks and count them in its gold text."""
    by_block = [words_of(text) for text in texts]
    numbers: dict[str, int] = {}
    words = [numbers.setdefault(word, len(numbers)) for block in by_block for word in block]
    target = words_of(gold)
    known = [numbers[word] for word in target if word in numbers]
    counts = np.bincount(np.array(known, np.int64), minlength=len(numbers))
    owners = np.repeat(np.arange(len(texts)), [len(block) for block in by_block])
    return PageWords(np.array(words, np.int64), owners, counts, len(target))


def word_rates(page: PageWords, keep: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the words of the blocks kept, as ``scores.word_scores`` does."""
    found = page.words[keep[page.owners]]
    if not found.size and not page.gold_size:
        return 1.0, 1.0, 1.0
    common = int(np.minimum(np.bincount(found, minlength=page.gold.size), page.gold).sum())
    precision, recall = common / max(1, found.size), common / max(1, page.gold_size)
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0


def measure_curve(pages: Sequence[Choosable]) -> list[dict[str, float | None]]:
    """Return word precision and recall for each threshold, means over pages.

    Precision is over the pages of which something remains; ``empty`` is the share of the others.
    """
    points = []
    for threshold in THRESHOLDS:
        kept = [(page.words, _choose(page, threshold=threshold)) for page in pages]
        rates = [word_rates(words, keep) for words, keep in kept]
        remains = [bool(keep.any()) for _, keep in kept]
        precision = mean(rate[0] for rate, some in zip(rates, remains, strict=True) if some)
        recall = mean(rate[1] for rate in rates)
        points.append(_rounded(threshold=threshold, precision=precision, recall=recall, empty=1 - mean(remains)))
    return points


def measure_presets(pages: Sequence[Choosable], shifts: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    """Return mean word precision, recall and F1 of every preset."""
    presets = {}
    for favor in FAVORS:
        rates = [word_rates(page.words, _choose(page, shift=shifts[favor])) for page in pages]
        precision, recall, f1 = (mean(column) for column in zip(*rates, strict=True))
        presets[favor] = _rounded(precision=precision, recall=recall, f1=f1)
    return presets


def _choose(page: Choosable, threshold: float | None = None, shift: float = 0.0) -> NDArray[np.bool_]:
    labels, _ = choose_labels(page.probabilities, page.lengths, threshold=threshold, shift=shift)
    content: NDArray[np.bool_] = labels == 0
    return content


def _rounded(**values: float) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else round(value, 4) for name, value in values.items()}
