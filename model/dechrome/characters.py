"""Strings -> arrays of code points, their classes, and the words among them, a page at a time.

No language is privileged: classes come from the Unicode character database, and scripts that are written without
spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) count every letter as a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
HashArray = NDArray[np.uint64]
CodeArray = NDArray[np.uint32]
ClassArray = NDArray[np.uint8]


class CharClass:
    """What a character is to the features; the order matters: letters and digits come first.

    No enum: comparing an array with a member takes numpy five times as long as with a plain number.
    """

    LOWER: Final = 0  # letters without capitals too
    UPPER: Final = 1
    UNSPACED: Final = 2  # letters of scripts written without spaces
    DIGIT: Final = 3
    SPACE: Final = 4
    STOP: Final = 5  # ends a sentence
    COMMA: Final = 6
    QUOTE: Final = 7
    SEPARATOR: Final = 8  # what menus put between their entries
    CURRENCY: Final = 9
    DASH: Final = 10
    PUNCTUATION: Final = 11
    OTHER: Final = 12


CLASS_COUNT: Final = 13
_LAST_WORD_CLASS: Final = CharClass.DIGIT
_TABLE_SIZE: Final = 0x20000  # code points above are CJK ideographs, but for a few
_STOPS: Final = frozenset(".!?…。！？｡।॥؟۔։።⸮‼⁇⁈⁉")
_COMMAS: Final = frozenset(",;:،؛、，；：·")
_QUOTES: Final = frozenset("\"'«»“”„‟‘’‚‹›「」『』《》〈〉")
_SEPARATORS: Final = frozenset("|/\\>•›»→▶►▸‣·~_*#=+<←‹«◄©®™@&")
_DASHES: Final = frozenset("-–—‐‑−")
# First and last code point of scripts written without spaces between words (Unicode blocks).
_UNSPACED_RANGES: Final = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
)  # fmt: skip
_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)


class Characters(NamedTuple):
    """The characters of a list of strings, one after the other with a line feed between.

    ``codes`` are lower-cased code points with every digit as ``0``; ``classes`` are those of the original
    characters; string ``i`` is at ``starts[i]:ends[i]``. ``sums`` is what ``hash_runs`` needs.
    """

    codes: CodeArray
    classes: ClassArray
    starts: IntArray
    ends: IntArray
    sums: HashArray


class Words(NamedTuple):
    """The words of a list of strings: hash, owning string, and first and last place (exclusive) in the codes."""

    hashes: HashArray
    owners: IntArray
    starts: IntArray
    ends: IntArray


def read_characters(texts: Sequence[str]) -> Characters:
    """Join the strings and classify every character."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = (lengths + 1).cumsum() - 1
    joined = "\n".join(texts)
    raw: CodeArray = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    classes, lowered = _tables()
    index = raw.astype(np.intp)
    codes = lowered.take(index, mode="clip")
    if raw.size and int(raw.max()) >= _TABLE_SIZE:
        codes = np.where(raw >= _TABLE_SIZE, raw, codes)
    return Characters(codes, classes.take(index, mode="clip"), ends - lengths, ends, _sum_powers(codes))


def find_words(characters: Characters, *, split_case: bool = False) -> Words:
    """Find runs of letters and digits; letters of unspaced scripts stand alone.

    With ``split_case`` a capital after a small letter starts a new word (``relatedPosts``).
    """
    classes = characters.classes
    inside = classes <= _LAST_WORD_CLASS
    spaced = inside & (classes != CharClass.UNSPACED)
    joins = spaced[1:] & spaced[:-1]
    if split_case:
        joins &= (classes[1:] != CharClass.UPPER) | (classes[:-1] != CharClass.LOWER)
    opens = inside.copy()
    opens[1:] &= ~joins
    inside[:-1] &= ~joins
    starts = opens.nonzero()[0]
    ends = inside.nonzero()[0] + 1
    owners = characters.ends.searchsorted(starts, side="right")
    return Words(hash_runs(characters, starts, ends), owners, starts, ends)


def hash_runs(characters: Characters, starts: IntArray, ends: IntArray) -> HashArray:
    """Return a 64-bit polynomial hash of every run ``codes[start:end]``: the same run, the same hash, anywhere."""
    inverses = _powers(characters.codes.size)[1]
    hashes = characters.sums.take(ends)
    hashes -= characters.sums.take(starts)
    hashes *= inverses.take(starts)
    hashes += np.uint64(1)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(31)
    return hashes


def find_known(hashes: HashArray, known: HashArray) -> tuple[IntArray, IntArray]:
    """Find the places of the hashes that are known, and the place of each among those known, which are in order.

    >>> [places.tolist() for places in find_known(np.array([7, 5, 7], np.uint64), np.array([1, 7], np.uint64))]
    [[0, 2], [1, 1]]
    """
    prefixes = np.zeros(1 << 16, bool)  # most hashes share theirs with none of the known ones
    prefixes[known >> np.uint64(48)] = True
    places = prefixes.take((hashes >> np.uint64(48)).astype(np.intp)).nonzero()[0]
    likely = hashes.take(places)
    found = np.minimum(known.searchsorted(likely), known.size - 1)
    same = (known.take(found) == likely).nonzero()[0]
    return places.take(same), found.take(same)


def number_equal(keys: HashArray) -> IntArray:
    """Return a number for each key, from 0 up in the order of the keys; equal ones have the same.

    >>> number_equal(np.array([7, 5, 7], np.uint64)).tolist()
    [1, 0, 1]
    """
    order = keys.argsort(kind="stable")  # twice as fast here as the default
    ordered = keys.take(order)
    numbers = np.zeros(keys.size, np.int64)
    numbers[order[1:]] = (ordered[1:] != ordered[:-1]).cumsum()
    return numbers


def count_equal(keys: HashArray) -> IntArray:
    """Return how often each key occurs among all.

    >>> count_equal(np.array([7, 5, 7], np.uint64)).tolist()
    [2, 1, 2]
    """
    numbers = number_equal(keys)
    counts: IntArray = np.bincount(numbers).take(numbers)
    return counts


def hash_word(word: str) -> int:
    """Return the hash that ``find_words`` gives a single word."""
    return int(find_words(read_characters([word])).hashes[0])


def _sum_powers(codes: CodeArray) -> HashArray:
    """Return the running sums of the characters' terms in the polynomial, one more than there are characters."""
    sums = np.zeros(codes.size + 1, np.uint64)
    terms = sums[1:]  # in place: memory is most of the time
    np.add(codes, 1, out=terms)
    terms *= _powers(codes.size)[0][: codes.size]
    np.add.accumulate(terms, out=terms)
    return sums


def _powers(size: int) -> tuple[HashArray, HashArray]:
    """Return the powers of the base and of its inverse, modulo 2**64, at least up to ``size``."""
    return _first_powers(1 << max(10, size.bit_length()))


@cache
def _first_powers(size: int) -> tuple[HashArray, HashArray]:
    """Return that many powers; sizes are powers of two, so few are kept."""
    powers = np.full(size, _BASE, np.uint64)
    inverses = np.full(size, _INVERSE, np.uint64)
    powers[0] = inverses[0] = 1
    return np.multiply.accumulate(powers), np.multiply.accumulate(inverses)


@cache
def _tables() -> tuple[ClassArray, CodeArray]:
    """Return class and folded code point of every code point below ``_TABLE_SIZE``."""
    characters = [chr(code) for code in range(_TABLE_SIZE)]
    categories = np.array([unicodedata.category(character) for character in characters])
    major = categories.astype("U1")
    classes = np.full(_TABLE_SIZE, CharClass.OTHER, np.uint8)
    classes[(major == "L") | (major == "M")] = CharClass.LOWER
    classes[(categories == "Lu") | (categories == "Lt")] = CharClass.UPPER
    classes[major == "N"] = CharClass.DIGIT
    classes[major == "P"] = CharClass.PUNCTUATION
    classes[categories == "Sc"] = CharClass.CURRENCY
    classes[(major == "Z") | np.isin(np.arange(_TABLE_SIZE), (9, 10, 11, 12, 13, 0x85))] = CharClass.SPACE
    for first, last in _UNSPACED_RANGES:
        part = classes[first : last + 1]
        part[part <= CharClass.UPPER] = CharClass.UNSPACED
    for members, value in (
        (_SEPARATORS, CharClass.SEPARATOR),
        (_STOPS, CharClass.STOP),
        (_COMMAS, CharClass.COMMA),
        (_QUOTES, CharClass.QUOTE),
        (_DASHES, CharClass.DASH),
    ):
        classes[[ord(member) for member in members]] = value
    classes[_TABLE_SIZE - 1] = CharClass.UNSPACED  # stands for all code points above
    lowered = np.arange(_TABLE_SIZE, dtype=np.uint32)
    for code in (classes == CharClass.UPPER).nonzero()[0]:
        lower = characters[code].lower()
        if len(lower) == 1:
            lowered[code] = ord(lower)
    lowered[classes == CharClass.DIGIT] = ord("0")
    return classes, lowered
