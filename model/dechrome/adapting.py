"""Pages of one sort get the weights of networks that learned more from pages of that sort.

Such networks stand in the model with a number ("html_own1", "text_own1", "kind_own1"), beside gates ("html_gate1",
"text_gate1") that tell from a page's mean inputs how much it looks like the pages that were learned from. By that share
the weights of the page's networks move from the general ones to the own ones (interpolation of weights: Wortsman et
al., CVPR 2022). Number 0 is training's own: HTML pages with an article, where readers' comments and teasers are chrome
that would be content in a forum or a listing; and texts of a few lines. Each retraining by a user adds the next number,
and moves on from where the one before left the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from dechrome.artefact import MAX_ROUNDS, Model, Network
from dechrome.characters import IntArray
from dechrome.context import FloatArray
from dechrome.inference import standardise

Shares = tuple[float, ...]
"""How far a page's networks move towards those of each number, from 0 on: 0..1."""

_STEPS: Final = 8  # shares are multiples of an eighth, so that pages of one share are judged together
_NETWORKS: Final = ("html", "text", "kind")


def count_rounds(model: Model) -> int:
    """Return how often a model was retrained."""
    rounds = range(1, MAX_ROUNDS + 1)
    return max((n for n in rounds if any(f"{head}_gate{n}" in model.heads for head in ("html", "text"))), default=0)


def has_gate(model: Model, head: str) -> bool:
    """Tell whether pages of "html" or "text" can get weights of their own."""
    return any(f"{head}_gate{n}" in model.heads for n in range(MAX_ROUNDS + 1))


def measure_shares(model: Model, head: str, inputs: FloatArray, lengths: IntArray) -> Shares:
    """Return how much one page looks like those that each number learned from.

    ``inputs`` are those of the final networks for the blocks of the page, ``lengths`` their words; ``head`` is "html"
    or "text".
    """
    return measure_shares_of_pages(model, head, inputs, lengths, [0])[0]


def measure_shares_of_pages(
    model: Model, head: str, inputs: FloatArray, lengths: IntArray, starts: Sequence[int]
) -> list[Shares]:
    """Return the same of pages whose blocks are joined; ``starts`` are the rows where they begin, none being empty.

    A page's shares do not depend on the pages beside it.
    """
    gates = [model.heads.get(f"{head}_gate{n}") for n in range(count_rounds(model) + 1)]
    if not any(gates) or not len(inputs):
        return [(0.0,) * len(gates)] * len(starts)
    means = average_blocks(inputs, lengths, starts)
    none = [0.0] * len(starts)
    columns = [none if gate is None else [_share(p) for p in _likeness(gate, means)] for gate in gates]
    return list(zip(*columns, strict=True))


def average_blocks(inputs: FloatArray, lengths: IntArray, starts: Sequence[int] = (0,)) -> FloatArray:
    """Return the mean inputs of pages, shape (pages, inputs); blocks count by the root of their words."""
    weights = np.sqrt(lengths.astype(np.float32) + 1)
    sums = np.add.reduceat(inputs * weights[:, None], starts, axis=0)
    means: FloatArray = (sums / np.add.reduceat(weights, starts)[:, None]).astype(np.float32, copy=False)
    return means


def _likeness(gate: Network, means: FloatArray) -> list[float]:
    """Return how likely each page is of the gate's sort; row by row, since a matrix product rounds by its size."""
    weights, biases = gate.members[0][0]
    slopes, offset = weights[:, 1] - weights[:, 0], biases[1] - biases[0]
    logits = (np.ascontiguousarray(standardise(gate, means)) * slopes).sum(axis=1) + offset
    likeness: list[float] = np.exp(-np.logaddexp(0, -logits)).tolist()
    return likeness


@lru_cache(maxsize=16)
def adapt_model(model: Model, shares: Shares) -> Model:
    """Return the model for pages of the given shares."""
    if not any(shares):
        return model
    heads = dict(model.heads)
    for number, share in enumerate(shares):
        for name in _NETWORKS:
            own = model.heads.get(f"{name}_own{number}")
            if share and own is not None:
                heads[name] = move_network(heads[name], own, share)
    return replace(model, heads=heads)


def model_for(model: Model, head: str, inputs: FloatArray, lengths: IntArray) -> Model:
    """Return the model with the weights that one page gets; the arguments are those of ``measure_shares``."""
    return adapt_model(model, measure_shares(model, head, inputs, lengths))


def move_network(start: Network, end: Network, share: float) -> Network:
    """Return a network whose weights lie between those of two, ``share`` of the way."""
    if share in (0.0, 1.0):
        return Network(start.mean, start.scale, (start, end)[int(share)].members)
    far = np.float32(share)
    members = tuple(
        tuple((a + far * (b - a), c + far * (d - c)) for (a, c), (b, d) in zip(old, new, strict=True))
        for old, new in zip(start.members, end.members, strict=True)
    )
    return Network(start.mean, start.scale, members)


def group_shares(shares: Sequence[Shares]) -> list[tuple[Shares, list[int]]]:
    """Return each combination of shares once, with the numbers of the pages that have it.

    >>> group_shares([(0.0,), (1.0,), (0.0,)])
    [((0.0,), [0, 2]), ((1.0,), [1])]
    """
    groups: dict[Shares, list[int]] = {}
    for number, found in enumerate(shares):
        groups.setdefault(found, []).append(number)
    return list(groups.items())


def _share(likeness: float) -> float:
    """Return 0 up to a likeness of 0.25, 1 from 0.75 on."""
    return round(min(1.0, max(0.0, 2 * likeness - 0.5)) * _STEPS) / _STEPS
