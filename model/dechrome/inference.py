"""Model + features -> probabilities, in numpy alone. Training uses the same functions up to the networks' inputs.

A page is looked at twice. A draft network judges every block by its features; the final networks see these, and what
the draft made of the rest of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from dechrome.artefact import Model, Network
from dechrome.characters import IntArray
from dechrome.context import FloatArray, average_windows, shift_rows, sum_before
from dechrome.features import INPUT_NAMES, SCORE_OFFSETS, SCORE_RADII, CuePhrases, Features, join_features
from dechrome.refining import DRAFT_NAMES, measure_draft

CLIP: Final = 4.0  # standard deviations; what lies farther out tells no more


class Scores(NamedTuple):
    """What the hashed words say of each block: ``words`` of shape (blocks, len(SCORE_NAMES)), ``cues`` (blocks,)."""

    words: FloatArray
    cues: FloatArray


def final_inputs(model: Model, head: str, pages: Sequence[Features]) -> FloatArray:
    """Return the inputs of the final networks for pages of one kind ("html" or "text"), joined.

    Shape (blocks of all pages, len(INPUT_NAMES) + len(DRAFT_NAMES)).
    """
    features = join_features(pages)
    inputs = np.empty((len(INPUT_NAMES) + len(DRAFT_NAMES), len(features.dense)), np.float32).T
    first, drafted = inputs[:, : len(INPUT_NAMES)], inputs[:, len(INPUT_NAMES) :]
    _fill_inputs(first, features, score_words(model, features))
    draft = predict_proba(model.heads[draft_of(head)], first)[:, 0]
    drafted[:] = measure_draft(draft, features)
    return inputs


def draft_of(head: str) -> str:
    """Return the name of the draft network of "html" or "text"."""
    return f"{head}_draft"


def score_words(model: Model, features: Features) -> Scores:
    """Score each block by its words and by the words of the attributes around it."""
    count = len(features.dense)
    return Scores(
        sum_rows(model.word_table, features.words, features.word_blocks, count),
        _sum_phrases(model.cue_table[:, 0], features.phrases, count),
    )


def sum_rows(table: FloatArray, buckets: IntArray, blocks: IntArray, count: int) -> FloatArray:
    """Add the rows of each block's buckets, divided by the root of their number; shape (count, columns).

    >>> sum_rows(np.array([[1], [3]], np.float32), np.array([0, 1, 1, 1, 0]), np.array([0, 0, 0, 0, 2]), 3).tolist()
    [[5.0], [0.0], [1.0]]
    """
    sums = np.zeros((count, table.shape[1]), np.float32)
    if buckets.size:
        order = np.argsort(blocks, kind="stable")
        blocks = blocks[order]
        starts = np.concatenate(([True], blocks[1:] != blocks[:-1])).nonzero()[0]
        numbers = np.diff(np.append(starts, blocks.size))
        totals = np.add.reduceat(table.take(buckets[order], axis=0), starts, axis=0)
        sums[blocks[starts]] = totals / np.sqrt(numbers)[:, None]
    return sums


def network_inputs(features: Features, scores: Scores) -> FloatArray:
    """Return the inputs of the networks, shape (blocks, len(INPUT_NAMES))."""
    inputs = np.empty((len(INPUT_NAMES), len(features.dense)), np.float32).T
    _fill_inputs(inputs, features, scores)
    return inputs


def _fill_inputs(inputs: FloatArray, features: Features, scores: Scores) -> None:
    kinds = np.ascontiguousarray(scores.words[:, 1:].T).T  # an input is one run of memory, as features are
    contents = np.array((scores.words[:, 0], scores.cues)).T
    np.concatenate(
        (
            features.dense,
            _context(contents, features),
            kinds,
            shift_rows(kinds, -1, features.extents),
            shift_rows(kinds, 1, features.extents),
            average_windows(kinds, ((3, 3),), features.extents)[0],
        ),
        axis=1,
        out=inputs,
        casting="same_kind",
    )


def standardise(network: Network, inputs: FloatArray) -> FloatArray:
    """Return inputs as the network's first layer sees them: in standard deviations from the mean, within ``CLIP``."""
    standard: FloatArray = inputs - network.mean
    standard *= network.scale
    return np.clip(standard, -CLIP, CLIP, out=standard)


def predict_proba(network: Network, inputs: FloatArray) -> FloatArray:
    """Return the probabilities of one head, shape (blocks, classes)."""
    standard = standardise(network, inputs)
    total = np.zeros((len(inputs), network.members[0][-1][1].size), np.float32)
    with one_thread():
        for layers in network.members:
            hidden = standard
            for weights, biases in layers[:-1]:
                hidden = hidden @ weights
                hidden += biases
                np.maximum(hidden, 0, out=hidden)
            weights, biases = layers[-1]
            total += softmax(hidden @ weights + biases)
    return total / np.float32(len(network.members))


def calibrate(probabilities: FloatArray, knots: tuple[Sequence[float], Sequence[float]]) -> FloatArray:
    """Map the first column by a monotone piecewise linear function; the others share the rest as before."""
    first = np.interp(probabilities[:, 0], *knots)
    rest = probabilities[:, 1:].sum(axis=1)
    scale = np.where(rest > 0, (1 - first) / np.where(rest > 0, rest, 1), 0)
    return np.column_stack((first, probabilities[:, 1:] * scale[:, None])).astype(np.float32)


def one_thread() -> AbstractContextManager[object]:
    """Hold BLAS to one thread: more only burn CPU on matrices as small as a page's."""
    limit: AbstractContextManager[object] = _threads().limit(limits=1)
    return limit


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def softmax(logits: FloatArray) -> FloatArray:
    """Return the probabilities of the classes, shape as the logits."""
    shares = logits.T.copy()  # a class is one run of memory
    shares -= shares.max(axis=0, initial=-np.inf)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=0)
    return shares.T


def _sum_phrases(column: FloatArray, phrases: CuePhrases, count: int) -> FloatArray:
    """Add what the words around each block count, divided by the root of their number; shape (count,).

    As ``sum_rows`` would, but each phrase is added up once for all blocks around which it stands.

    >>> phrases = CuePhrases(np.array([1, 1, 0]), np.array([2, 1]), np.array([0, 0, 1]), np.array([0, 2, 2]))
    >>> _sum_phrases(np.array([1, 3], np.float32), phrases, 3).round(2).tolist()
    [4.239999771118164, 0.0, 4.039999961853027]
    """
    size = phrases.counts.size
    totals = np.bincount(np.arange(size).repeat(phrases.counts), column.take(phrases.words), size)
    sums = np.bincount(phrases.blocks, totals.take(phrases.numbers), count)
    numbers = np.bincount(phrases.blocks, phrases.counts.take(phrases.numbers), count)
    return (sums / np.sqrt(np.maximum(numbers, 1))).astype(np.float32)


def _context(table: FloatArray, features: Features) -> FloatArray:
    """Return scores at the block, at its neighbours, and averaged around it, over its containers and the page.

    All that is made of the first column of ``table`` comes before all that is made of the second.
    """
    count, columns = table.shape
    extents = features.extents
    first = np.concatenate((features.first.T, extents.first[None]))
    end = np.concatenate((features.last.T + 1, extents.end[None]))
    sums = sum_before(table.T)
    around = np.empty((columns, 1 + len(SCORE_OFFSETS) + len(SCORE_RADII) + len(first), count), np.float32)
    around[:, 0] = table.T
    for place, offset in enumerate(SCORE_OFFSETS, 1):
        around[:, place] = shift_rows(table, offset, extents).T
    windows = average_windows(table, [(radius, radius) for radius in SCORE_RADII], extents)
    around[:, 1 + len(SCORE_OFFSETS) : -len(first)] = windows.transpose(2, 0, 1)
    around[:, -len(first) :] = (sums.take(end, axis=1) - sums.take(first, axis=1)) / (end - first)
    return around.reshape(columns * around.shape[1], count).T
