"""First pass -> what the second pass sees of it: the draft at each block, around it, in its containers and its likes.

Blocks of one page are labelled together: a card among cards, a post among posts, a line of a menu. The first pass
looks at every block alone (with its neighbours' features); the second one also knows what the first thinks of the rest
of the page (stacked sequential learning: Cohen and Carvalho, IJCAI 2005). Content mostly stands in one piece: two
guesses at where that is are the run of blocks that gains most (maximum subsequence segmentation: Pasternack and Roth,
WWW 2009) and the container that would be kept with the largest expected F1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

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
_CUTS: Final = (0.25, 0.5, 0.75)  # probabilities of content; a lower one gives a longer run of blocks
_PLACE_NAMES: Final = ("inside", "from")
_HOLDING_NAMES: Final = ("words", "words_outside", "share", "log_words")
DRAFT_NAMES: Final = (
    "draft",
    *(f"draft@{offset:+d}" for offset in range(-REACH, REACH + 1) if offset),
    *(f"draft_{unit}@{-before:+d}..{after:+d}" for unit in ("words", "blocks") for before, after in WINDOWS),
    *(f"draft_{unit}@container{level + 1}" for unit in ("words", "blocks") for level in range(CONTAINER_LEVELS)),
    *(f"draft_share@container{level + 1}" for level in range(CONTAINER_LEVELS)),
    "log_likes", "draft_words@likes", "draft_blocks@likes", "draft_others@likes",
    *(f"draft_{name}" for name in _PAGE_NAMES),
    *(
        f"draft_{name}@segment{cut:.2f}"
        for cut in _CUTS
        for name in (*_PLACE_NAMES, *(_HOLDING_NAMES if cut == 0.5 else ()))
    ),
    *(f"draft_f1@container{level + 1}" for level in range(CONTAINER_LEVELS)),
    *(f"draft_{name}@best" for name in (*_PLACE_NAMES, *_HOLDING_NAMES, "f1", "levels")),
)  # fmt: skip


def measure_draft(draft: FloatArray, features: Features) -> FloatArray:
    """Return what the second pass sees of the first, shape (blocks, len(DRAFT_NAMES)).

    ``draft`` holds the first pass's probability of content of each block, shape (blocks,).
    """
    if not draft.size:
        return np.zeros((0, len(DRAFT_NAMES)), np.float32)
    content = draft.astype(np.float64)
    weights = features.lengths.astype(np.float64) + 0.5
    sums = sum_before(np.array((content * weights, weights, content)))
    rows = (
        *_around(content, features.extents),
        *_averages(sums, features),
        *_likes(content, weights, features.likes),
        *_page(content, weights, features.extents),
        *_segments(content, weights, sums, features.extents),
        *_best_container(sums, features),
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


def _averages(sums: NDArray[np.float64], features: Features) -> NDArray[np.float64]:
    """Return mean drafts over windows and containers, by words and by blocks, and the share of each container."""
    extents = features.extents
    index = np.arange(extents.owners.size)
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


def _place(first: IntArray, last: IntArray, extents: Extents) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether each block is in a region of its page, and how far from it.

    ``first`` and ``last`` are the rows where the region of each page begins and ends, last inclusive.
    """
    index = np.arange(extents.owners.size)
    steps = np.maximum(index - last.take(extents.owners), 0) + np.minimum(index - first.take(extents.owners), 0)
    return steps == 0, _distance(steps)


def _holding(first: IntArray, last: IntArray, sums: NDArray[np.float64], extents: Extents) -> NDArray[np.float64]:
    """Return what the draft says of a region of each page."""
    begin, end = extents.starts, extents.starts + extents.sizes
    held, words, _ = sums.take(last + 1, axis=1) - sums.take(first, axis=1)
    total, all_words, _ = sums.take(end, axis=1) - sums.take(begin, axis=1)
    of_page = (held / words, (total - held) / (all_words - words + 1), held / np.maximum(total, 1e-9), np.log1p(words))
    of_block: NDArray[np.float64] = np.array(of_page).take(extents.owners, axis=1)
    return of_block


def _segments(
    content: NDArray[np.float64], weights: NDArray[np.float64], sums: NDArray[np.float64], extents: Extents
) -> Iterator[NDArray[np.float64] | NDArray[np.bool_]]:
    """Return where each block stands to the best runs of its page, and what the draft says of the middle one."""
    for cut in _CUTS:
        first, last = _find_segments(content, weights, cut, extents)
        yield from _place(first, last, extents)
        if cut == 0.5:
            yield from _holding(first, last, sums, extents)


def _find_segments(
    content: NDArray[np.float64], weights: NDArray[np.float64], cut: float, extents: Extents
) -> tuple[IntArray, IntArray]:
    """Return the first and last row of the run of blocks that gains most on each page, the first of equals.

    A word gains what its probability of being content is above the cut. In whole thousandths, so that a page's run
    does not depend on the pages beside it.
    """
    gains = np.rint(1000 * weights * (content - cut)).astype(np.int64)
    after = gains.cumsum()
    before = after - gains
    pages = extents.owners * (np.ptp(before) + 1)  # sets every page below all that come before it
    low = np.minimum.accumulate(before - pages)
    last = _argmax(after - pages - low, extents)
    starts = (before - pages == low.take(last).take(extents.owners)).nonzero()[0]
    return starts.take(starts.searchsorted(extents.starts)), last


def _best_container(
    sums: NDArray[np.float64], features: Features
) -> tuple[NDArray[np.float64] | NDArray[np.bool_], ...]:
    """Return the expected F1 of keeping each enclosing container whole, and where the best one of the page is."""
    extents = features.extents
    first, last = features.first.T, features.last.T
    held, words, _ = sums.take(last + 1, axis=1) - sums.take(first, axis=1)
    total = sums[0].take(extents.end) - sums[0].take(extents.first)
    expected = 2 * held / (words + total)
    best = _argmax(expected.max(axis=0), extents)
    level = expected[:, best].argmax(axis=0)
    best_first, best_last = first[level, best], last[level, best]
    outside = (first > best_first.take(extents.owners)) | (last < best_last.take(extents.owners))
    return (
        *expected,
        *_place(best_first, best_last, extents),
        *_holding(best_first, best_last, sums, extents),
        expected[level, best].take(extents.owners),
        outside.sum(axis=0),
    )


def _argmax(values: NDArray[Any], extents: Extents) -> IntArray:
    """Return the row of each page's greatest value, the first of equals."""
    greatest = np.maximum.reduceat(values, extents.starts)
    rows: IntArray = (values == greatest.take(extents.owners)).nonzero()[0]
    return rows.take(rows.searchsorted(extents.starts))


def _distance(steps: IntArray) -> NDArray[np.float64]:
    return np.sign(steps) * np.log1p(np.abs(steps))
