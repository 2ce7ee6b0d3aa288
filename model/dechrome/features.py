"""Blocks -> matrix: the features of one page, for training and for running alike. They have no learned state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Final, NamedTuple

import numpy as np

from dechrome.blocks import Document, Kind
from dechrome.characters import Characters, HashArray, IntArray, Words, find_words, read_characters
from dechrome.context import (
    Extents,
    FloatArray,
    average_windows,
    find_extents,
    read_columns,
    shift_rows,
    stack_columns,
)
from dechrome.text_features import TextColumns, clip_texts, measure_text
from dechrome.tree_features import CONTAINER_LEVELS, TREE_NAMES, measure_tree

OWN_NAMES: Final = TextColumns._fields + TREE_NAMES
# Features that are read at the neighbours too, and averaged around the block.
NEIGHBOUR_NAMES: Final = (
    "log_words", "ends_stop", "stops_per_word", "capital_words", "digit_share", "separator_share", "starts_upper",
    "link_density", "hidden", "emphasised", "image_name", "running_words_share", "cookie_words",
    "tag_p", "tag_li", "tag_h2", "tag_div",
)  # fmt: skip
OFFSETS: Final = (-2, -1, 1, 2)
REACHES: Final = ((3, -1), (-1, 3), (8, -1), (-1, 8))  # rows before and after
WINDOW_NAMES: Final = (
    "log_words",
    "ends_stop",
    "stops_per_word",
    "link_density",
    "capital_words",
    "running_words_share",
    "cookie_words",
)
FEATURE_NAMES: Final = (
    OWN_NAMES
    + tuple(f"{name}@{offset:+d}" for offset in OFFSETS for name in NEIGHBOUR_NAMES)
    + tuple(f"{name}@{-before:+d}..{after:+d}" for before, after in REACHES for name in WINDOW_NAMES)
)
WORD_BITS: Final = 15
CUE_BITS: Final = 14
_HEAD_WORDS: Final = 24  # of a block that the bag of words takes; the rest of long blocks tells little more
_TAIL_WORDS: Final = 8
_NEIGHBOURS: Final = np.array([OWN_NAMES.index(name) for name in NEIGHBOUR_NAMES])
_WINDOWED: Final = np.array([OWN_NAMES.index(name) for name in WINDOW_NAMES])
# Columns of the word table: how content-like, and for each kind (then: none) how much like it.
SCORE_NAMES: Final = ("content", *Kind, "none")
SCORE_OFFSETS: Final = (-2, -1, 1, 2)
SCORE_RADII: Final = (3, 8)


def _context_names(name: str) -> tuple[str, ...]:
    return (
        name,
        *(f"{name}@{offset:+d}" for offset in SCORE_OFFSETS),
        *(f"{name}@around{radius}" for radius in SCORE_RADII),
        *(f"{name}@container{level}" for level in range(1, CONTAINER_LEVELS + 1)),
        f"{name}@page",
    )


INPUT_NAMES: Final = (
    *FEATURE_NAMES,
    *_context_names("words_content"),
    *_context_names("cues_content"),
    *(f"words_{name}{suffix}" for suffix in ("", "@-1", "@+1", "@around3") for name in SCORE_NAMES[1:]),
)


class CuePhrases(NamedTuple):
    """``tree_features.Phrases``, the words as buckets below ``2 ** CUE_BITS`` in place of hashes."""

    words: IntArray
    counts: IntArray
    numbers: IntArray
    blocks: IntArray


class Features(NamedTuple):
    """What the model sees of one page.

    ``dense`` has shape (blocks, len(FEATURE_NAMES)). ``words`` are buckets (below ``2 ** WORD_BITS``) of the hashed
    words, word pairs and word beginnings of the blocks ``word_blocks``; ``phrases`` are what the attributes around the
    blocks say. ``first`` and ``last`` are the block ranges of the enclosing containers, shape (blocks,
    CONTAINER_LEVELS); ``lengths`` are words per block. Blocks with the same number in ``likes`` stand in elements of
    the same kind. ``extents`` says where pages begin and end, if several are joined.
    """

    dense: FloatArray
    words: IntArray
    word_blocks: IntArray
    phrases: CuePhrases
    first: IntArray
    last: IntArray
    lengths: IntArray
    likes: HashArray
    extents: Extents

    @property
    def cues(self) -> IntArray:
        """The words of the attributes around each block in turn: ``cue_blocks`` are the blocks."""
        _, counts, numbers, _ = self.phrases
        sizes = counts.take(numbers)
        starts = (counts.cumsum() - counts).take(numbers)
        places = np.arange(sizes.sum()) + (starts - sizes.cumsum() + sizes).repeat(sizes)
        cues: IntArray = self.phrases.words.take(places)
        return cues

    @property
    def cue_blocks(self) -> IntArray:
        """The block of each of ``cues``, in order."""
        blocks: IntArray = self.phrases.blocks.repeat(self.phrases.counts.take(self.phrases.numbers))
        return blocks


def extract_features(document: Document) -> Features:
    """Return the features of one page's blocks."""
    if document.blocks:
        return _extract([document], document.title)
    nothing = np.zeros(0, np.int64)
    ranges = np.zeros((0, CONTAINER_LEVELS), np.int64)
    dense = np.zeros((0, len(FEATURE_NAMES)), np.float32)
    phrases = CuePhrases(nothing, nothing, nothing, nothing)
    likes = np.zeros(0, np.uint64)
    return Features(dense, nothing, nothing, phrases, ranges, ranges, nothing, likes, find_extents([]))


def extract_text_features(documents: Sequence[Document]) -> Features:
    """Return the features of plain texts, none of them empty, joined: a short one alone costs ten times as much."""
    return _extract(documents, "")


def join_features(pages: Sequence[Features]) -> Features:
    """Join the features of several pages."""
    if len(pages) == 1:
        return pages[0]
    starts = np.cumsum([0, *(len(page.dense) for page in pages[:-1])]).tolist()
    moved = [
        (
            page.dense.T,
            page.words,
            page.word_blocks + start,
            (page.first + start).T,
            (page.last + start).T,
            page.lengths,
            page.likes * np.uint64(0xD6E8FEB86659FD93) + np.uint64(start),
        )
        for page, start in zip(pages, starts, strict=True)
    ]
    dense, words, word_blocks, first, last, lengths, likes = (
        np.concatenate(column, axis=-1) for column in zip(*moved, strict=True)
    )
    phrases = _join_phrases([page.phrases for page in pages], starts)
    extents = find_extents([size for page in pages for size in page.extents.sizes.tolist()])
    return Features(dense.T, words, word_blocks, phrases, first.T, last.T, lengths, likes, extents)


def _join_phrases(pages: Sequence[CuePhrases], starts: Sequence[int]) -> CuePhrases:
    before = accumulate((page.counts.size for page in pages), initial=0)
    moved = [
        (page.words, page.counts, page.numbers + number, page.blocks + start)
        for page, number, start in zip(pages, before, starts, strict=False)
    ]
    return CuePhrases(*(np.concatenate(column) for column in zip(*moved, strict=True)))


def _extract(documents: Sequence[Document], title: str) -> Features:
    """Measure one page, or several plain texts at once."""
    blocks = list(chain.from_iterable(document.blocks for document in documents))
    extents = find_extents([len(document.blocks) for document in documents])
    texts, columns = read_columns(blocks)
    texts = clip_texts(texts)
    read = read_characters([*texts, *clip_texts([title])])
    characters, words, title_hashes = _cut_title(read, find_words(read))
    text, sizes = measure_text(columns.breaks, texts, characters, words, title_hashes, extents)
    dense = np.empty((len(FEATURE_NAMES), len(blocks)), np.float32).T  # a feature is one run of memory
    tree = measure_tree(documents[0], columns, sizes)
    np.concatenate((stack_columns(text, len(blocks)), *tree.tables), axis=1, out=dense[:, : len(OWN_NAMES)])
    fill_around(dense, extents)
    buckets, owners = _bag_of_words(words, characters, sizes.words)
    return Features(
        dense,
        buckets,
        owners,
        CuePhrases(_hash_buckets(tree.phrases.hashes, 0xC2B2AE3D27D4EB4F, CUE_BITS), *tree.phrases[1:]),
        tree.first,
        tree.last,
        sizes.words,
        tree.likes,
        extents,
    )


def fill_around(dense: FloatArray, extents: Extents) -> None:
    """Write, beside each block's own features, those of its neighbours."""
    near_end = len(OWN_NAMES) + len(OFFSETS) * len(_NEIGHBOURS)
    own, shifted, windows = dense[:, : len(OWN_NAMES)], dense[:, len(OWN_NAMES) : near_end], dense[:, near_end:]
    near = own.T.take(_NEIGHBOURS, axis=0).T
    np.concatenate([shift_rows(near, offset, extents) for offset in OFFSETS], axis=1, out=shifted)
    averages = average_windows(own.T.take(_WINDOWED, axis=0).T, REACHES, extents)
    windows.T[:] = averages.transpose(0, 2, 1).reshape(-1, len(dense))


def _cut_title(read: Characters, found: Words) -> tuple[Characters, Words, HashArray]:
    """Cut off the last string, and return its words."""
    stop = int(read.starts[-1])
    characters = Characters(read.codes[:stop], read.classes[:stop], read.starts[:-1], read.ends[:-1], read.sums)
    size = int(np.searchsorted(found.starts, stop))
    words = Words(found.hashes[:size], found.owners[:size], found.starts[:size], found.ends[:size])
    return characters, words, np.unique(found.hashes[size:])


def _bag_of_words(words: Words, characters: Characters, per_block: IntArray) -> tuple[IntArray, IntArray]:
    """Return buckets of words, word pairs and word beginnings at the head and tail of each block."""
    rank = np.arange(words.owners.size) - (per_block.cumsum() - per_block).take(words.owners)
    tail = per_block.take(words.owners) - _TAIL_WORDS
    chosen = ((rank < _HEAD_WORDS) | (rank >= tail)).nonzero()[0]
    owners = words.owners.take(chosen)
    single = words.hashes.take(chosen)
    starts = words.starts.take(chosen)
    paired = ((chosen[1:] - chosen[:-1] == 1) & (owners[1:] == owners[:-1])).nonzero()[0]
    pairs = single.take(paired) * np.uint64(3) + single.take(paired + 1) * np.uint64(5)
    # Beginnings stand in for the stems of inflected languages.
    long = (words.ends.take(chosen) - starts > 5).nonzero()[0]
    hashes = np.concatenate((single, pairs, _hash_beginnings(characters, starts.take(long)) + np.uint64(7)))
    blocks = np.concatenate((owners, owners.take(paired), owners.take(long)))
    return _hash_buckets(hashes, 0x9E3779B97F4A7C15, WORD_BITS), blocks


def _hash_buckets(hashes: HashArray, factor: int, bits: int) -> IntArray:
    return (hashes * np.uint64(factor) >> np.uint64(64 - bits)).astype(np.int64)


def _hash_beginnings(characters: Characters, starts: IntArray) -> HashArray:
    hashes: HashArray = np.zeros(starts.size, np.uint64)
    for offset in range(4):
        hashes = (hashes + characters.codes.take(starts + offset)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes
