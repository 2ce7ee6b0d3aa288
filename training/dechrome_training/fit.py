"""Samples -> model: tables of words, networks, calibration; and the cross-validation that the scores come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from dechrome.adapting import average_blocks, model_for
from dechrome.artefact import KINDS, LABELS, TAIL_BITS, TAIL_KINDS, Model, Network
from dechrome.blocks import Kind, Label
from dechrome.characters import IntArray
from dechrome.context import FloatArray
from dechrome.features import INPUT_NAMES
from dechrome.inference import Scores, draft_of, final_inputs, network_inputs, predict_proba
from dechrome.refining import DRAFT_NAMES, measure_draft
from dechrome_training.calibration import identity, measure_calibration
from dechrome_training.corpus import OWN_SOURCE
from dechrome_training.gates import fit_gate
from dechrome_training.networks import fit_narrowed, fit_network
from dechrome_training.recipe import NetworkRecipe, Recipe
from dechrome_training.samples import UNKNOWN, Sample
from dechrome_training.site import fit_sites
from dechrome_training.words import Bags, Tables, collect_bags, fit_tables, score_blocks

Report = Callable[[str], None]
_FULL: Final = 30  # known blocks from which on all pages count alike
_SCALE: Final = 15.0  # of all weights: what the regularisation of the tables of words is relative to
JOBS: Final = 2  # models fitted at a time: each holds the inputs of its samples, 4 GB on the full sets
_HIDDEN_IN_KINDS: Final = np.array(
    [name.startswith(("cue_", "cues_", "inside_", "tag_")) for name in (*INPUT_NAMES, *DRAFT_NAMES)]
)  # what weak labels of kinds were read off; hidden in every other page, so that text and place do the work too
# How far the weak labels of a kind count: these are wrong most often (teasers in boxes called "ad", menus in a box
# for the reader's account).
_TRUST: Final = {Kind.ADVERTISEMENT: 0.15, Kind.ACCOUNT: 0.4}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model that never saw the page's site says of one sample: raw probabilities per block."""

    sample: Sample
    labels: FloatArray
    kinds: FloatArray


class Unseen(NamedTuple):
    """What tables and drafts that have not seen a sample make of its blocks; ``draft`` is their part of content."""

    scores: Scores
    draft: FloatArray


class Trained(NamedTuple):
    """A fitted model, its predictions for sites not seen, and, by number, what was asked of some of the samples."""

    model: Model
    predictions: list[Prediction]
    unseen: dict[int, Unseen]


def block_weights(shares: FloatArray, images: NDArray[np.bool_], lengths: IntArray, weight: float) -> FloatArray:
    """Return the weight of each block in training: by its length and by how clear its label is; 0 if not known.

    A page counts by the root of its number of known blocks up to 30, so that neither long listings nor long threads
    drown the articles.
    """
    shares = np.where(images, 0.0, shares)
    raw = (lengths + 2.0) ** 0.75 * (0.3 + 1.4 * np.abs(shares - 0.5))
    raw[np.isnan(raw)] = 0.0
    total = raw.sum()
    known = int((raw > 0).sum())
    scaled: FloatArray = (raw / total * np.sqrt(min(known, _FULL)) * _SCALE * weight if total > 0 else raw).astype(
        np.float32
    )
    return scaled


def train(
    samples: Sequence[Sample], folds: Sequence[int], recipe: Recipe, report: Report, keep: Collection[int] = ()
) -> Trained:
    """Fit the model on everything, and cross-validate it: its calibration comes from that.

    Samples of a negative fold are in training for every fold; samples of our own phrases are never predicted. Of the
    samples whose numbers are in ``keep``, what the model's networks were shown is returned, too.
    """
    *parts, (model, _, unseen) = _fit_all(samples, folds, [*_usable(folds), None], recipe, report, keep)
    predictions = [prediction for _, part, _ in parts for prediction in part]
    return Trained(replace(model, settings=_calibrate(predictions, recipe)), predictions, unseen)


def cross_validate(
    samples: Sequence[Sample], folds: Sequence[int], recipe: Recipe, report: Report
) -> tuple[list[Prediction], dict[str, Any]]:
    """Predict every sample by a model that has not seen its fold; return that, and the calibration that follows."""
    parts = _fit_all(samples, folds, _usable(folds), recipe, report)
    predictions = [prediction for _, part, _ in parts for prediction in part]
    return predictions, _calibrate(predictions, recipe)


def _fit_all(
    samples: Sequence[Sample],
    folds: Sequence[int],
    left_out: Sequence[int | None],
    recipe: Recipe,
    report: Report,
    keep: Collection[int] = (),
) -> list[Trained]:
    """Fit a model without each of the folds, and let it predict that fold; ``keep`` is for the one without none."""
    weights = sample_weights(samples, recipe)
    bags = collect_bags(samples, folds, np.concatenate(weights))
    numbers = np.asarray(folds)

    def fit(fold: int | None) -> Trained:
        inside = np.ones(len(samples), bool) if fold is None else numbers != fold
        model, unseen = _fit(samples, numbers, bags, weights, inside, recipe, keep if fold is None else ())
        report("final model fitted" if fold is None else f"fold {fold + 1} of {recipe.folds} fitted")
        outside = (samples[i] for i in np.flatnonzero(~inside).tolist())
        return Trained(model, predict(model, [sample for sample in outside if sample.source != OWN_SOURCE]), unseen)

    with steady():  # threads share the samples
        return list(Parallel(n_jobs=JOBS, prefer="threads")(delayed(fit)(fold) for fold in left_out))


@contextmanager
def steady() -> Iterator[None]:
    """Give every fit one core, so that sums come in the same order on every machine."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the numbers of iterations are the recipe's
        yield


def _usable(folds: Sequence[int]) -> list[int]:
    """Return the folds that can be left out: something is in them, and something is not."""
    numbers = np.asarray(folds)
    return [fold for fold in np.unique(numbers[numbers >= 0]).tolist() if (numbers != fold).any()]


def _calibrate(predictions: Sequence[Prediction], recipe: Recipe) -> dict[str, Any]:
    if not predictions:
        return identity()
    settings = measure_calibration(predictions, recipe)
    return {**settings, **fit_sites(predictions, settings)}


def predict(model: Model, samples: Sequence[Sample]) -> list[Prediction]:
    """Predict raw probabilities, one page at a time, as the runtime does."""
    predictions = []
    for sample in samples:
        head = head_of(sample)
        inputs = final_inputs(model, head, [sample.features])
        adapted = model_for(model, head, inputs, sample.features.lengths)
        labels, kinds = (predict_proba(adapted.heads[name], inputs) for name in (head, "kind"))
        predictions.append(Prediction(sample, labels, kinds))
    return predictions


def head_of(sample: Sample) -> str:
    """Return the name of the network that labels the sample."""
    return "html" if sample.view == "html" else "text"


def sample_weights(samples: Sequence[Sample], recipe: Recipe) -> list[FloatArray]:
    """Return the weights of every sample's blocks under the recipe's weights for sets and views."""
    return [
        block_weights(s.shares, s.images, s.features.lengths, page_weight(s.source, s.view, recipe)) for s in samples
    ]


def page_weight(source: str, view: str, recipe: Recipe) -> float:
    """Return the weight of a page of a set, written in one of the views."""
    return recipe.sets.get(source, 1.0) * recipe.views[view]


class _Rows(NamedTuple):
    """The blocks of the pages of one head, joined: what its networks learn from.

    ``inputs`` are those of the final networks. ``parts`` says which rows may not draft each other; page ``i`` has the
    rows ``starts[i]:starts[i + 1]``.
    """

    samples: list[Sample]
    starts: NDArray[np.int64]
    inputs: FloatArray
    targets: NDArray[np.int8]
    weights: FloatArray
    parts: NDArray[np.int64]


def _fit(
    samples: Sequence[Sample],
    folds: NDArray[np.int64],
    bags: Bags,
    weights: Sequence[FloatArray],
    inside: NDArray[np.bool_],
    recipe: Recipe,
    keep: Collection[int],
) -> tuple[Model, dict[int, Unseen]]:
    """Fit tables and networks on the samples inside; return what the networks were shown of the samples to keep."""
    sizes = [len(sample.shares) for sample in samples]
    tables, scores = _stack_tables(bags, np.repeat(inside, sizes), recipe)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    within: list[int] = np.flatnonzero(inside).tolist()
    heads: dict[str, Network] = {}
    kinds: list[_KindRows] = []
    unseen: dict[int, Unseen] = {}
    for head in ("html", "text"):
        chosen = [i for i in within if head_of(samples[i]) == head] or within
        rows = _join_rows(
            [samples[i] for i in chosen],
            [_scores_of(scores, starts, i) for i in chosen],
            [weights[i] for i in chosen],
            # A phrase is a page of one line: the part of its text, which tables that score it have not seen.
            np.array([bags.parts[starts[i]] if samples[i].view == "phrase" else folds[i] for i in chosen]),
        )
        heads[draft_of(head)], drafted = _draft(rows, recipe)
        for i, start, end in zip(chosen, rows.starts, rows.starts[1:], strict=False):
            if i in keep:
                unseen[i] = Unseen(_scores_of(scores, starts, i), drafted[start:end])
        heads |= _fit_final(head, rows, recipe)
        kinds.append(_kind_rows(rows))
    heads["kind"] = _fit_kinds(kinds, recipe)
    no_tails = np.zeros((1 << TAIL_BITS, len(TAIL_KINDS)), np.float32)  # fitted apart, see tails.py
    return Model(heads, tables.words, tables.cues, no_tails, {}), unseen


def _scores_of(scores: Scores, starts: NDArray[np.int64], sample: int) -> Scores:
    rows = slice(starts[sample], starts[sample + 1])
    return Scores(scores.words[rows], scores.cues[rows])


def _join_rows(
    samples: list[Sample], scores: Sequence[Scores], weights: Sequence[FloatArray], folds: NDArray[np.int64]
) -> _Rows:
    sizes = [len(sample.shares) for sample in samples]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    inputs = np.empty((starts[-1], len(INPUT_NAMES) + len(DRAFT_NAMES)), np.float32)
    for sample, score, start, end in zip(samples, scores, starts, starts[1:], strict=False):
        inputs[start:end, : len(INPUT_NAMES)] = network_inputs(sample.features, score)
    targets = np.concatenate([sample.targets for sample in samples])
    return _Rows(samples, starts, inputs, targets, np.concatenate(weights), np.repeat(folds, sizes))


def _draft(rows: _Rows, recipe: Recipe) -> tuple[Network, FloatArray]:
    """Fit the draft network, and fill in what drafts that have not seen a page's part make of the page."""
    inputs = rows.inputs[:, : len(INPUT_NAMES)]
    content = np.zeros(len(inputs), np.float32)

    for part in np.unique(rows.parts):
        network = _fit_labels(rows, inputs, rows.parts != part, recipe.draft)
        for own in np.array_split(np.flatnonzero(rows.parts == part), 10):
            content[own] = predict_proba(network, inputs[own])[:, 0]
    for sample, start, end in zip(rows.samples, rows.starts, rows.starts[1:], strict=False):
        rows.inputs[start:end, len(INPUT_NAMES) :] = measure_draft(content[start:end], sample.features)
    return _fit_labels(rows, inputs, np.ones(len(rows.targets), bool), recipe.draft), content


def _stack_tables(bags: Bags, inside: NDArray[np.bool_], recipe: Recipe) -> tuple[Tables, Scores]:
    """Fit the tables on all rows inside, and score each row inside by tables that have not seen its part."""
    count = len(bags.targets)
    scores = Scores(
        np.zeros((count, len(KINDS) + 2), np.float32),
        np.zeros(count, np.float32),
    )
    for part in np.unique(bags.parts[inside]):
        own = inside & (bags.parts == part)
        score_blocks(bags, fit_tables(bags, inside & ~own, recipe), own, scores)
    return fit_tables(bags, inside, recipe), scores


def _fit_labels(rows: _Rows, inputs: FloatArray, chosen: NDArray[np.bool_], recipe: NetworkRecipe) -> Network:
    known = _known(rows, chosen)
    if not known.size:  # a single part: nothing else to learn from
        known = _known(rows, np.ones(len(rows.targets), bool))
    return fit_network(inputs, known, rows.targets[known], rows.weights[known], len(LABELS), recipe)


def _known(rows: _Rows, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the numbers of the chosen rows whose label is known."""
    return np.flatnonzero(chosen & (rows.weights > 0) & (rows.targets != UNKNOWN))


def _fit_final(head: str, rows: _Rows, recipe: Recipe) -> dict[str, Network]:
    """Fit the network that labels, and for HTML one that goes on with articles, with the gate that leads to it.

    Annotated pages of no stated type count as articles. Where pages of one of the two sorts are few, or lack one of the
    labels, there is only the first.
    """
    is_article = np.array([sample.page_type in (None, "article") for sample in rows.samples])
    known = _known(rows, np.ones(len(rows.targets), bool))
    article_rows = np.repeat(is_article, np.diff(rows.starts))[known]
    few = min(is_article.sum(), (~is_article).sum()) < recipe.articles.least_pages
    lacking = np.setdiff1d(rows.targets[known], rows.targets[known][article_rows]).size
    if head != "html" or few or lacking:
        return {head: _fit_labels(rows, rows.inputs, np.ones(len(rows.targets), bool), recipe.labels)}
    wide, narrow = fit_narrowed(
        rows.inputs, known, rows.targets[known], rows.weights[known], len(LABELS), recipe.labels,
        article_rows, recipe.articles.epochs,
    )  # fmt: skip
    means = np.stack(
        [
            average_blocks(rows.inputs[start:end], sample.features.lengths)
            for sample, start, end in zip(rows.samples, rows.starts, rows.starts[1:], strict=False)
        ]
    )
    gate = fit_gate(wide, means[~is_article], means[is_article], recipe.articles.regularisation, balanced=False)
    return {head: wide, f"{head}_own0": narrow, f"{head}_gate0": gate}


class _KindRows(NamedTuple):
    inputs: FloatArray
    kinds: NDArray[np.int8]
    weights: FloatArray


def _kind_rows(rows: _Rows) -> _KindRows:
    """Return the rows of known kind; in every other HTML page without the markup that weak labels were read off."""
    kinds = np.concatenate([sample.kinds for sample in rows.samples])
    known = np.flatnonzero((kinds != UNKNOWN) & (rows.targets == LABELS.index(Label.CHROME)))
    inputs = rows.inputs[known]
    pages = np.searchsorted(rows.starts, known, side="right")
    is_html = np.array([sample.view == "html" for sample in rows.samples])[pages - 1]
    inputs[np.ix_(is_html & (pages % 2 == 0), _HIDDEN_IN_KINDS)] = 0
    return _KindRows(inputs, kinds[known], np.sqrt(np.maximum(rows.weights[known], 1e-3)))


def _fit_kinds(parts: Sequence[_KindRows], recipe: Recipe) -> Network:
    inputs, kinds, weights = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    # Rare kinds count more, by the root of how rare they are, or navigation would swallow them.
    counts = np.bincount(kinds, minlength=len(KINDS))
    rarity = np.sqrt(counts.sum() / np.maximum(counts, 1)).astype(np.float32)
    for kind, trust in _TRUST.items():
        rarity[KINDS.index(kind)] *= trust
    return fit_network(inputs, np.arange(len(kinds)), kinds, weights * rarity[kinds], len(KINDS), recipe.kinds)
