"""Samples -> model, calibrated, and the cross-validation that calibration and scores come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from dechrome.adapting import model_for
from dechrome.artefact import Model
from dechrome.context import FloatArray
from dechrome.inference import final_inputs, predict_proba
from dechrome_training.calibration import identity, measure_calibration
from dechrome_training.corpus import OWN_SOURCE
from dechrome_training.recipe import Recipe
from dechrome_training.samples import Sample, head_of
from dechrome_training.site import fit_sites
from dechrome_training.stacking import Unseen, fit_stack
from dechrome_training.weights import sample_weights
from dechrome_training.words import collect_bags

Report = Callable[[str], None]
JOBS: Final = 2  # models fitted at a time: each holds the inputs of its samples, 4 GB on the full sets


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model that never saw the page's site says of one sample: raw probabilities per block."""

    sample: Sample
    labels: FloatArray
    kinds: FloatArray


class Trained(NamedTuple):
    """A fitted model, its predictions for sites not seen, and, by number, what was asked of some of the samples."""

    model: Model
    predictions: list[Prediction]
    unseen: dict[int, Unseen]


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
        model, unseen = fit_stack(samples, numbers, bags, weights, inside, recipe, keep if fold is None else ())
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
        head = head_of(sample.view)
        inputs = final_inputs(model, head, [sample.features])
        adapted = model_for(model, head, inputs, sample.features.lengths)
        labels, kinds = (predict_proba(adapted.heads[name], inputs) for name in (head, "kind"))
        predictions.append(Prediction(sample, labels, kinds))
    return predictions
