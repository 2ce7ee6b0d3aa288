"""Networks: scikit-learn's multilayer perceptrons, as arrays."""

from __future__ import annotations

from typing import Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import CLIP
from dechrome_training.recipe import Recipe

JOBS: Final = 2  # threads that fit


def fit_network(
    inputs: FloatArray, targets: NDArray[np.int8], weights: FloatArray, classes: int, members: int, recipe: Recipe
) -> Network:
    """Fit ``members`` perceptrons that differ in their seed; ``targets`` are numbers below ``classes``."""
    mean = inputs.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = inputs.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0).astype(np.float32)
    standard = np.clip((inputs - mean) * scale, -CLIP, CLIP)
    jobs = (delayed(_fit_member)(standard, targets, weights, classes, seed, recipe) for seed in range(members))
    fitted = Parallel(n_jobs=min(members, JOBS), prefer="threads")(jobs)
    return Network(mean, scale, tuple(fitted))


def _fit_member(
    standard: FloatArray, targets: NDArray[np.int8], weights: FloatArray, classes: int, seed: int, recipe: Recipe
) -> tuple[tuple[FloatArray, FloatArray], ...]:
    model = MLPClassifier(
        recipe.hidden,
        alpha=recipe.alpha,
        learning_rate_init=recipe.learning_rate,
        batch_size=min(recipe.batch, len(targets)),
        max_iter=recipe.epochs,
        n_iter_no_change=recipe.epochs + 1,
        random_state=seed,
    )
    model.fit(standard, targets, sample_weight=weights)
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    layers[-1] = _spread(*layers[-1], model.classes_, classes)
    return tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in layers)


def _spread(
    weights: FloatArray, biases: FloatArray, present: NDArray[np.int8], classes: int
) -> tuple[FloatArray, FloatArray]:
    """Give every class its column: a single logistic output becomes two, classes not seen get no chance."""
    if present.size == 2:
        weights, biases = np.hstack((-weights / 2, weights / 2)), np.concatenate((-biases / 2, biases / 2))
    spread = np.zeros((weights.shape[0], classes), weights.dtype)
    offsets = np.full(classes, -30.0, biases.dtype)  # a probability of about 1e-13
    spread[:, present], offsets[present] = weights, biases
    return spread, offsets
