"""Features of a block's place in the tree; plain text has none of them (zeros)."""

from __future__ import annotations

from functools import cache
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Document
from dechrome.characters import HashArray, IntArray, find_words, hash_word, read_characters
from dechrome.context import FloatArray
from dechrome.lexicon import MARKUP_CUES, PAGE_TYPES
from dechrome.segmenting import INLINE_TAGS
from dechrome.text_features import TextColumns

MAX_LEVELS: Final = 32  # ancestors looked at, from the block upwards
CONTAINER_LEVELS: Final = 5  # enclosing containers measured: each holds more blocks than the one before
_DECAY: Final = 0.85  # of a cue per level of distance
_BODY_SHARE: Final = 0.6  # of the running text that the body container holds at least

OWN_TAGS: Final = (
    ("p",), ("li",), ("td", "th"), ("h1",), ("h2",), ("h3", "h4", "h5", "h6"), ("div",), ("button", "input"),
    ("option", "select", "label", "legend"), ("dt", "dd"), ("pre", "code", "textarea"), ("blockquote",),
    ("figcaption", "caption", "figure"), ("summary", "details"), ("body", "center", "font"),
)  # fmt: skip
INSIDE_TAGS: Final = (
    ("nav",), ("header",), ("footer",), ("aside",), ("main",), ("article",), ("section",), ("ul", "ol", "menu"),
    ("table",), ("form",), ("button",), ("figure",), ("blockquote",), ("pre", "code"), ("dl",), ("details",),
    ("dialog",), ("select", "datalist"), ("h1", "h2", "h3", "h4", "h5", "h6"), ("p",), ("a",), ("noscript",), ("time",),
    ("address",), ("label", "fieldset"), ("td", "th"),
)  # fmt: skip
_OWN_NAMES: Final = tuple(f"tag_{tags[0]}" for tags in OWN_TAGS)
_INSIDE_NAMES: Final = tuple(f"inside_{tags[0]}" for tags in INSIDE_TAGS)
_CUE_NAMES: Final = tuple(f"cue_{name}" for name in MARKUP_CUES)
_PLACE_NAMES: Final = (
    "is_html", "link_density", "log_links", "emphasised", "log_images", "hidden", "log_depth", "climb_before",
    "climb_after", "inside_body", "after_body", "before_body", "body_share", "page_link_density", "page_log_elements",
)  # fmt: skip
_CONTAINER_NAMES: Final = tuple(
    f"container{level}_{name}"
    for level in range(1, CONTAINER_LEVELS + 1)
    for name in ("log_blocks", "log_words", "link_density", "running_share", "place", "log_twins", "share_of_page")
)
_PAGE_NAMES: Final = (
    *(f"page_type_{name}" for name in PAGE_TYPES),
    *(f"page_{name}" for name in (*_OWN_NAMES, *_CUE_NAMES)),
    "page_hidden",
)
_HEADING_NAMES: Final = ("after_h1", "log_from_h1")
TREE_NAMES: Final = (
    _PLACE_NAMES + _OWN_NAMES + _INSIDE_NAMES + _CUE_NAMES + _CONTAINER_NAMES + _PAGE_NAMES + _HEADING_NAMES
)
_H1: Final = _OWN_NAMES.index("tag_h1")
_H1_REACH: Final = 60  # blocks; farther headings say no more


class TreeMeasures(NamedTuple):
    """Tree features, and what pooling over containers needs later.

    ``values`` has shape (blocks, features); ``first`` and ``last`` hold the range of blocks of each enclosing
    container, shape (blocks, CONTAINER_LEVELS), last inclusive. ``cue_hashes`` and ``cue_blocks`` pair every block
    with the hashed words of its ancestors' attributes, salted by distance.
    """

    values: FloatArray
    first: IntArray
    last: IntArray
    cue_hashes: HashArray
    cue_blocks: IntArray


def measure_tree(document: Document, text: TextColumns) -> TreeMeasures:
    """Measure where the blocks of one HTML page stand in its tree."""
    count = len(document.blocks)
    ancestors, used = _ancestors(document)
    if not used.size:
        return _no_tree(count)
    parents = np.asarray(document.tree.parents)
    words = np.expm1(text.log_words).astype(np.float64)
    chars = np.expm1(text.log_chars).astype(np.float64)
    linked = np.array([block.linked for block in document.blocks], np.float64)
    running = np.where((words >= 15) & (text.stops > 0), words, 0.0)
    sums = np.zeros((count + 1, 4))
    np.cumsum(np.column_stack((words, chars, linked, running)), axis=0, out=sums[1:])

    # The range of blocks of every element: blocks come in document order, so later writes are larger.
    size = parents.size + 1
    first = np.full(size, count)
    last = np.full(size, -1)
    index = np.arange(count)
    flat, owners = ancestors.T.ravel(), np.repeat(index, len(ancestors))
    last[flat] = owners
    first[flat[::-1]] = owners[::-1]
    _widen_deep_ranges(ancestors, parents, first, last)

    tags = _tag_table(document, size)
    inside = tags.inside[ancestors].any(axis=0)
    cue_hashes, cue_elements = _cue_words(document, used)
    fading = (_DECAY ** np.arange(len(ancestors))).astype(np.float32)[:, None, None]
    cues = (_cue_flags(cue_hashes, cue_elements, size)[ancestors] * fading).max(axis=0)
    own = tags.own[_first_block_level(ancestors, tags.inline)]

    containers, ranges = _measure_containers(
        tags.numbers, ancestors, parents, first, last, sums, cue_hashes, cue_elements
    )
    place = _measure_place(document, ancestors, first, last, sums, linked, chars)
    page = _measure_page(document, own, cues)
    heading = _measure_heading(own[:, _H1] > 0)
    values = np.column_stack((place, own, inside, cues, containers, page, heading)).astype(np.float32)
    hashes, blocks = _cue_pairs(ancestors, cue_hashes, cue_elements, size)
    return TreeMeasures(values, ranges[0], ranges[1], hashes, blocks)


def _no_tree(count: int) -> TreeMeasures:
    nothing = np.zeros(0, np.int64)
    ranges = np.broadcast_to(np.arange(count)[:, None], (count, CONTAINER_LEVELS))
    return TreeMeasures(np.zeros((count, len(TREE_NAMES)), np.float32), ranges, ranges, np.zeros(0, np.uint64), nothing)


def _ancestors(document: Document) -> tuple[IntArray, IntArray]:
    """Return each block's element and its ancestors, shape (levels, blocks), and the elements that occur.

    Past the root stands the index one past the last element, a sentinel without properties.
    """
    parents = np.append(np.asarray(document.tree.parents, np.int64), -1)
    sentinel = parents.size - 1
    parents[parents < 0] = sentinel
    level = np.array([block.element for block in document.blocks], np.int64)
    level[level < 0] = sentinel
    levels: list[IntArray] = []
    while len(levels) < MAX_LEVELS and (level != sentinel).any():
        levels.append(level)
        level = parents[level]
    if not levels:
        return np.zeros((0, len(document.blocks)), np.int64), np.zeros(0, np.int64)
    ancestors = np.stack(levels)
    seen = np.zeros(sentinel + 1, bool)
    seen[ancestors] = True
    seen[sentinel] = False
    return ancestors, np.flatnonzero(seen)


def _widen_deep_ranges(ancestors: IntArray, parents: IntArray, first: IntArray, last: IntArray) -> None:
    """Count blocks nested below MAX_LEVELS in the ranges of all their ancestors too, in place."""
    sentinel = parents.size
    up = np.append(np.where(parents < 0, sentinel, parents), sentinel)
    deep = np.flatnonzero(ancestors[-1] != sentinel)
    level = up[ancestors[-1, deep]]
    while (level != sentinel).any():
        np.minimum.at(first, level, deep)
        np.maximum.at(last, level, deep)
        level = up[level]


class _TagTable(NamedTuple):
    numbers: IntArray
    own: NDArray[np.float32]
    inside: NDArray[np.bool_]
    inline: NDArray[np.bool_]


@cache
def _tag_codes() -> tuple[dict[str, int], _TagTable]:
    """Return a number for every tag we know and the features of each number; the last number is any other tag."""
    names = sorted({tag for group in (*OWN_TAGS, *INSIDE_TAGS) for tag in group} | INLINE_TAGS)
    codes = {name: number for number, name in enumerate(names)}
    own = np.array([[tag in group for group in OWN_TAGS] for tag in (*names, "")], np.float32)
    inside = np.array([[tag in group for group in INSIDE_TAGS] for tag in (*names, "")])
    inline = np.array([tag in INLINE_TAGS for tag in (*names, "")])
    return codes, _TagTable(np.arange(len(names) + 1), own, inside, inline)


def _tag_table(document: Document, size: int) -> _TagTable:
    codes, table = _tag_codes()
    other = len(codes)
    numbers = np.fromiter(map(codes.get, document.tree.tags, repeat(other)), np.int64, size - 1)
    numbers = np.append(numbers, other)
    return _TagTable(numbers, table.own[numbers], table.inside[numbers], table.inline[numbers])


def _first_block_level(ancestors: IntArray, inline: NDArray[np.bool_]) -> IntArray:
    """Return each block's nearest element that is not inline."""
    level = np.argmin(inline[ancestors], axis=0)
    chosen: IntArray = ancestors[level, np.arange(ancestors.shape[1])]
    return chosen


def _cue_words(document: Document, used: IntArray) -> tuple[HashArray, IntArray]:
    """Return the hashed words of the attributes of the given elements, and the element of each word."""
    cues = document.tree.cues
    numbers: dict[str, int] = {}  # most attributes recur on a page: each is read once
    owners = np.fromiter((numbers.setdefault(cues[element], len(numbers)) for element in used), np.int64, used.size)
    words = find_words(read_characters(list(numbers)), split_case=True)
    counts = np.bincount(words.owners, minlength=len(numbers))
    starts = np.cumsum(counts) - counts
    sizes = counts[owners]
    places = np.repeat(starts[owners] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    return words.hashes[places], np.repeat(used, sizes)


@cache
def _cue_lexicon() -> tuple[HashArray, NDArray[np.bool_]]:
    """Return the sorted hashes of all cue words and which cues each belongs to."""
    vocabulary = sorted({word for members in MARKUP_CUES.values() for word in members}, key=hash_word)
    hashes = np.array([hash_word(word) for word in vocabulary], np.uint64)
    table = np.array([[word in members for members in MARKUP_CUES.values()] for word in vocabulary])
    return hashes, table


def _cue_flags(hashes: HashArray, elements: IntArray, size: int) -> NDArray[np.bool_]:
    """Return which cues each element carries, shape (elements, cues)."""
    known, table = _cue_lexicon()
    flags = np.zeros((size, len(MARKUP_CUES)), bool)
    found = np.minimum(np.searchsorted(known, hashes), known.size - 1)
    hit = known[found] == hashes
    owners = elements[hit]
    if owners.size:
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        flags[owners[starts]] = np.logical_or.reduceat(table[found[hit]], starts)
    return flags


def _cue_pairs(ancestors: IntArray, hashes: HashArray, elements: IntArray, size: int) -> tuple[HashArray, IntArray]:
    """Pair blocks with the words of their ancestors' attributes, salted by near, middle and far."""
    starts = np.searchsorted(elements, np.arange(size))
    counts = np.searchsorted(elements, np.arange(size), side="right") - starts
    salts = np.array([0, 0, 1, 1, 1] + [2] * MAX_LEVELS, np.uint64)[: len(ancestors)]
    per_pair = counts[ancestors]
    total = per_pair.ravel()
    places = np.repeat(starts[ancestors].ravel() - np.concatenate(([0], np.cumsum(total)[:-1])), total)
    places += np.arange(places.size)
    blocks = np.repeat(np.broadcast_to(np.arange(ancestors.shape[1]), ancestors.shape).ravel(), total)
    salt = np.repeat(np.broadcast_to(salts[:, None], ancestors.shape).ravel(), total)
    return hashes[places] + salt * np.uint64(0x9FB21C651E98DF25), blocks


def _measure_containers(
    tags: IntArray,
    ancestors: IntArray,
    parents: IntArray,
    first: IntArray,
    last: IntArray,
    sums: NDArray[np.float64],
    cue_hashes: HashArray,
    cue_elements: IntArray,
) -> tuple[NDArray[np.float64], tuple[IntArray, IntArray]]:
    """Measure the enclosing containers, each the nearest ancestor that holds more blocks than the one before."""
    size = first.size
    count = ancestors.shape[1]
    sentinel = size - 1
    first[sentinel], last[sentinel] = 0, count - 1
    up = np.append(np.where(parents < 0, sentinel, parents), sentinel)
    same = (first[up] == first) & (last[up] == last)
    top = np.where(same, up, np.arange(size))
    for _ in range(6):  # chains of up to 64 elements around the same blocks
        top = top[top]
    signatures = _signatures(tags, up, cue_hashes, cue_elements)
    siblings = np.bincount(signatures, minlength=size)
    chars_of = sums[-1]
    columns: list[NDArray[np.float64]] = []
    firsts, lasts = [], []
    child = top[ancestors[0]]
    index = np.arange(count)
    for _ in range(CONTAINER_LEVELS):
        twins = siblings[signatures[child]]
        element = top[up[child]]
        lower, upper = first[element], last[element] + 1
        words, chars, linked, running = (sums[upper] - sums[lower]).T
        columns += [
            np.log1p(upper - lower),
            np.log1p(words),
            linked / np.maximum(chars, 1),
            running / np.maximum(words, 1),
            (index - lower) / np.maximum(upper - lower - 1, 1),
            np.log1p(twins),
            words / max(1.0, chars_of[0]),
        ]
        firsts.append(lower)
        lasts.append(upper - 1)
        child = element
    return np.column_stack(columns), (np.column_stack(firsts), np.column_stack(lasts))


def _signatures(tags: IntArray, parents: IntArray, hashes: HashArray, elements: IntArray) -> IntArray:
    """Number the elements so that siblings with the same tag and the same first attribute word share a number."""
    leading = np.zeros(tags.size, np.uint64)
    leading[elements[::-1]] = hashes[::-1]
    keys = leading * np.uint64(3) + tags.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    keys += parents.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    numbers: IntArray = np.unique(keys, return_inverse=True)[1]
    return numbers


def _measure_place(
    document: Document,
    ancestors: IntArray,
    first: IntArray,
    last: IntArray,
    sums: NDArray[np.float64],
    linked: NDArray[np.float64],
    chars: NDArray[np.float64],
) -> NDArray[np.float64]:
    blocks = document.blocks
    count = len(blocks)
    sentinel = first.size - 1
    depth = (ancestors != sentinel).sum(axis=0)
    shared = np.array([0] * count)
    if count > 1:
        aligned = _from_root(ancestors, depth, sentinel)
        equal = np.cumprod(aligned[:, 1:] == aligned[:, :-1], axis=0).sum(axis=0)
        shared = np.append(np.minimum(equal, depth[:-1]), 0)
    before = np.concatenate(([0], shared[:-1]))
    running = sums[:, 3]
    total = running[-1]
    held = running[np.maximum(last + 1, 0)] - running[np.minimum(first, count)]
    held[last < 0] = 0
    body_low, body_high, share = 0, count, 0.0
    if total > 0:
        candidates = np.flatnonzero(held >= _BODY_SHARE * total)
        candidates = candidates[candidates < sentinel]
        if candidates.size:
            body = candidates[np.argmin(last[candidates] - first[candidates])]
            body_low, body_high = int(first[body]), int(last[body]) + 1
            share = float(held[body] / total)
    index = np.arange(count)
    return np.column_stack(
        (
            np.ones(count),
            np.minimum(linked / np.maximum(chars, 1), 1),
            np.log1p([block.links for block in blocks]),
            np.array([block.emphasised for block in blocks]) / np.maximum(chars, 1),
            np.log1p([block.images for block in blocks]),
            np.array([block.hidden for block in blocks]),
            np.log1p(depth),
            np.log1p(depth - before),
            np.log1p(depth - shared),
            (index >= body_low) & (index < body_high),
            index >= body_high,
            index < body_low,
            np.full(count, share),
            np.full(count, linked.sum() / max(1.0, chars.sum())),
            np.full(count, np.log1p(sentinel)),
        )
    )


def _measure_page(document: Document, own: NDArray[np.float32], cues: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measure what the whole page is made of: the same row for every block."""
    types = [not members.isdisjoint(document.hints) for members in PAGE_TYPES.values()]
    hidden = np.mean([block.hidden for block in document.blocks])
    row = np.concatenate((types, own.mean(axis=0), cues.mean(axis=0), [hidden]))
    return np.broadcast_to(row, (len(own), row.size))


def _measure_heading(is_h1: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measure the way back to the last main heading before each block."""
    index = np.arange(is_h1.size)
    last = np.maximum.accumulate(np.where(is_h1, index, -_H1_REACH))
    return np.column_stack((last >= 0, np.log1p(np.minimum(index - last, _H1_REACH))))


def _from_root(ancestors: IntArray, depth: IntArray, sentinel: int) -> IntArray:
    """Return the ancestors counted from the root downwards, padded with -1 - block so that padding is never equal."""
    levels, count = ancestors.shape
    place = depth[None, :] - 1 - np.arange(levels)[:, None]
    index = np.broadcast_to(np.arange(count), ancestors.shape)
    chosen: IntArray = ancestors[np.maximum(place, 0), index]
    return np.where(place >= 0, chosen, -1 - index)
