"""A retraining run: label files and a model in, a model folder and a verdict out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import LABELS, Model, Network, read_model, write_model
from dechrome.blocks import Label
from dechrome.context import FloatArray
from dechrome.errors import DataError
from dechrome_training.calibration import decide
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.judging import Judgement, judge_prediction
from dechrome_training.evaluation.selection import read_set
from dechrome_training.fit import Prediction, steady
from dechrome_training.retraining.base import FILE, BaseSample, read_base
from dechrome_training.retraining.report import write_report
from dechrome_training.retraining.rows import PageRows, measure_rows, word_f1
from dechrome_training.retraining.search import (
    MOST_LOSS,
    Learned,
    Task,
    fit_gates,
    follow,
    learn_more,
    mean_of,
    predict_pages,
    score_pages,
    search,
    site_folds,
    user_rows,
)
from dechrome_training.retraining.verdict import CheckPage, Verdict, judge
from dechrome_training.samples import UNKNOWN, Sample, page_samples

Report = Callable[[str], None]
NETWORKS: Final = ("html", "text", "kind")  # that go on learning
_OLD_SCORES: Final = frozenset(("scores", "data", "folds", "peers", "site_scores"))
_SCORED_VIEWS: Final = ("html", "lines")


class Retrained(NamedTuple):
    """A retrained model, and what is said of it."""

    model: Model
    verdict: Verdict


class _Part(NamedTuple):
    """What was found for one network: ``blend`` is how far to follow what it learned, ``unseen`` as in a search."""

    learned: Learned | None
    blend: float
    unseen: list[FloatArray]


def run_retraining(add: Sequence[Path], base: Path, out: Path, report: Report) -> Verdict:
    """Retrain a model on label files; write the new model's folder with a report, and return the verdict.

    ``base`` is the folder of the model to start from, with its base sample. The same files give the same bytes.

    Raises:
        DataError: a label file is missing or malformed, or holds no page that is done.
        ModelError: the base model or its sample is missing or damaged, or made for other features.
    """
    model = read_model(base)
    sample = read_base(base, model)
    pages = read_pages(add)
    report(f"{len(pages)} labelled pages read")
    retrained = retrain(model, sample, pages, report)
    write_model(out, retrained.model)
    if (out / FILE).resolve() != (base / FILE).resolve():
        shutil.copyfile(base / FILE, out / FILE)
    write_report(out, retrained.verdict)
    report(f"model and report written to {out}")
    return retrained.verdict


def read_pages(paths: Sequence[Path]) -> list[AnnotatedPage]:
    """Read the labelled pages of label files and parquet sets; of pages with the same id, the last.

    Raises:
        DataError: a file is missing or malformed, or there is no page.
    """
    pages = {page.id: page for path in paths for page in read_set(path)}
    if not pages:
        raise DataError(f"{', '.join(map(str, paths))}: no page there that is labelled to its end")
    return list(pages.values())


def retrain(
    model: Model,
    sample: BaseSample,
    pages: Sequence[AnnotatedPage],
    report: Report,
    networks: Sequence[str] = NETWORKS,
) -> Retrained:
    """Go on training a model's final networks on labelled pages, beside its base sample.

    Word tables and drafts stay as they are, and so do networks that are not among ``networks``. Pages unlike the
    labelled ones get the old weights.
    """
    samples = [s for page in pages for s in page_samples(page) if len(s.shares)]
    rows = measure_rows(model, samples)
    fold_of = dict(zip([p.id for p in pages], site_folds([p.group for p in pages]), strict=True))
    report(f"pages measured: {sum(len(page.shares) for page in rows)} rows")
    gates = fit_gates(model, sample.learn, rows)
    learned: dict[str, Learned] = {}
    blends: dict[str, float] = {}
    unseen: dict[str, list[FloatArray]] = {}
    for name in NETWORKS:
        own = [n for n, page in enumerate(rows) if name in (page.head, "kind")]
        part = None
        if name in networks:
            part = _retrain_head(model, name, sample, [rows[n] for n in own], fold_of, gates)
        blends[name] = part.blend if part else 0.0
        if part and part.learned:
            learned[name] = part.learned
        found = dict(zip(own, part.unseen if part else predict_pages(model, name, [rows[n] for n in own]), strict=True))
        unseen[name] = [found.get(n, np.zeros((0, 0), np.float32)) for n in range(len(rows))]
        report(f"network {name}: {blends[name]:g} of the way" if blends[name] else f"network {name}: as it was")
    fitted = follow(model, learned, blends, gates) if learned else model
    kept_as = {"text" if page.text is not None else "html" for page in pages}
    changed = any(blends[head] for head in kept_as)
    check = _check_pages(model, fitted, sample.check)
    verdict = judge(*_judge_pages(model, fitted, samples, rows, unseen), check, changed)
    return Retrained(replace(fitted, settings=_settings(model, pages, blends, verdict)), verdict)


def _retrain_head(
    model: Model,
    name: str,
    sample: BaseSample,
    pages: Sequence[PageRows],
    fold_of: dict[str, int],
    gates: dict[str, Network],
) -> _Part | None:
    """Find out how far to go with one network, and fit it; None if there is nothing to learn."""
    task = _task(model, name)
    if user_rows(model, name, pages, task) is None:
        return None
    base, check = ([page for page in part if name in (page.head, "kind")] for part in sample)
    found = search(model, name, base, check, pages, [fold_of[page.id] for page in pages], task)
    choices = found.choices()
    with steady():
        learned = learn_more(model, name, base, pages, task) if choices else None
    if learned:
        old = score_pages(model, name, check, task)
        for farther in choices:
            new = score_pages(follow(model, {name: learned}, {name: farther}, gates), name, check, task)
            if mean_of(old - new) <= MOST_LOSS:
                return _Part(learned, farther, found.probabilities[farther])
    return _Part(None, 0.0, found.probabilities[0.0])


def _task(model: Model, name: str) -> Task:
    """Return what a network learns and how it is measured."""
    if name == "kind":
        return Task(_kind_targets, lambda page: page.targets != LABELS.index(Label.CONTENT), _kind_score)

    def score(page: PageRows, probabilities: FloatArray) -> float:
        if page.gold_words is None or page.view not in _SCORED_VIEWS:
            return float("nan")
        return word_f1(page, decide(probabilities, page.lengths, name, model.settings)[0])

    return Task(lambda page: page.targets, lambda page: np.ones(len(page.shares), bool), score)


def _kind_targets(page: PageRows) -> NDArray[np.int8]:
    return np.where(page.targets == LABELS.index(Label.CHROME), page.kinds, UNKNOWN).astype(np.int8)


def _kind_score(page: PageRows, probabilities: FloatArray) -> float:
    """Return the share of the blocks of known kind whose kind is found."""
    kinds = _kind_targets(page)
    known = kinds != UNKNOWN
    return float((probabilities.argmax(axis=1) == kinds)[known].mean()) if known.any() else float("nan")


def _judge_pages(
    old: Model, new: Model, samples: Sequence[Sample], rows: Sequence[PageRows], unseen: dict[str, list[FloatArray]]
) -> tuple[list[Sample], list[tuple[Judgement, Judgement]]]:
    """Judge the user's pages under the new and the old model, each page by networks that have not seen its site."""
    shown = [n for n, page in enumerate(rows) if page.view in _SCORED_VIEWS]
    pairs = []
    for n in shown:
        heads = (rows[n].head, "kind")
        after = Prediction(samples[n], *(unseen[name][n] for name in heads))
        before = Prediction(samples[n], *(predict_pages(old, name, [rows[n]])[0] for name in heads))
        pairs.append((judge_prediction(after, new.settings), judge_prediction(before, old.settings)))
    return [samples[n] for n in shown], pairs


def _check_pages(old: Model, new: Model, pages: Sequence[PageRows]) -> list[CheckPage]:
    found = []
    for page in pages:
        score = _task(old, page.head).score
        before, after = (score(page, predict_pages(model, page.head, [page])[0]) for model in (old, new))
        found.append(CheckPage(page.group, page.view, page.page_type, before, after))
    return found


def _settings(
    model: Model, pages: Sequence[AnnotatedPage], blends: dict[str, float], verdict: Verdict
) -> dict[str, Any]:
    """Return what ``model.json`` says of the retrained model: scores of the old one are not its own."""
    kept = {name: value for name, value in model.settings.items() if name not in _OLD_SCORES}
    origin = dict(model.settings.get("origin", {}))
    origin["labels"] = origin.get("labels", 0) + len(pages)
    retrained = {
        "base": model.digest,
        "pages": len(pages),
        "sites": len({page.group for page in pages}),
        "networks": blends,
        "use": verdict.use,
        "verdict": verdict.sentence,
    }
    return {**kept, "origin": dict(sorted(origin.items())), "retrained": retrained}
