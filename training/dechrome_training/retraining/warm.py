"""Networks that go on learning from where a model stands: scikit-learn's perceptrons, started from its arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from dechrome.artefact import Network
from dechrome.context import FloatArray
from dechrome.inference import CLIP
from dechrome_training.networks import ABSENT

Layers = tuple[tuple[FloatArray, FloatArray], ...]


def standardise(network: Network, inputs: FloatArray) -> FloatArray:
    """Return inputs as the network's first layer sees them."""
    standard: FloatArray = (inputs - network.mean) * network.scale
    return np.clip(standard, -CLIP, CLIP, out=standard)


def continue_members(
    network: Network,
    standard: FloatArray,
    targets: NDArray[np.int8],
    weights: FloatArray,
    *,
    learning_rate: float,
    alpha: float,
    batch: int,
    seed: int,
) -> Iterator[tuple[Layers, ...]]:
    """Go on training every member of a network, without end; yields them after each epoch.

    ``standard`` is what ``standardise`` returns; ``targets`` and ``weights`` have a value for each of its rows.
    """
    classes = network.members[0][-1][1].size
    learners = [
        _start(_wake(layers, targets), learning_rate, alpha, min(batch, targets.size), seed + n)
        for n, layers in enumerate(network.members)
    ]
    scaled = weights / weights.mean()
    while True:
        for learner in learners:
            learner.partial_fit(standard, targets, classes=np.arange(classes), sample_weight=scaled)
        yield tuple(_layers(learner) for learner in learners)


def blend(old: Layers, new: Layers, share: float) -> Layers:
    """Return layers on the way from old to new, ``share`` of the way (Wortsman et al., CVPR 2022)."""
    return tuple(
        ((1 - share) * a + share * b, (1 - share) * c + share * d) for (a, c), (b, d) in zip(old, new, strict=True)
    )


def _start(layers: Layers, learning_rate: float, alpha: float, batch: int, seed: int) -> MLPClassifier:
    """Return a perceptron that stands where the layers stand."""
    learner = MLPClassifier(
        tuple(biases.size for _, biases in layers[:-1]),
        alpha=alpha,
        batch_size=1,
        learning_rate_init=learning_rate,
        random_state=np.random.RandomState(seed),
    )
    inputs, classes = layers[0][0].shape[0], layers[-1][1].size
    learner.partial_fit(np.zeros((1, inputs), np.float32), [0], classes=np.arange(classes))  # allocates everything
    del learner._optimizer  # nothing has been learned yet
    learner.set_params(batch_size=batch)
    for own, (weights, _) in zip(learner.coefs_, layers, strict=True):
        own[:] = weights
    for own, (_, biases) in zip(learner.intercepts_, layers, strict=True):
        own[:] = biases
    return learner


def _wake(layers: Layers, targets: NDArray[np.int8]) -> Layers:
    """Give classes that the network never saw, but is about to, a chance that can be learned from."""
    weights, biases = layers[-1]
    shares = np.bincount(targets, minlength=biases.size) / targets.size
    asleep = (biases <= ABSENT / 2) & (shares > 0)
    woken = np.where(asleep, np.log(np.maximum(shares, 1e-6)), biases).astype(np.float32)
    return (*layers[:-1], (weights, woken))


def _layers(learner: MLPClassifier) -> Layers:
    return tuple(
        (weights.astype(np.float32), biases.astype(np.float32))
        for weights, biases in zip(learner.coefs_, learner.intercepts_, strict=True)
    )
