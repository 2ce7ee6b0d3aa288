"""Content blocks -> the content and its foreign tail ("… Read more"), cut where the model is sure.

A tail may begin where a sentence or a bracket ends, at a capital after a small letter, at an arrow, where the last link
begins, and anywhere in scripts without capitals or spaces. A linear model over hashed words and characters judges
each such place; ``find_candidates`` is the same for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import TAIL_BITS, TAIL_KINDS, Model
from dechrome.blocks import Kind, Label, LabelledBlock, Span
from dechrome.characters import (
    Characters,
    CharClass,
    HashArray,
    IntArray,
    Words,
    find_words,
    hash_runs,
    read_characters,
)
from dechrome.context import FloatArray
from dechrome.inference import sum_rows

NO_LINK: Final = -1  # in place of where the last link begins
UNKNOWN_LINK: Final = -2  # plain text does not show its links
MAX_TAIL: Final = 60  # characters
MAX_WORDS: Final = 8
MAX_UNSPACED: Final = 20  # characters of a tail in a script without spaces
MIN_HEAD: Final = 8  # characters that stay
GRAM_WEIGHT: Final = 3.0  # of words and characters beside the signs
_WINDOW: Final = MAX_TAIL + 40  # characters at the end of a block that are looked at
_BITS_LEFT: Final = np.uint64(64 - TAIL_BITS)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_LETTERS: Final = CharClass.UNSPACED  # and all classes below
_OPENING: Final = tuple(map(ord, "([{>»›→►▸▶·•"))
_BRACKETS: Final = tuple(map(ord, "([{"))
_CLOSING: Final = tuple(map(ord, ")]}"))
# Scripts without capitals: Hebrew to Burmese, Georgian, Hangul, Ethiopic and what else lies between.
_CASELESS: Final = ((0x0590, 0x10A0), (0x10D0, 0x13A0), (0x1700, 0x1C80), (0xAC00, 0xD7B0), (0xFB1D, 0xFE00))


class Joint:
    """How a candidate is joined to what stands before it; the later one holds where several do."""

    NONE: Final = 0
    LINK: Final = 1
    UNSPACED: Final = 2
    CASELESS: Final = 3
    CAPITAL: Final = 4
    SIGN: Final = 5  # the tail begins with an arrow or a bracket
    CLOSED: Final = 6
    STOP: Final = 7
    ELLIPSIS: Final = 8


class Candidates(NamedTuple):
    """The places where tails may begin: text, offset in it, and what the model sees of each.

    ``grams`` are buckets of the tail's words and characters, ``rows`` the candidate of each; ``signs``, shape
    (candidates, some), are buckets of all else.
    """

    owners: IntArray
    starts: IntArray
    grams: IntArray
    rows: IntArray
    signs: IntArray


class Tail(NamedTuple):
    """The foreign end of a text: where it begins, how sure that is, what kind, and how sure that is."""

    start: int
    probability: float
    kind: Kind
    kind_confidence: float


def split_tails(blocks: Sequence[LabelledBlock], model: Model, *, is_text: bool) -> tuple[LabelledBlock, ...]:
    """Cut every content block that ends in a foreign tail into the content and a block of chrome."""
    content = [index for index, block in enumerate(blocks) if block.label is Label.CONTENT]
    texts = [blocks[index].text for index in content]
    links = [UNKNOWN_LINK if is_text else last_link(blocks[index].text, blocks[index].spans) for index in content]
    tails = {content[owner]: tail for owner, tail in find_tails(texts, links, model).items()}
    if not tails:
        return tuple(blocks)
    parts = (_cut(block, tails[i]) if i in tails else (block,) for i, block in enumerate(blocks))
    return tuple(block for part in parts for block in part)


def find_tails(texts: Sequence[str], links: Sequence[int], model: Model) -> dict[int, Tail]:
    """Return the tails that the model is sure of, by the number of their text. ``links`` are those of last_link."""
    found = find_candidates(texts, links)
    if not found.starts.size:
        return {}
    kinds = judge_candidates(model.tail_table, found)
    sure = kinds.sum(axis=1)
    best = best_candidates(found.owners, sure)
    return {
        int(found.owners[i]): Tail(
            int(found.starts[i]),
            float(sure[i]),
            TAIL_KINDS[int(kinds[i].argmax())],
            float(kinds[i].max() / sure[i]),
        )
        for i in best[sure[best] >= model.settings["tail_threshold"]].tolist()
    }


def last_link(text: str, spans: Sequence[Span]) -> int:
    """Return where the link begins that the text ends in, or NO_LINK.

    >>> last_link("A fox ran. Read on »", [Span(11, 18, "a")])
    11
    """
    if not spans:
        return NO_LINK
    start, end = max(((span.start, span.end) for span in spans if span.tag == "a"), default=(NO_LINK, 0))
    return start if start >= 0 and not any(map(str.isalnum, text[end:])) else NO_LINK


def judge_candidates(table: FloatArray, found: Candidates) -> FloatArray:
    """Return the probability of each kind of tail for each candidate, shape (candidates, len(TAIL_KINDS))."""
    scores = GRAM_WEIGHT * sum_rows(table, found.grams, found.rows, len(found.starts))
    scores += table.take(found.signs, axis=0).sum(axis=1)
    tail, second = (1 / (1 + np.exp(-np.clip(scores, -30, 30)))).T
    return np.stack((tail * (1 - second), tail * second), axis=1)


def best_candidates(owners: IntArray, sure: FloatArray) -> IntArray:
    """Return the most likely candidate of each text that has any.

    >>> best_candidates(np.array([0, 0, 2]), np.array([0.1, 0.9, 0.4], np.float32)).tolist()
    [1, 2]
    """
    order = np.lexsort((-sure, owners))
    return order[np.flatnonzero(np.diff(owners[order], prepend=-1))]


def find_candidates(texts: Sequence[str], links: Sequence[int]) -> Candidates:
    """Find the places in the last words of each text where a tail may begin."""
    shifts = np.array([max(0, len(text) - _WINDOW) for text in texts], np.int64)
    characters = read_characters([text[-_WINDOW:] for text in texts])
    words = find_words(characters)
    last = np.array(links, np.int64)
    linked = np.where(last < 0, last, np.maximum(last - shifts, 0) + characters.starts)
    joints = _find_joints(characters, linked)
    places = np.flatnonzero(joints)
    owners = characters.ends.searchsorted(places, side="right")
    offsets = places - characters.starts[owners] + shifts[owners]
    kept = np.flatnonzero(_is_short(characters, words, places, owners) & (offsets >= MIN_HEAD))
    places, owners, offsets = places[kept], owners[kept], offsets[kept]
    first, final = words.starts.searchsorted(places), words.starts.searchsorted(characters.ends)[owners]
    grams, rows = _hash_tails(characters, words, first, final)
    link = _place_of_link(words, linked[owners], first, characters.starts[owners])
    signs = _hash_signs(characters, words, places, owners, first, final, joints, link)
    return Candidates(owners, offsets, grams, rows, signs)


def _is_short(characters: Characters, words: Words, places: IntArray, owners: IntArray) -> NDArray[np.bool_]:
    """Tell whether there are words from a place to the end of its text, few enough for a tail, and whole brackets."""
    ends = characters.ends[owners]
    first, final = words.starts.searchsorted(places), words.starts.searchsorted(ends)
    scripts = characters.classes[np.append(words.starts, places)[first]]  # without a word left, whatever stands there
    limits = np.where(scripts == CharClass.UNSPACED, MAX_UNSPACED, MAX_WORDS)
    short: NDArray[np.bool_] = (final > first) & (final - first <= limits) & (ends - places <= MAX_TAIL)
    return short & _is_balanced(characters, places, owners)


def _find_joints(characters: Characters, linked: IntArray) -> IntArray:
    """Return the joint of every character with what stands before it."""
    codes, classes = characters.codes, characters.classes
    if not codes.size:
        return np.zeros(0, np.int64)
    places = np.arange(codes.size)
    before = np.maximum.accumulate(np.where(classes == CharClass.SPACE, 0, places))  # the last that is no space
    before = np.concatenate(([0], before[:-1]))
    gap = before < places - 1
    above, two_above = classes[before], codes[np.maximum(before - 1, 0)]
    upper, unspaced = classes == CharClass.UPPER, classes == CharClass.UNSPACED
    caseless = (classes == CharClass.LOWER) & _is_caseless(codes)
    letter = classes <= _LETTERS
    sign = gap & np.isin(codes, _OPENING)
    opens = (letter & (gap | upper | unspaced)) | sign
    dots = (codes[before] == ord("…")) | ((codes[before] == ord(".")) & (two_above == ord(".")))
    closed = gap & (np.isin(codes[before], _CLOSING) | (above == CharClass.QUOTE))
    small = (above == CharClass.LOWER) | (above == CharClass.DIGIT) | ((above == CharClass.UPPER) & gap)
    joints = np.zeros(codes.size, np.int64)
    joints[linked[linked >= 0]] = Joint.LINK
    joints[unspaced] = Joint.UNSPACED
    joints[caseless & gap] = Joint.CASELESS
    joints[upper & small] = Joint.CAPITAL
    joints[sign & (above != CharClass.SEPARATOR)] = Joint.SIGN
    joints[opens & closed] = Joint.CLOSED
    joints[opens & (above == CharClass.STOP)] = Joint.STOP
    joints[(opens | letter) & dots] = Joint.ELLIPSIS
    return joints


def _is_balanced(characters: Characters, places: IntArray, owners: IntArray) -> NDArray[np.bool_]:
    """Tell whether no bracket that was open before a place is closed behind it."""
    change = np.isin(characters.codes, _BRACKETS).astype(np.int64) - np.isin(characters.codes, _CLOSING)
    depth = np.concatenate(([0], change.cumsum()))
    balanced: NDArray[np.bool_] = depth[characters.ends[owners]] >= depth[places]
    return balanced


def _is_caseless(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    inside = np.zeros(codes.size, bool)
    if codes.size and int(codes.max()) >= _CASELESS[0][0]:
        for first, end in _CASELESS:
            inside |= (codes >= first) & (codes < end)
    return inside


def _place_of_link(words: Words, linked: IntArray, first: IntArray, starts: IntArray) -> IntArray:
    """Return how the tail's words lie to those of the last link: 0 the same, 1 within, 2 beyond; 3 none; 4 unknown."""
    place = np.sign(words.starts.searchsorted(linked) - first)
    place = np.where(place == 0, 0, np.where(place < 0, 1, 2))
    return np.where(linked == NO_LINK, 3, np.where(linked == UNKNOWN_LINK, 4, place))


def _hash_tails(characters: Characters, words: Words, first: IntArray, final: IntArray) -> tuple[IntArray, IntArray]:
    """Return buckets of the words, pairs and beginnings of words, and runs of 3 and 4 characters of every tail."""
    rows, index = _spread(first, final)
    starts, ends = words.starts[index], words.ends[index]
    hashes = words.hashes[index]
    paired = np.flatnonzero(index + 1 < final[rows])
    pairs = hashes[paired] * np.uint64(3) + words.hashes[index[paired] + 1]
    parts = [
        (rows, _bucket(hashes, 1)),
        (rows[paired], _bucket(pairs, 2)),
        (rows, _bucket(hash_runs(characters, starts, np.minimum(starts + 4, ends)), 3)),
    ]
    for size in (3, 4):
        last = words.ends[final - 1] if final.size else final
        owners, places = _spread(words.starts[first], last - size + 1)
        parts.append((owners, _bucket(hash_runs(characters, places, places + size), size)))
    return np.concatenate([buckets for _, buckets in parts]), np.concatenate([owner for owner, _ in parts])


def _hash_signs(
    characters: Characters, words: Words, places: IntArray, owners: IntArray, first: IntArray, final: IntArray,
    joints: IntArray, link: IntArray,
) -> IntArray:  # fmt: skip
    """Return buckets of the whole tail, its first and last word, the word before it, and the shape of the joint.

    A tail inside which another sentence or bracket begins is one that begins too early: ``inner`` counts these.
    """
    if not places.size:
        return np.zeros((0, 1), np.int64)
    ends = words.ends[final - 1]
    strong = np.append(0, (joints >= Joint.SIGN).cumsum())
    inner = np.minimum(strong[characters.ends[owners]] - strong[places + 1], 2)
    joints = joints[places]
    before = np.maximum(first - 1, 0)
    previous = np.where(words.owners[before] == owners, words.hashes[before], np.uint64(0))
    count = np.minimum(final - first, 9)
    begins = characters.classes[places].astype(np.int64)
    closes = characters.classes[characters.ends[owners] - 1].astype(np.int64)
    after = np.minimum(characters.ends[owners] - ends, 3)
    columns = (
        hash_runs(characters, words.starts[first], ends),
        words.hashes[first],
        words.hashes[final - 1],
        previous,
        np.zeros(places.size),
        joints,
        joints * 16 + link,
        joints * 16 + count,
        link * 16 + count,
        closes * 16 + after,
        begins * 16 + joints,
        (characters.ends[owners] - places) // 4,
        inner * 16 + joints,
    )
    return np.stack([_bucket(column.astype(np.uint64), 8 + salt) for salt, column in enumerate(columns)], axis=1)


def _spread(starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
    """Return every whole number from each start to its end, and which range it is of.

    >>> [numbers.tolist() for numbers in _spread(np.array([3, 7]), np.array([5, 8]))]
    [[0, 0, 1], [3, 4, 7]]
    """
    sizes = np.maximum(ends - starts, 0)
    rows = np.repeat(np.arange(starts.size), sizes)
    offsets = np.arange(rows.size) - np.repeat(sizes.cumsum() - sizes, sizes)
    return rows, starts[rows] + offsets


def _bucket(hashes: HashArray, salt: int) -> IntArray:
    mixed = (hashes ^ np.uint64(salt * 0x2545F4914F6CDD1D & 0xFFFFFFFFFFFFFFFF)) * _MIX
    mixed ^= mixed >> np.uint64(29)
    return ((mixed * _MIX) >> _BITS_LEFT).astype(np.int64)


def _cut(block: LabelledBlock, tail: Tail) -> tuple[LabelledBlock, LabelledBlock]:
    """Cut one block in two; white space between them is in neither."""
    head = block.text[: tail.start].rstrip()
    place, size = tail.start, len(block.text)
    probabilities = {Label.CONTENT: 1 - tail.probability, Label.IMAGE: 0.0, Label.CHROME: tail.probability}
    end = block.end and block.start + len(head)
    start = block.end and block.start + place
    rest = LabelledBlock(
        block.text[place:], Label.CHROME, tail.kind, tail.probability, probabilities, tail.kind_confidence, block.path,
        start, block.end, _clip(block.spans, place, size),
    )  # fmt: skip
    return block._replace(text=head, end=end, spans=_clip(block.spans, 0, len(head))), rest


def _clip(spans: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    """Return the parts of spans that lie in ``text[start:end]``, as offsets into that.

    >>> _clip([Span(0, 9, "b"), Span(4, 6, "i")], 6, 12)
    (Span(start=0, end=3, tag='b', href=''),)
    """
    clipped = (span._replace(start=max(span.start, start) - start, end=min(span.end, end) - start) for span in spans)
    return tuple(span for span in clipped if span.start < span.end)
