"""Why a block was labelled as it was: how much each input moved it towards content or away from it."""

from __future__ import annotations

from typing import Final

import numpy as np

from dechrome.artefact import Model, Network
from dechrome.blocks import Reason
from dechrome.context import FloatArray
from dechrome.features import INPUT_NAMES
from dechrome.inference import draft_of, standardise
from dechrome.refining import DRAFT_NAMES

_DRAFT: Final = len(INPUT_NAMES) + DRAFT_NAMES.index("draft")
_SILENT: Final = 0.1  # logits: a draft this near the average block's has no reasons to hand on
_STEPS: Final = 16  # points on the path; 64 change the contributions by less than a hundredth of a logit


def explain_inputs(model: Model, head: str, inputs: FloatArray, top: int) -> list[list[Reason]]:
    """Return the ``top`` strongest reasons for each block, strongest first; ``inputs`` are the final network's.

    A contribution is in logits of content against everything else, by integrated gradients from the average block
    (Sundararajan et al., ICML 2017); all contributions of a block add up to its distance from the average block.
    """
    contributions = contribute(model, head, inputs)
    order = np.argsort(-np.abs(contributions), axis=1)[:, :top]
    names = (*INPUT_NAMES, *DRAFT_NAMES)
    return [
        [Reason(names[i], float(row[i]), float(values[i])) for i in chosen]
        for row, values, chosen in zip(inputs, contributions, order.tolist(), strict=True)
    ]


def contribute(model: Model, head: str, inputs: FloatArray) -> FloatArray:
    """Return the contribution of every input to every block's content logit, shape as the inputs.

    What the draft of a block itself contributes is handed on to the inputs that the draft was made of, in proportion
    to their share in it.
    """
    contributions = attribute(model.heads[head], inputs)
    drafted = attribute(model.heads[draft_of(head)], inputs[:, : len(INPUT_NAMES)])
    total = drafted.sum(axis=1)
    speaks = np.abs(total) > _SILENT
    slope = np.where(speaks, contributions[:, _DRAFT] / np.where(speaks, total, 1), 0)
    contributions[:, : len(INPUT_NAMES)] += drafted * slope[:, None].astype(np.float32)
    contributions[speaks, _DRAFT] = 0
    return contributions


def attribute(network: Network, inputs: FloatArray) -> FloatArray:
    """Return the contribution of every input to every block's content logit, shape as the inputs."""
    standard = standardise(network, inputs)
    gradient = np.zeros_like(standard)
    for step in range(_STEPS):
        gradient += _gradient(network, standard * np.float32((step + 0.5) / _STEPS))
    contributions: FloatArray = standard * gradient / np.float32(_STEPS)
    return contributions


def content_logit(network: Network, inputs: FloatArray) -> FloatArray:
    """Return the mean over the members of the logit of content against the other labels."""
    standard = standardise(network, inputs)
    logits = []
    for layers in network.members:
        hidden = standard
        for weights, biases in layers[:-1]:
            hidden = np.maximum(hidden @ weights + biases, 0)
        outputs = hidden @ layers[-1][0] + layers[-1][1]
        logits.append(outputs[:, 0] - np.logaddexp.reduce(outputs[:, 1:], axis=1))
    mean: FloatArray = np.mean(logits, axis=0)
    return mean


def _gradient(network: Network, standard: FloatArray) -> FloatArray:
    """Return the gradient of ``content_logit`` by the standardised inputs."""
    total = np.zeros_like(standard)
    for layers in network.members:
        hidden = [standard]
        for weights, biases in layers[:-1]:
            hidden.append(np.maximum(hidden[-1] @ weights + biases, 0))
        outputs = hidden[-1] @ layers[-1][0] + layers[-1][1]
        rest = np.exp(outputs[:, 1:] - outputs[:, 1:].max(axis=1, keepdims=True))
        back = np.concatenate((np.ones((len(outputs), 1)), -rest / rest.sum(axis=1, keepdims=True)), axis=1)
        for (weights, _), reached in zip(reversed(layers[1:]), reversed(hidden[1:]), strict=True):
            back = (back @ weights.T) * (reached > 0)
        total += (back @ layers[0][0].T).astype(np.float32)
    return total / np.float32(len(network.members))
