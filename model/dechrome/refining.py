"""First pass -> what the second pass sees of it: the draft at each block, around it, in its containers and its likes.

Blocks of one page are labelled together: a card among cards, a post among posts, a line of a menu. The first pass
looks at every block alone (with its neighbours' features); the second one also knows what the first thinks of the rest
of the page (stacked sequential learning: Cohen and Carvalho, IJCAI 2005).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.characters import HashArray, IntArray, number_equal
from dechrome.context import Extents, FloatArray, stack_columns, sum_before, sum_pages
from dechrome.features import Features
from dechrome.tree_features import CONTAINER_LEVELS

REACH: Final = 5  # neighbours on either side whose draft is read
WINDOWS: Final = ((3, 3), (8, 8), (20, 20), (8, -1), (-1, 8), (30, -1), (-1, 30))  # rows before and after
_NOWHERE: Final = -5.0  # logit past the ends of the page
_DOUBT: Final = (0.15, 0.85)  # between them the draft is undecided
_NEAR: Final = np.array((0, *(offset for offset in range(-REACH, REACH + 1) if offset)))
_BEFORE, _AFTER = np.array(WINDOWS).T[:, :, None]
_PAGE_NAMES: Final = (
    "rank", "expected_f1", "cut", "above_cut", "page_words", "page_blocks", "page_sure", "page_doubt", "page_log_words",
    "from_first", "from_last",
)  # fmt: skip
DRAFT_NAMES: Final = (
    "draft",
    *(f"draft@{offset:+d}" for offset in range(-REACH, REACH + 1) if offset),
    *(f"draft_{unit}@{-before:+d}..{after:+d}" for unit in ("words", "blocks") for before, after in WINDOWS),
    *(f"draft_{unit}@container{level + 1}" for unit in ("words", "blocks") for level in range(CONTAINER_LEVELS)),
    *(f"draft_share@container{level + 1}" for level in range(CONTAINER_LEVELS)),
    "log_likes", "draft_words@likes", "draft_blocks@likes", "draft_others@likes",
    *(f"draft_{name}" for name in _PAGE_NAMES),
)  # fmt: skip


def measure_draft(draft: FloatArray, features: Features) -> FloatArray:
    """Return what the second pass sees of the first, shape (blocks, len(DRAFT_NAMES)).

    ``draft`` holds the first pass's probability of content of each block, shape (blocks,).
    """
    if not draft.size:
        return np.zeros((0, len(DRAFT_NAMES)), np.float32)
    content = draft.astype(np.float64)
    weights = features.lengths.astype(np.float64) + 0.5
    rows = (
        *_around(content, features.extents),
        *_averages(content, weights, features),
        *_likes(content, weights, features.likes),
        *_page(content, weights, features.extents),
    )
    return stack_columns(rows, draft.size)


def _around(content: NDArray[np.float64], extents: Extents) -> NDArray[np.float64]:
    """Return the draft as logits, a row for the block itself, then one for each of its neighbours."""
    logits = np.log((content + 1e-4) / (1 - content + 1e-4))
    places = np.arange(content.size) + _NEAR[:, None]
    outside = (places < extents.first) | (places >= extents.end)
    rows: NDArray[np.float64] = logits.take(places, mode="clip")
    rows[outside] = _NOWHERE
    return rows


def _averages(content: NDArray[np.float64], weights: NDArray[np.float64], features: Features) -> NDArray[np.float64]:
    """Return mean drafts over windows and containers, by words and by blocks, and the share of each container."""
    extents = features.extents
    sums = sum_before(np.array((content * weights, weights, content)))
    index = np.arange(content.size)
    low = np.maximum(np.minimum(index - _BEFORE, extents.end), extents.first)
    high = np.maximum(np.minimum(index + 1 + _AFTER, extents.end), extents.first)
    low, high = np.concatenate((low, features.first.T)), np.concatenate((high, features.last.T + 1))
    held, words, blocks = sums.take(high, axis=1) - sums.take(low, axis=1)
    size = high - low
    by_words = np.where(size > 0, held / np.maximum(words, 1e-9), 0.0)
    by_blocks = np.where(size > 0, blocks / np.maximum(size, 1), 0.0)
    total = sums[0].take(extents.end) - sums[0].take(extents.first)
    share = held[len(WINDOWS) :] / np.maximum(total, 1e-9)
    part = len(WINDOWS)
    return np.concatenate((by_words[:part], by_blocks[:part], by_words[part:], by_blocks[part:], share))


def _likes(
    content: NDArray[np.float64], weights: NDArray[np.float64], likes: HashArray
) -> tuple[NDArray[np.float64], ...]:
    """Return how many blocks of the page stand in the same kind of place, and the mean draft of these."""
    numbers = number_equal(likes)
    count = np.bincount(numbers).take(numbers)
    held = np.bincount(numbers, content * weights).take(numbers)
    words = np.bincount(numbers, weights).take(numbers)
    blocks = np.bincount(numbers, content).take(numbers)
    others = np.where(count > 1, (blocks - content) / np.maximum(count - 1, 1), content)
    return np.log1p(count), held / words, blocks / count, others


def _page(
    content: NDArray[np.float64], weights: NDArray[np.float64], extents: Extents
) -> tuple[NDArray[np.float64], ...]:
    """Return each block's rank in the page's order of probability, and what the draft says of the page."""
    count = content.size
    order = np.lexsort((-content, extents.owners))
    ordered = np.array((content * weights, weights)).take(order, axis=1)
    sums = sum_before(ordered)
    found, read = sums[:, 1:] - sums.take(extents.first, axis=1)
    sure = content > 0.5
    doubtful = (content > _DOUBT[0]) & (content < _DOUBT[1])
    total, words, mean, sure_words, doubtful_words = sum_pages(
        np.array((content * weights, weights, content, np.where(sure, weights, 0), np.where(doubtful, weights, 0))),
        extents,
    )
    expected = 2 * found / (read + total.take(extents.owners))
    best = _argmax(expected, extents)
    cut = content.take(order.take(best))
    rank = np.empty(count)
    rank[order] = read / words.take(extents.owners)
    index = np.arange(count)
    likeliest = _argmax(content * weights, extents)
    first = np.minimum.reduceat(np.where(sure, index, count), extents.starts)
    last = np.maximum.reduceat(np.where(sure, index, -1), extents.starts)
    first, last = np.where(last < 0, likeliest, first), np.where(last < 0, likeliest, last)
    of_page = np.array(
        (
            expected.take(best), cut, total / words, mean / extents.sizes, sure_words / words, doubtful_words / words,
            np.log1p(total),
        )
    ).take(extents.owners, axis=1)  # fmt: skip
    return (
        rank,
        *of_page[:2],
        content - of_page[1],
        *of_page[2:],
        _distance(index - first.take(extents.owners)),
        _distance(index - last.take(extents.owners)),
    )


def _argmax(values: NDArray[np.float64], extents: Extents) -> IntArray:
    """Return the row of each page's greatest value, the first of equals."""
    greatest = np.maximum.reduceat(values, extents.starts)
    rows: IntArray = (values == greatest.take(extents.owners)).nonzero()[0]
    return rows.take(rows.searchsorted(extents.starts))


def _distance(steps: IntArray) -> NDArray[np.float64]:
    return np.sign(steps) * np.log1p(np.abs(steps))
