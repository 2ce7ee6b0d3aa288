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
from dechrome.inference import predict_proba
from dechrome_training.calibration import decide
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.judging import Judgement, judge_prediction
from dechrome_training.evaluation.selection import read_set
from dechrome_training.fit import Prediction
from dechrome_training.retraining.base import FILE, BaseSample, read_base
from dechrome_training.retraining.report import write_report
from dechrome_training.retraining.rows import PageRows, measure_rows, word_f1
from dechrome_training.retraining.search import (
    BLENDS,
    STAY,
    Setting,
    Task,
    fit_on,
    join,
    learn_rows,
    mean_score,
    mix,
    search,
    site_folds,
    soften,
)
from dechrome_training.retraining.verdict import MOST_LOSS, CheckPage, Verdict, judge
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
    """What was found for one network; ``control`` has learned as long, but from the base sample alone."""

    network: Network
    control: Network
    setting: Setting
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
    """Go on training a model's final networks on labelled pages, mixed with its base sample.

    Word tables and drafts stay as they are, and so do networks that are not among ``networks``.
    """
    samples = [s for page in pages for s in page_samples(page) if len(s.shares)]
    rows = measure_rows(model, samples)
    fold_of = dict(zip([p.id for p in pages], site_folds([p.group for p in pages]), strict=True))
    report(f"pages measured: {sum(len(page.shares) for page in rows)} rows")
    heads, controls = dict(model.heads), dict(model.heads)
    unseen: dict[str, list[FloatArray]] = {}
    settings: dict[str, Setting] = {}
    for name in NETWORKS:
        task = _task(model, name)
        own = [n for n, page in enumerate(rows) if name in (page.head, "kind")]
        if name not in networks:
            settings[name], unseen[name] = STAY, join(rows).predict(model.heads[name])
            continue
        part = _retrain_head(model.heads[name], task, sample, [rows[n] for n in own], name, fold_of)
        heads[name], controls[name], settings[name] = part.network, part.control, part.setting
        found = dict(zip(own, part.unseen, strict=True))
        unseen[name] = [found.get(n, np.zeros((0, 0), np.float32)) for n in range(len(rows))]
        share, epochs, blend = part.setting
        report(
            f"network {name}: your share {share:g}, {epochs} epochs, {blend:g} of the way"
            if blend
            else f"network {name}: as it was"
        )
    fitted = replace(model, heads=heads)
    kept_as = {"text" if page.text is not None else "html" for page in pages}
    changed = any(settings[head] != STAY for head in kept_as)
    check = [_check_page(replace(model, heads=controls), fitted, page) for page in sample.check]
    verdict = judge(*_judge_pages(model, fitted, samples, rows, unseen), check, changed)
    return Retrained(replace(fitted, settings=_settings(model, pages, settings, verdict)), verdict)


def _retrain_head(
    network: Network, task: Task, sample: BaseSample, pages: Sequence[PageRows], name: str, fold_of: dict[str, int]
) -> _Part:
    """Search the settings of one network, and fit it; it stays as it is where there is nothing to learn."""
    stay = join(pages).predict(network)
    if not any((task.targets(page) != UNKNOWN).any() for page in pages):
        return _Part(network, network, STAY, stay)
    base = soften(network, [page for page in sample.learn if name in (page.head, "kind")], task)
    check = join([page for page in sample.check if name in (page.head, "kind")])
    found = search(network, base, pages, [fold_of[page.id] for page in pages], check, task)
    user = learn_rows(network, pages, task)
    limit = 1.0
    while True:
        setting, unseen = found.best(limit)
        if setting == STAY:
            return _Part(network, network, STAY, stay)
        new = fit_on(network, mix(base, user, setting.share), setting)
        control = fit_on(network, base, setting) if base.targets.size else network
        if mean_score(control, check, task) - mean_score(new, check, task) <= MOST_LOSS:
            return _Part(new, control, setting, unseen)
        limit = max(blend for blend in (0.0, *BLENDS) if blend < setting.blend)  # nearer to the old network


def _task(model: Model, name: str) -> Task:
    """Return what a network learns and how it is measured."""
    if name == "kind":
        return Task(_kind_targets, _kind_score)

    def score(page: PageRows, probabilities: FloatArray) -> float:
        if page.gold_words is None or page.view not in _SCORED_VIEWS:
            return float("nan")
        return word_f1(page, decide(probabilities, page.lengths, name, model.settings)[0])

    return Task(lambda page: page.targets, score)


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
        before = Prediction(samples[n], *(predict_proba(old.heads[name], rows[n].inputs) for name in heads))
        pairs.append((judge_prediction(after, new.settings), judge_prediction(before, old.settings)))
    return [samples[n] for n in shown], pairs


def _check_page(old: Model, new: Model, page: PageRows) -> CheckPage:
    before, after = (
        _task(model, page.head).score(page, predict_proba(model.heads[page.head], page.inputs)) for model in (old, new)
    )
    return CheckPage(page.group, page.view, page.page_type, before, after)


def _settings(
    model: Model, pages: Sequence[AnnotatedPage], settings: dict[str, Setting], verdict: Verdict
) -> dict[str, Any]:
    """Return what ``model.json`` says of the retrained model: scores of the old one are not its own."""
    kept = {name: value for name, value in model.settings.items() if name not in _OLD_SCORES}
    origin = dict(model.settings.get("origin", {}))
    origin["labels"] = origin.get("labels", 0) + len(pages)
    retrained = {
        "base": model.digest,
        "pages": len(pages),
        "sites": len({page.group for page in pages}),
        "networks": {name: setting._asdict() for name, setting in settings.items()},
        "use": verdict.use,
        "verdict": verdict.sentence,
    }
    return {**kept, "origin": dict(sorted(origin.items())), "retrained": retrained}
