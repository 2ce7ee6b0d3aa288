"""Networks: scikit-learn's multilayer perceptrons, as arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import CLIP
from dechrome_training.recipe import NetworkRecipe

ABSENT: Final = -30.0  # bias of a class not seen in training: a probability of about 1e-13
_CHUNK: Final = 100_000  # rows standardised at once: bounds memory


class Lesson(NamedTuple):
    """What a network learns: some rows of inputs, with a target (a number below ``classes``) and a weight for each."""

    inputs: FloatArray
    rows: NDArray[np.int64]
    targets: NDArray[np.int8]
    weights: FloatArray
    classes: int


def fit_network(lesson: Lesson, recipe: NetworkRecipe) -> Network:
    """Fit perceptrons that differ in their seed."""
    scale, standard = _standardise(lesson.inputs, lesson.rows)
    members = (_fit_member(standard, lesson.targets, lesson.weights, seed, recipe) for seed in range(recipe.members))
    return Network(*scale, tuple(_layers(member, lesson.classes) for member in members))


def fit_narrowed(
    lesson: Lesson, recipe: NetworkRecipe, narrow_weights: FloatArray, epochs: int
) -> tuple[Network, Network]:
    """Fit as ``fit_network`` does, and let the same perceptrons go on with some of the rows for more epochs.

    ``narrow_weights`` says how much each row counts then; those of weight 0 are left out. Returns both stages; weights
    between them make networks, too.

    Raises:
        ValueError: a class is not among the chosen rows.
    """
    scale, standard = _standardise(lesson.inputs, lesson.rows)
    targets, weights = lesson.targets, lesson.weights
    some = narrow_weights > 0
    wide, narrow = [], []
    for seed in range(recipe.members):
        member = _fit_member(standard, targets, weights, seed, recipe)
        wide.append(_layers(member, lesson.classes))
        _go_on(member, standard[some], targets[some], narrow_weights[some], replace(recipe, epochs=epochs))
        narrow.append(_layers(member, lesson.classes))
    return Network(*scale, tuple(wide)), Network(*scale, tuple(narrow))


def _standardise(inputs: FloatArray, rows: NDArray[np.int64]) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Return mean and inverse deviation of the columns, and the rows as the first layer sees them."""
    mean, scale = _measure(inputs, rows)
    standard = np.empty((rows.size, inputs.shape[1]), np.float32)
    for start in range(0, rows.size, _CHUNK):
        part = standard[start : start + _CHUNK]
        np.clip((inputs[rows[start : start + _CHUNK]] - mean) * scale, -CLIP, CLIP, out=part)
    return (mean, scale), standard


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
    standard: FloatArray, targets: NDArray[np.int8], weights: FloatArray, seed: int, recipe: NetworkRecipe
) -> MLPClassifier:
    """Fit one perceptron."""
    model = MLPClassifier(
        recipe.hidden, alpha=recipe.alpha, max_iter=1, warm_start=True, random_state=np.random.RandomState(seed)
    )
    _go_on(model, standard, targets, weights, recipe)
    return model


def _go_on(
    model: MLPClassifier, standard: FloatArray, targets: NDArray[np.int8], weights: FloatArray, recipe: NetworkRecipe
) -> None:
    """Let a perceptron learn, each epoch with a smaller step than the one before."""
    model.set_params(batch_size=min(recipe.batch, len(targets)))
    for epoch in range(recipe.epochs):
        model.set_params(learning_rate_init=recipe.learning_rate * recipe.decay**epoch)
        model.fit(standard, targets, sample_weight=weights / weights.mean())


def _layers(model: MLPClassifier, classes: int) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """Return a perceptron's weights and biases, copied."""
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    layers[-1] = _spread(*layers[-1], model.classes_, classes)
    return tuple((w.astype(np.float32, copy=True), b.astype(np.float32, copy=True)) for w, b in layers)


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
