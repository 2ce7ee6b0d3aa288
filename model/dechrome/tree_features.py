"""Features of a block's place in the tree; plain text has none of them (zeros)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import chain, count, repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Document
from dechrome.characters import HashArray, IntArray, count_equal, find_known, find_words, hash_word, read_characters
from dechrome.context import BlockColumns, FloatArray, stack_columns
from dechrome.lexicon import MARKUP_CUES, PAGE_TYPES
from dechrome.segmenting import INLINE_TAGS
from dechrome.text_features import Sizes

BitArray = NDArray[np.uint32]

MAX_LEVELS: Final = 32  # ancestors looked at, from the block upwards; a power of two
CONTAINER_LEVELS: Final = 5  # enclosing containers measured: each holds more blocks than the one before
_FADING: Final = (0.85 ** np.arange(MAX_LEVELS)).astype(np.float32)  # of a cue by levels of distance
_NEAR: Final = np.array([0, 0, 1, 1, 1] + [2] * (MAX_LEVELS - 5))  # near, middle and far, by levels of distance
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


class Phrases(NamedTuple):
    """The attributes around the blocks of a page, each distinct value at each of three distances once: a phrase.

    Phrase ``p`` has ``counts[p]`` words, one after the other in ``hashes``, salted by the distance. The blocks
    ``blocks``, in order, stand in the phrases ``numbers``; those without words are left out.
    """

    hashes: HashArray
    counts: IntArray
    numbers: IntArray
    blocks: IntArray


class TreeMeasures(NamedTuple):
    """Tree features, and what pooling over containers needs later.

    ``tables`` have a row per block; side by side their columns are ``TREE_NAMES``. ``first`` and ``last`` hold the
    range of blocks of each enclosing container, shape (blocks, CONTAINER_LEVELS), last inclusive. Blocks with the same
    number in ``likes`` stand in elements of the same kind. ``phrases`` are what the attributes around the blocks say.
    """

    tables: tuple[NDArray[Any], ...]
    first: IntArray
    last: IntArray
    likes: HashArray
    phrases: Phrases


class _Tree(NamedTuple):
    """The elements of a page, and the blocks in them.

    One number past the last element stands a sentinel, the parent of the root and of itself, around all blocks.
    ``parents`` and the range of blocks ``first`` to ``last`` have a value for each element and for the sentinel.
    ``ancestors`` are each block's element and those around it, shape (levels, blocks), of which ``depth`` are real;
    ``used`` are all of these.
    """

    parents: IntArray
    ancestors: IntArray
    depth: IntArray
    used: IntArray
    first: IntArray
    last: IntArray


class _TagTable(NamedTuple):
    """A number for every tag we know, and the features of each number; the last number is any other tag.

    ``own`` has shape (features, tags); ``inside`` has them as bits.
    """

    numbers: dict[str, int]
    own: FloatArray
    inside: BitArray
    inline: NDArray[np.bool_]


class _Cues(NamedTuple):
    """The words of the attributes. Most attributes recur on a page: each distinct value is read once.

    ``values`` has the number of each element's value (0: no words). Value ``v`` has ``counts[v]`` words, from
    ``hashes[starts[v]]`` on, and is known for the cues ``flags[v]``.
    """

    values: IntArray
    hashes: HashArray
    starts: IntArray
    counts: IntArray
    flags: BitArray


def measure_tree(document: Document, blocks: BlockColumns, sizes: Sizes) -> TreeMeasures:
    """Measure where the blocks of one HTML page stand in its tree."""
    tree = _read_tree(document.tree.parents, blocks.element)
    if not tree.used.size:
        return _no_tree(blocks.element.size)
    sums = np.zeros((4, blocks.element.size + 1))
    np.cumsum((sizes.words, sizes.chars, blocks.linked, sizes.running), axis=1, out=sums[:, 1:])
    table = _tag_table()
    tags = np.fromiter(
        map(table.numbers.get, chain(document.tree.tags, ("",)), repeat(len(table.numbers))),
        np.int64,
        tree.parents.size,
    )
    cues = _read_cues(document.tree.cues, tree)

    own = table.own.take(tags.take(_nearest(tree.ancestors, ~table.inline.take(tags))), axis=1).T
    inside = np.bitwise_or.reduce(table.inside.take(tags).take(tree.ancestors), axis=0)
    near = _fade_cues(cues.flags.take(cues.values).take(tree.ancestors))
    looks = _hash_looks(tags, cues)
    containers, first, last = _measure_containers(tree, sums, _count_twins(tree.parents, looks))
    tables = (
        _measure_place(tree, sums, blocks, sizes),
        own,
        _unpack_bits(inside, len(INSIDE_TAGS)),
        near,
        containers,
        _measure_page(document.hints, own, near, blocks.hidden),
        _measure_heading(own[:, _H1] > 0),
    )
    return TreeMeasures(tables, first, last, _hash_places(tree, looks), _read_phrases(cues, tree.ancestors))


def _no_tree(blocks: int) -> TreeMeasures:
    nothing = np.zeros(0, np.int64)
    ranges = np.broadcast_to(np.arange(blocks)[:, None], (blocks, CONTAINER_LEVELS))
    zeros = np.zeros((blocks, len(TREE_NAMES)), np.float32)
    alone = np.arange(blocks, dtype=np.uint64)
    return TreeMeasures((zeros,), ranges, ranges, alone, Phrases(np.zeros(0, np.uint64), nothing, nothing, nothing))


def _read_tree(element_parents: Sequence[int], elements: IntArray) -> _Tree:
    sentinel, blocks = len(element_parents), elements.size
    parents = np.fromiter(chain(element_parents, (-1,)), np.int64, sentinel + 1)
    parents = np.where(parents < 0, sentinel, parents)
    ancestors, climb = np.where(elements < 0, sentinel, elements)[None, :], parents
    while len(ancestors) < MAX_LEVELS and ancestors[-1].min() < sentinel:
        ancestors = np.concatenate((ancestors, climb.take(ancestors)))
        climb = climb.take(climb)  # twice as far

    depth = (ancestors < sentinel).sum(axis=0)
    ancestors = ancestors[: max(1, depth.max())]

    # Blocks come in document order, so later writes are larger.
    places, owners = ancestors.T.ravel(), np.arange(blocks).repeat(len(ancestors))
    last = np.full(sentinel + 1, -1)
    last[places] = owners
    first = np.full(sentinel + 1, blocks)
    first[places[::-1]] = owners[::-1]
    used = (last[:-1] >= 0).nonzero()[0]
    if len(ancestors) == MAX_LEVELS:
        _widen_deep_ranges(parents, ancestors[-1], first, last)
    first[sentinel], last[sentinel] = 0, blocks - 1
    return _Tree(parents, ancestors, depth, used, first, last)


def _widen_deep_ranges(parents: IntArray, farthest: IntArray, first: IntArray, last: IntArray) -> None:
    """Count blocks nested below MAX_LEVELS in the ranges of all their ancestors too, in place."""
    sentinel = parents.size - 1
    deep = (farthest != sentinel).nonzero()[0]
    level = parents.take(farthest.take(deep))
    while (level != sentinel).any():
        np.minimum.at(first, level, deep)
        np.maximum.at(last, level, deep)
        level = parents.take(level)


@cache
def _tag_table() -> _TagTable:
    names = sorted({tag for group in (*OWN_TAGS, *INSIDE_TAGS) for tag in group} | INLINE_TAGS)
    own = np.array([[tag in group for tag in (*names, "")] for group in OWN_TAGS], np.float32)
    inside = np.array([[tag in group for group in INSIDE_TAGS] for tag in (*names, "")])
    inline = np.array([tag in INLINE_TAGS for tag in (*names, "")])
    return _TagTable({name: number for number, name in enumerate(names)}, own, _pack_bits(inside), inline)


def _pack_bits(flags: NDArray[np.bool_]) -> BitArray:
    """Return the rows of at most 32 flags as bits of one number each."""
    bits: BitArray = (flags << np.arange(flags.shape[1], dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    return bits


def _unpack_bits(bits: BitArray, size: int) -> NDArray[np.uint8]:
    """Return the first bits of each number as a row of zeros and ones."""
    octets = bits.astype("<u4").view(np.uint8).reshape(-1, 4)
    return np.unpackbits(octets, axis=1, count=size, bitorder="little")


def _nearest(ancestors: IntArray, flags: NDArray[np.bool_]) -> IntArray:
    """Return each block's nearest element that is flagged; its own if there is none."""
    level = flags.take(ancestors).argmax(axis=0)
    chosen: IntArray = ancestors[level, np.arange(level.size)]
    return chosen


def _read_cues(texts: Sequence[str], tree: _Tree) -> _Cues:
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    values = np.full(tree.parents.size, numbers[""])
    used = map(texts.__getitem__, tree.used.tolist())
    values[tree.used] = np.fromiter(map(numbers.__getitem__, used), np.int64, tree.used.size)
    words = find_words(read_characters(list(numbers)), split_case=True)
    counts = np.bincount(words.owners, minlength=len(numbers))
    known, cues = _cue_lexicon()
    places, found = find_known(words.hashes, known)
    flags = np.zeros(len(numbers), np.uint32)
    np.bitwise_or.at(flags, words.owners.take(places), cues.take(found))
    return _Cues(values, words.hashes, counts.cumsum() - counts, counts, flags)


@cache
def _cue_lexicon() -> tuple[HashArray, BitArray]:
    """Return the sorted hashes of all cue words and which cues each belongs to."""
    vocabulary = sorted({word for members in MARKUP_CUES.values() for word in members}, key=hash_word)
    hashes = np.array([hash_word(word) for word in vocabulary], np.uint64)
    table = np.array([[word in members for members in MARKUP_CUES.values()] for word in vocabulary])
    return hashes, _pack_bits(table)


def _fade_cues(flags: BitArray) -> FloatArray:
    """Return how near each cue is, shape (blocks, cues), from those of the ancestors, shape (levels, blocks)."""
    seen = np.bitwise_or.accumulate(flags, axis=0)
    fresh = seen.copy()
    fresh[1:] ^= seen[:-1]
    places = (fresh != 0).ravel().nonzero()[0]
    levels, blocks = np.divmod(places, flags.shape[1])
    bits = _unpack_bits(fresh.ravel().take(places), 32).view(bool).ravel().nonzero()[0]
    owners, cues = bits >> 5, bits & 31
    near = np.zeros((len(MARKUP_CUES), flags.shape[1]), np.float32)
    near[cues, blocks.take(owners)] = _FADING.take(levels.take(owners))
    return near.T


def _read_phrases(cues: _Cues, ancestors: IntArray) -> Phrases:
    """Pair blocks with the attributes of their ancestors: near, middle and far ones are phrases of their own."""
    levels = len(ancestors)
    salts = np.arange(3, dtype=np.uint64)[:, None] * np.uint64(0x9FB21C651E98DF25)
    values = cues.values.take(ancestors.T)
    places = cues.counts.take(values).ravel().nonzero()[0]
    numbers = (values + _NEAR[:levels] * cues.counts.size).ravel().take(places)
    return Phrases((cues.hashes + salts).ravel(), np.tile(cues.counts, 3), numbers, places // levels)


def _hash_looks(tags: IntArray, cues: _Cues) -> HashArray:
    """Return a hash of each element's tag and first attribute word."""
    leading = np.append(cues.hashes, np.uint64(0)).take(cues.starts)
    leading[cues.counts == 0] = 0
    looks: HashArray = leading.take(cues.values) * np.uint64(3)
    looks += tags.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return looks


def _count_twins(parents: IntArray, looks: HashArray) -> IntArray:
    """Count the siblings of each element, itself too, that look the same."""
    keys = looks >> np.uint64(21)
    keys += parents.astype(np.uint64) << np.uint64(43)  # nearly in order, which makes sorting cheap
    return count_equal(keys)


def _hash_places(tree: _Tree, looks: HashArray) -> HashArray:
    """Return a hash of the looks of each block's element and of the one around it."""
    element = tree.ancestors[0]
    places: HashArray = looks.take(element) * np.uint64(0xD6E8FEB86659FD93)
    places += looks.take(tree.parents.take(element))
    return places


def _measure_containers(
    tree: _Tree, sums: NDArray[np.float64], twins: IntArray
) -> tuple[NDArray[np.float32], IntArray, IntArray]:
    """Measure the enclosing containers, each the nearest ancestor that holds more blocks than the one before.

    Return a table, and the first and last block of each container.
    """
    same = (tree.first.take(tree.parents) == tree.first) & (tree.last.take(tree.parents) == tree.last)
    top = np.where(same, tree.parents, np.arange(same.size))
    for _ in range(6):  # chains of up to 64 elements around the same blocks
        top = top.take(top)
    above = top.take(tree.parents)
    levels = [top.take(tree.ancestors[0])]
    while len(levels) <= CONTAINER_LEVELS:
        levels.append(above.take(levels[-1]))
    children, containers = np.array(levels[:-1]), np.array(levels[1:])
    first, last = tree.first.take(containers), tree.last.take(containers)
    blocks = last + 1 - first
    words, chars, linked, running = sums.take(last + 1, axis=1) - sums.take(first, axis=1)
    table = np.stack(
        (
            np.log1p(blocks),
            np.log1p(words),
            linked / np.maximum(chars, 1),
            running / np.maximum(words, 1),
            (np.arange(first.shape[1]) - first) / np.maximum(blocks - 1, 1),
            np.log1p(twins.take(children)),
            words / max(1.0, sums[0, -1]),
        ),
        axis=1,
        dtype=np.float32,
        casting="same_kind",
    )
    return table.reshape(-1, first.shape[1]).T, first.T, last.T


def _measure_place(tree: _Tree, sums: NDArray[np.float64], blocks: BlockColumns, sizes: Sizes) -> FloatArray:
    size = sizes.words.size
    index = np.arange(size)
    chars = np.maximum(sizes.chars, 1)
    depth, before, after = _climbs(tree)
    body_first, body_last, share = _find_body(tree, sums[3])
    return stack_columns(
        (
            1,
            np.minimum(blocks.linked / chars, 1),
            np.log1p(blocks.links),
            blocks.emphasised / chars,
            np.log1p(blocks.images),
            blocks.hidden,
            np.log1p(depth),
            np.log1p(before),
            np.log1p(after),
            (index >= body_first) & (index <= body_last),
            index > body_last,
            index < body_first,
            share,
            blocks.linked.sum() / max(1, sizes.chars.sum()),
            math.log1p(tree.parents.size - 1),
        ),
        size,
    )


def _climbs(tree: _Tree) -> tuple[IntArray, IntArray, IntArray]:
    """Return the depth of each block, and how much of it is not shared with the block before, and after."""
    depth = tree.depth
    index = np.arange(depth.size)
    last = tree.last.copy()
    last[-1] = -1  # the sentinel is shared by all
    shared = (last.take(tree.ancestors) > index).sum(axis=0)
    # Below MAX_LEVELS: what lies above is known to be shared only if the farthest ancestor is.
    farthest = tree.ancestors[depth - 1, index]
    shared[:-1][farthest[1:] != farthest[:-1]] = 0
    return depth, depth - np.append(0, shared[:-1]), depth - shared


def _find_body(tree: _Tree, running: NDArray[np.float64]) -> tuple[int, int, float]:
    """Return the first and last block of the smallest element with most of the running text, and its share of it."""
    if running[-1] > 0:
        first, last = tree.first[:-1], tree.last[:-1]
        held = running.take(last + 1) - running.take(first)
        candidates = (held >= _BODY_SHARE * running[-1]).nonzero()[0]
        if candidates.size:
            body = candidates[np.argmin((last - first).take(candidates))]
            return int(first[body]), int(last[body]), float(held[body] / running[-1])
    return 0, running.size - 2, 0.0


def _measure_page(hints: frozenset[str], own: FloatArray, near: FloatArray, hidden: IntArray) -> NDArray[np.float64]:
    """Measure what the whole page is made of: the same row for every block."""
    types = [not members.isdisjoint(hints) for members in PAGE_TYPES.values()]
    row = np.concatenate((types, own.mean(axis=0), near.mean(axis=0), [hidden.mean()]))
    return np.broadcast_to(row, (len(own), row.size))


def _measure_heading(is_h1: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measure the way back to the last main heading before each block."""
    index = np.arange(is_h1.size)
    last = np.maximum.accumulate(np.where(is_h1, index, -_H1_REACH))
    return np.column_stack((last >= 0, np.log1p(np.minimum(index - last, _H1_REACH))))
