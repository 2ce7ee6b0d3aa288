"""Networks: scikit-learn's multilayer perceptrons, as arrays."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import CLIP
from dechrome_training.recipe import NetworkRecipe

ABSENT: Final = -30.0  # bias of a class not seen in training: a probability of about 1e-13
_CHUNK: Final = 100_000  # rows standardised at once: bounds memory


def fit_network(
    inputs: FloatArray,
    rows: NDArray[np.int64],
    targets: NDArray[np.int8],
    weights: FloatArray,
    classes: int,
    recipe: NetworkRecipe,
) -> Network:
    """Fit perceptrons that differ in their seed on the given rows of ``inputs``.

    ``targets``, numbers below ``classes``, and ``weights`` have a value for each of ``rows``.
    """
    mean, scale = _measure(inputs, rows)
    standard = np.empty((rows.size, inputs.shape[1]), np.float32)
    for start in range(0, rows.size, _CHUNK):
        part = standard[start : start + _CHUNK]
        np.clip((inputs[rows[start : start + _CHUNK]] - mean) * scale, -CLIP, CLIP, out=part)
    weights = weights / weights.mean()
    members = range(recipe.members)
    fitted = tuple(_fit_member(standard, targets, weights, classes, seed, recipe) for seed in members)
    return Network(mean, scale, fitted)


def _measure(inputs: FloatArray, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Return mean and inverse deviation of every column, in float64 sums over chunks."""
    sums, squares = np.zeros(inputs.shape[1]), np.zeros(inputs.shape[1])
    for start in range(0, rows.size, _CHUNK):
        part = inputs[rows[start : start + _CHUNK]].astype(np.float64)
        sums += part.sum(axis=0)
        squares += (part * part).sum(axis=0)
    mean = sums / rows.size
    deviation = np.sqrt(np.maximum(squares / rows.size - mean * mean, 0))
    scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0)
    return mean.astype(np.float32), scale.astype(np.float32)


def _fit_member(
    standard: FloatArray,
    targets: NDArray[np.int8],
    weights: FloatArray,
    classes: int,
    seed: int,
    recipe: NetworkRecipe,
) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """Fit one perceptron, each epoch with a smaller step than the one before."""
    model = MLPClassifier(
        recipe.hidden,
        alpha=recipe.alpha,
        batch_size=min(recipe.batch, len(targets)),
        max_iter=1,
        warm_start=True,
        random_state=np.random.RandomState(seed),
    )
    for epoch in range(recipe.epochs):
        model.set_params(learning_rate_init=recipe.learning_rate * recipe.decay**epoch)
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
    offsets = np.full(classes, ABSENT, biases.dtype)
    spread[:, present], offsets[present] = weights, biases
    return spread, offsets
