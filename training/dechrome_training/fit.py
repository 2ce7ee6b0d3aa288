"""Samples -> model: tables of words, networks, calibration; and the cross-validation that the scores come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from dechrome.artefact import KINDS, LABELS, Model, Network
from dechrome.context import FloatArray
from dechrome.features import INPUT_NAMES
from dechrome.inference import Scores, network_inputs, predict_proba, score_words
from dechrome_training.calibration import identity, measure_calibration
from dechrome_training.corpus import OWN_SOURCE
from dechrome_training.networks import JOBS, fit_network
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN, Sample
from dechrome_training.words import Bags, Tables, collect_bags, fit_tables, score_blocks

Report = Callable[[str], None]
_HIDDEN_IN_KINDS: Final = np.array(
    [name.startswith(("cue_", "cues_", "inside_", "tag_")) for name in INPUT_NAMES]
)  # what weak labels of kinds were read off; hidden in every other page, so that text and place do the work too


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model that never saw the page's site says of one sample: raw probabilities per block."""

    sample: Sample
    labels: FloatArray
    kinds: FloatArray


def block_weights(sample: Sample, weight: float) -> FloatArray:
    """Return the weight of each block in training: by its length and by how clear its label is; 0 if not known.

    A page counts by the root of its number of blocks, so that long listings do not drown the articles.
    """
    shares = np.where(sample.images, 0.0, sample.shares)
    raw = np.sqrt(sample.features.lengths + 2.0) * (0.3 + 1.4 * np.abs(shares - 0.5))
    raw[np.isnan(raw)] = 0.0
    total = raw.sum()
    known = int((raw > 0).sum())
    scaled: FloatArray = (raw / total * np.sqrt(known) * 5.0 * weight if total > 0 else raw).astype(np.float32)
    return scaled


def train(
    samples: Sequence[Sample], folds: Sequence[int], recipe: Recipe, report: Report
) -> tuple[Model, list[Prediction]]:
    """Cross-validate, calibrate on what that predicts, and fit the model on everything.

    Samples of a negative fold are in training for every fold; samples of our own phrases are never predicted.
    """
    weights = sample_weights(samples, recipe)
    bags = collect_bags(samples, folds, np.concatenate(weights))
    numbers = np.asarray(folds)

    def run_fold(fold: int) -> list[Prediction]:
        model = _fit(samples, bags, weights, numbers != fold, recipe, recipe.fold_members)
        report(f"fold {fold + 1} of {recipe.folds} fitted")
        inside = (sample for sample, number in zip(samples, folds, strict=True) if number == fold)
        return predict(model, [sample for sample in inside if sample.source != OWN_SOURCE])

    # Threads share the samples; one core each keeps sums in the same order on every machine.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the numbers of iterations are the recipe's
        usable = [fold for fold in range(recipe.folds) if 0 < (numbers == fold).sum() < len(samples)]
        parts = Parallel(n_jobs=JOBS, prefer="threads")(delayed(run_fold)(fold) for fold in usable)
        model = _fit(samples, bags, weights, np.ones(len(samples), bool), recipe, recipe.members)
    report("final model fitted")
    predictions = [prediction for part in parts for prediction in part]
    settings = measure_calibration(predictions, recipe) if predictions else identity()
    return Model(model.heads, model.word_table, model.cue_table, settings), predictions


def predict(model: Model, samples: Sequence[Sample]) -> list[Prediction]:
    """Predict raw probabilities, one page at a time, as the runtime does."""
    predictions = []
    for sample in samples:
        inputs = network_inputs(sample.features, score_words(model, sample.features))
        head = "html" if sample.view == "html" else "text"
        labels = predict_proba(model.heads[head], inputs)
        predictions.append(Prediction(sample, labels, predict_proba(model.heads["kind"], inputs)))
    return predictions


def sample_weights(samples: Sequence[Sample], recipe: Recipe) -> list[FloatArray]:
    """Return the weights of every sample's blocks under the recipe's weights for sets and views."""
    return [block_weights(s, recipe.sets.get(s.source, 1.0) * recipe.views[s.view]) for s in samples]


def _fit(
    samples: Sequence[Sample],
    bags: Bags,
    weights: Sequence[FloatArray],
    inside: NDArray[np.bool_],
    recipe: Recipe,
    members: int,
) -> Model:
    """Fit tables and networks on the samples inside."""
    sizes = [len(sample.shares) for sample in samples]
    rows_inside = np.repeat(inside, sizes)
    tables, scores = _stack_tables(bags, rows_inside, recipe)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    chosen = [
        (sample, weight, network_inputs(sample.features, Scores(scores.words[start:end], scores.cues[start:end])))
        for sample, weight, start, end, is_inside in zip(samples, weights, starts, starts[1:], inside, strict=False)
        if is_inside
    ]
    heads: dict[str, Network] = {}
    for head in ("html", "text"):
        part = [item for item in chosen if (item[0].view == "html") == (head == "html")]
        heads[head] = _fit_labels(part or chosen, recipe, members)
    heads["kind"] = _fit_kinds(chosen, recipe, min(members, recipe.kind_members))
    return Model(heads, tables.words, tables.cues, {})


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


_Item = tuple[Sample, FloatArray, FloatArray]  # with the weights and the inputs of its blocks


def _fit_labels(items: Sequence[_Item], recipe: Recipe, members: int) -> Network:
    inputs, targets, weights = [], [], []
    for sample, weight, rows in items:
        known = np.flatnonzero((weight > 0) & (sample.targets != UNKNOWN))
        inputs.append(rows[known])
        targets.append(sample.targets[known])
        weights.append(weight[known])
    return _fit_joined(inputs, targets, weights, len(LABELS), members, recipe)


def _fit_kinds(items: Sequence[_Item], recipe: Recipe, members: int) -> Network:
    inputs, targets, weights = [], [], []
    for number, (sample, weight, all_rows) in enumerate(items):
        known = np.flatnonzero((sample.kinds != UNKNOWN) & (sample.targets == 2))
        if known.size:
            rows = all_rows[known]
            if sample.view == "html" and number % 2:
                rows[:, _HIDDEN_IN_KINDS] = 0
            inputs.append(rows)
            targets.append(sample.kinds[known])
            weights.append(np.sqrt(np.maximum(weight[known], 1e-3)))
    # Rare kinds count more, by the root of how rare they are, or navigation would swallow them.
    counts = np.bincount(np.concatenate(targets), minlength=len(KINDS)) if targets else np.ones(len(KINDS))
    rarity = np.sqrt(counts.sum() / np.maximum(counts, 1))
    weights = [weight * rarity[target] for weight, target in zip(weights, targets, strict=True)]
    return _fit_joined(inputs, targets, weights, len(KINDS), members, replace(recipe, alpha=recipe.kind_alpha))


def _fit_joined(
    inputs: list[Any], targets: list[Any], weights: list[Any], classes: int, members: int, recipe: Recipe
) -> Network:
    weight = np.concatenate(weights)
    return fit_network(
        np.concatenate(inputs), np.concatenate(targets), weight / weight.mean(), classes, members, recipe
    )
