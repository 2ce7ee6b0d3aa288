"""First pass -> what the second pass sees of it: the draft at each block, around it, in its containers and its likes.

Blocks of one page are labelled together: a card among cards, a post among posts, a line of a menu. The first pass
looks at every block alone (with its neighbours' features); the second one also knows what the first thinks of the rest
of the page (stacked sequential learning: Cohen and Carvalho, IJCAI 2005).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.characters import HashArray
from dechrome.context import FloatArray
from dechrome.features import Features
from dechrome.tree_features import CONTAINER_LEVELS

REACH: Final = 5  # neighbours on either side whose draft is read
WINDOWS: Final = ((3, 3), (8, 8), (20, 20), (8, -1), (-1, 8), (30, -1), (-1, 30))  # rows before and after
_NOWHERE: Final = -5.0  # logit past the ends of the page
_DOUBT: Final = (0.15, 0.85)  # between them the draft is undecided
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

    ``draft`` holds the first pass's probability of content of each block of one page, shape (blocks,).
    """
    if not draft.size:
        return np.zeros((0, len(DRAFT_NAMES)), np.float32)
    content = draft.astype(np.float64)
    weights = features.lengths.astype(np.float64) + 0.5
    return np.concatenate(
        (
            _around(content),
            _averages(content, weights, features),
            _likes(content, weights, features.likes),
            _page(content, weights),
        ),
        axis=1,
    ).astype(np.float32)


def _around(content: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the draft as logits: the block itself, then its neighbours."""
    logits = np.log((content + 1e-4) / (1 - content + 1e-4))
    padded = np.pad(logits, REACH, constant_values=_NOWHERE)
    rows = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1)
    return rows.take((REACH, *range(REACH), *range(REACH + 1, 2 * REACH + 1)), axis=1)


def _averages(content: NDArray[np.float64], weights: NDArray[np.float64], features: Features) -> NDArray[np.float64]:
    """Return mean drafts over windows and containers, by words and by blocks, and the share of each container."""
    count = content.size
    sums = np.zeros((3, count + 1))
    np.cumsum((content * weights, weights, content), axis=1, out=sums[:, 1:])
    index = np.arange(count)
    low = np.stack([*(index - before for before, _ in WINDOWS), *features.first.T])
    high = np.stack([*(index + 1 + after for _, after in WINDOWS), *(features.last.T + 1)])
    low, high = low.clip(0, count), high.clip(0, count)
    held, words, blocks = sums.take(high, axis=1) - sums.take(low, axis=1)
    size = high - low
    by_words = np.where(size > 0, held / np.maximum(words, 1e-9), 0.0)
    by_blocks = np.where(size > 0, blocks / np.maximum(size, 1), 0.0)
    share = held[len(WINDOWS) :] / max(sums[0, -1], 1e-9)
    part = len(WINDOWS)
    return np.concatenate((by_words[:part], by_blocks[:part], by_words[part:], by_blocks[part:], share)).T


def _likes(content: NDArray[np.float64], weights: NDArray[np.float64], likes: HashArray) -> NDArray[np.float64]:
    """Return how many blocks of the page stand in the same kind of place, and the mean draft of these."""
    _, numbers = np.unique(likes, return_inverse=True)
    count = np.bincount(numbers).take(numbers)
    held = np.bincount(numbers, content * weights).take(numbers)
    words = np.bincount(numbers, weights).take(numbers)
    blocks = np.bincount(numbers, content).take(numbers)
    others = np.where(count > 1, (blocks - content) / np.maximum(count - 1, 1), content)
    return np.stack((np.log1p(count), held / words, blocks / count, others), axis=1)


def _page(content: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each block's rank in the page's order of probability, and what the draft says of the page."""
    count = content.size
    order = np.argsort(-content, kind="stable")
    found = np.cumsum((content * weights)[order])
    read = np.cumsum(weights[order])
    total, words = found[-1], read[-1]
    expected = 2 * found / (read + total)
    best = int(expected.argmax())
    cut = content[order[best]]
    rank = np.empty(count)
    rank[order] = read / words
    sure = content > 0.5
    places = np.flatnonzero(sure)
    first, last = (places[0], places[-1]) if places.size else (int(np.argmax(content * weights)),) * 2
    index = np.arange(count)
    page = (
        total / words,
        content.mean(),
        weights[sure].sum() / words,
        weights[(content > _DOUBT[0]) & (content < _DOUBT[1])].sum() / words,
        np.log1p(total),
    )
    columns = (rank, expected[best], cut, content - cut, *page, _distance(index - first), _distance(index - last))
    return np.stack([np.broadcast_to(column, count) for column in columns], axis=1)


def _distance(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.sign(steps) * np.log1p(np.abs(steps))
