"""Networks that go on learning from where a model stands.

scikit-learn's perceptrons learn one class a row. Here a row may have a probability for every class, which is how a
network is held to what it knew; and the hidden units of the user's rows are dropped at random, which a network needs
that learns from few pages. Hence the loop of its own: perceptrons (ReLU, softmax, cross-entropy) under Adam.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import softmax
from dechrome_training.networks import ABSENT

Layers = tuple[tuple[FloatArray, FloatArray], ...]
SHARE: Final = 0.5  # of the weight of all rows that is the user's; 0.2 to 0.95 tried
EPOCHS: Final = 4  # 1 to 8 tried
LEARNING_RATE: Final = 1e-3  # falls to nothing in a straight line; 3e-4 learns less
BATCH: Final = 1024
DROPPED: Final = 0.5  # of the hidden units, in the user's rows (Srivastava et al., JMLR 2014); 0.3 is almost as good
_MEANS: Final = (0.9, 0.999)  # Adam's (Kingma and Ba, ICLR 2015)
_TINY: Final = np.float32(1e-8)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to learn from: inputs as the network's first layer sees them, and weights.

    ``targets`` has the probabilities of the classes, shape (rows, classes), for each member of the network.
    """

    standard: FloatArray
    targets: tuple[FloatArray, ...]
    weights: FloatArray


def answers(network: Network, standard: FloatArray) -> tuple[FloatArray, ...]:
    """Return the probabilities of each member of a network, shape (rows, classes)."""
    return tuple(softmax(_forward(_flat(layers), standard)[-1]) for layers in network.members)


def one_hot(network: Network, targets: NDArray[np.int8]) -> tuple[FloatArray, ...]:
    """Return targets that are certain, the same for each member of a network."""
    classes = network.members[0][-1][1].size
    return (np.eye(classes, dtype=np.float32)[targets],) * len(network.members)


def learn(network: Network, base: Rows | None, user: Rows, *, share: float = SHARE, epochs: int = EPOCHS) -> Network:
    """Return the network after it has gone on learning, the user's rows with ``share`` of all weight.

    The same rows give the same network.
    """
    rows, first = (user, 0) if base is None else (_mix(base, user, share), len(base.weights))
    members = tuple(
        _learn_member(_wake(layers, user.targets[number]), rows, number, first, epochs)
        for number, layers in enumerate(network.members)
    )
    return Network(network.mean, network.scale, members)


def _mix(base: Rows, user: Rows, share: float) -> Rows:
    factor = share / (1 - share) * base.weights.sum() / max(float(user.weights.sum()), 1e-9)
    return Rows(
        np.concatenate((base.standard, user.standard)),
        tuple(np.concatenate(pair) for pair in zip(base.targets, user.targets, strict=True)),
        np.concatenate((base.weights, user.weights * np.float32(factor))),
    )


def _learn_member(layers: Layers, rows: Rows, number: int, first: int, epochs: int) -> Layers:
    """Train one perceptron; rows from ``first`` on are the user's."""
    values = [array.copy() for array in _flat(layers)]
    means, squares = ([np.zeros_like(value) for value in values] for _ in range(2))
    weights = (rows.weights / rows.weights.mean()).astype(np.float32)
    chance = np.random.default_rng(number)
    batches = list(_batches(chance, len(weights), epochs))
    for step, chosen in enumerate(batches, 1):
        dropping = np.flatnonzero(chosen >= first)
        masks = [_mask(chance, chosen.size, biases.size, dropping) for biases in values[1:-2:2]]
        outputs = _forward(values, rows.standard[chosen], masks)
        error = softmax(outputs[-1]) - rows.targets[number][chosen]
        error *= (weights[chosen] / np.float32(chosen.size))[:, None]
        rate = LEARNING_RATE * (1 - (step - 1) / len(batches)) / (1 - _MEANS[0] ** step)
        correction = np.float32(1 / (1 - _MEANS[1] ** step))
        for value, mean, square, slope in zip(
            values, means, squares, _backward(values, outputs, masks, error), strict=True
        ):
            mean += np.float32(1 - _MEANS[0]) * (slope - mean)
            square += np.float32(1 - _MEANS[1]) * (slope * slope - square)
            value -= np.float32(rate) * mean / (np.sqrt(square * correction) + _TINY)
    return tuple(zip(values[::2], values[1::2], strict=True))


def _batches(chance: np.random.Generator, count: int, epochs: int) -> Iterator[NDArray[np.int64]]:
    for _ in range(epochs):
        order = chance.permutation(count)
        for start in range(0, count, BATCH):
            yield order[start : start + BATCH]


def _mask(chance: np.random.Generator, rows: int, units: int, dropping: NDArray[np.int64]) -> FloatArray:
    mask = np.ones((rows, units), np.float32)
    kept = chance.random((dropping.size, units), np.float32) >= DROPPED
    mask[dropping] = kept / np.float32(1 - DROPPED)
    return mask


def _forward(values: Sequence[FloatArray], standard: FloatArray, masks: Sequence[FloatArray] = ()) -> list[FloatArray]:
    """Return the inputs of every layer, and the outputs of the last."""
    outputs = [standard]
    for layer in range(0, len(values), 2):
        reached = outputs[-1] @ values[layer] + values[layer + 1]
        if layer + 2 < len(values):
            np.maximum(reached, 0, out=reached)
            if masks:
                reached *= masks[layer // 2]
        outputs.append(reached)
    return outputs


def _backward(
    values: Sequence[FloatArray], outputs: Sequence[FloatArray], masks: Sequence[FloatArray], error: FloatArray
) -> list[FloatArray]:
    """Return the slope of the loss by each of the values."""
    slopes: list[FloatArray] = []
    for layer in range(len(values) - 2, -1, -2):
        reached = outputs[layer // 2]
        slopes[:0] = [reached.T @ error, error.sum(axis=0)]
        if layer:
            error = error @ values[layer].T
            error *= masks[layer // 2 - 1]
            error[reached <= 0] = 0
    return slopes


def _wake(layers: Layers, targets: FloatArray) -> Layers:
    """Give classes that the network never saw, but is about to, a chance that can be learned from."""
    weights, biases = layers[-1]
    shares = targets.mean(axis=0)
    asleep = (biases <= ABSENT / 2) & (shares > 0)
    woken = np.where(asleep, np.log(np.maximum(shares, 1e-6)), biases).astype(np.float32)
    return (*layers[:-1], (weights, woken))


def _flat(layers: Layers) -> list[FloatArray]:
    return [array for pair in layers for array in pair]
