"""Features of a block's text and of its place among the blocks: all that plain text has too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.characters import (
    CLASS_COUNT,
    Characters,
    CharClass,
    CodeArray,
    HashArray,
    IntArray,
    Words,
    count_equal,
    find_known,
    hash_runs,
)
from dechrome.context import Column, Extents, sum_pages
from dechrome.lexicon import COOKIE_STEMS

MAX_MEASURED: Final = 20_000  # characters of a block that are looked at: bounds the work on endless lines
_FAMILIARITY: Final = np.log1p(np.arange(4))  # of a word in no other block, in one, in two, in three or more
_LONG_BLOCK: Final = 15  # words from which a block counts as running text
_VOCABULARY_BITS: Final = 13
_IMAGE_SUFFIX: Final = r"\.(?:jpe?g|jpe|png|gif|webp|svgz?|avif|bmp|tiff?|ico|hei[cf]|jfif|nef|cr2|dng|raw|psd|eps)"
_IMAGE_NAME: Final = re.compile(rf"\S{{1,200}}{_IMAGE_SUFFIX}(?:[?#]\S*)?\W{{0,3}}", re.I)
_IMAGE_END: Final = re.compile(rf".{{1,160}}{_IMAGE_SUFFIX}\W{{0,3}}", re.I)
_IMAGE_DATA: Final = re.compile(r"data:image/|/9j/4AA|iVBORw0KGgo|R0lGOD|PHN2Zy|<img\b|<svg\b|<picture\b", re.I)
_IMAGE_ANYWHERE: Final = re.compile(rf"{_IMAGE_SUFFIX}(?![a-z0-9])", re.I)
_IMAGE_MARKUP: Final = re.compile(r"!\[|<img|\[?(?:data:image/)|\[[^\]\s]{0,12}: ?|\[\[?[^\]]{0,80}\]\]?$", re.I)
_STEMS: Final = {
    start: tuple(stem for stem in COOKIE_STEMS if stem.startswith(start))
    for start in {stem[:2] for stem in COOKIE_STEMS}
}
_OPENINGS: Final = np.isin(
    np.arange(0x80), tuple(map(ord, "wirp"))
)  # first letters of "www.", "iVBOR", "R0lGOD" and "PHN2Zy"
_LONGEST_PATTERN: Final = 400  # characters
_ADDRESS: Final = re.compile(r"(?:https?:)?//|www\.|[./]{0,2}/?\w+/\S*$", re.I)


def clip_texts(texts: list[str]) -> list[str]:
    """Leave out the middle of endless texts."""
    if len(max(texts, key=len)) <= MAX_MEASURED:
        return texts
    half = MAX_MEASURED // 2
    return [text if len(text) <= MAX_MEASURED else f"{text[:half]} {text[-half:]}" for text in texts]


class TextColumns(NamedTuple):
    """Length, shape and place of each block; what is one number holds for the whole page."""

    log_chars: Column
    log_words: Column
    word_length: Column
    longest_word: Column
    upper_share: Column
    unspaced_share: Column
    digit_share: Column
    comma_share: Column
    quote_share: Column
    separator_share: Column
    punctuation_share: Column
    other_share: Column
    stops: Column
    commas: Column
    currencies: Column
    dashes: Column
    stops_per_word: Column
    capital_words: Column
    starts_upper: Column
    starts_digit: Column
    starts_separator: Column
    ends_stop: Column
    ends_comma: Column
    ends_letter: Column
    has_lines: Column
    image_name: Column
    image_end: Column
    image_data: Column
    image_anywhere: Column
    image_markup: Column
    address: Column
    cookie_words: Column
    page_cookie_words: Column
    breaks_before: Column
    breaks_after: Column
    repeats: Column
    same_shape_before: Column
    title_share: Column
    is_title: Column
    title_before: Column
    page_words_share: Column
    running_words_share: Column
    place: Column
    words_before: Column
    log_from_start: Column
    log_from_end: Column
    log_to_running_before: Column
    log_to_running_after: Column
    rank: Column
    page_log_blocks: Column
    page_log_words: Column
    page_running_share: Column
    page_mean_log_words: Column
    page_unspaced: Column
    page_blank_lines: Column
    page_stops: Column


class Sizes(NamedTuple):
    """How much text each block holds; ``running`` counts the words of running text alone."""

    chars: IntArray
    words: IntArray
    running: IntArray


class _PageSums(NamedTuple):
    """Sums over the blocks of each page."""

    words: NDArray[Any]
    running: NDArray[Any]
    stops: NDArray[Any]
    unspaced: NDArray[Any]
    chars: NDArray[Any]
    blank_lines: NDArray[Any]
    cookies: NDArray[Any]


def measure_text(
    breaks: IntArray,
    texts: Sequence[str],
    characters: Characters,
    words: Words,
    title_hashes: HashArray,
    extents: Extents,
) -> tuple[TextColumns, Sizes]:
    """Measure the text of the blocks of a page, or of several pages without title.

    ``texts`` are those of the blocks, clipped, ``breaks`` those before.
    """
    count = len(texts)
    index = np.arange(count) - extents.first
    ends = np.maximum(1, extents.sizes - 1).take(extents.owners)
    starts = extents.starts[1:]  # of all pages but the first
    lengths = np.maximum(characters.ends - characters.starts, 1)
    counts = _count_classes(characters)
    shares = counts / lengths
    firsts = characters.classes.take(characters.starts)
    lasts = characters.classes.take(np.maximum(characters.ends - 1, characters.starts))
    stops = counts[CharClass.STOP]
    cookies = _count_stems(characters)
    patterns = _match_patterns(texts, characters)

    word_counts = np.bincount(words.owners, minlength=count)
    some_words = np.maximum(word_counts, 1)
    log_words = np.log1p(word_counts)
    running = (word_counts >= _LONG_BLOCK) & (stops > 0)
    running_words = np.where(running, word_counts, 0)
    words_before = word_counts.cumsum() - word_counts
    capitals = (characters.classes.take(words.starts) == CharClass.UPPER).nonzero()[0]
    in_title, _ = find_known(words.hashes, title_hashes)
    title_share = np.bincount(words.owners.take(in_title), minlength=count) / some_words
    is_title = (title_share > 0.8) & (word_counts * 2 >= title_hashes.size) & (word_counts >= 2)
    page_words, familiar_words = _familiarity(words, running, extents)
    shape = np.minimum(word_counts, 30) * 16 + firsts
    same_shape = np.append(False, shape[1:] == shape[:-1])
    same_shape[starts] = False
    breaks_after = np.append(breaks[1:], 0)
    breaks_after[starts - 1] = 0
    page_sums = sum_pages(
        np.array((word_counts, running_words, stops, counts[CharClass.UNSPACED], lengths, breaks > 1, cookies > 0)),
        extents,
    )
    page = _PageSums(*page_sums)
    total = np.maximum(1, page.words)

    def of_page(values: NDArray[Any]) -> NDArray[Any]:
        return values.take(extents.owners)

    columns = TextColumns(
        log_chars=np.log1p(lengths),
        log_words=log_words,
        word_length=counts[: CharClass.DIGIT + 1].sum(axis=0) / some_words,
        longest_word=np.log1p(_longest(words.ends - words.starts, words_before, word_counts)),
        upper_share=shares[CharClass.UPPER],
        unspaced_share=shares[CharClass.UNSPACED],
        digit_share=shares[CharClass.DIGIT],
        comma_share=shares[CharClass.COMMA],
        quote_share=shares[CharClass.QUOTE],
        separator_share=shares[CharClass.SEPARATOR],
        punctuation_share=shares[CharClass.PUNCTUATION],
        other_share=shares[CharClass.OTHER],
        stops=np.log1p(stops),
        commas=np.log1p(counts[CharClass.COMMA]),
        currencies=np.log1p(counts[CharClass.CURRENCY]),
        dashes=np.log1p(counts[CharClass.DASH]),
        stops_per_word=stops / some_words,
        capital_words=np.bincount(words.owners.take(capitals), minlength=count) / some_words,
        starts_upper=firsts == CharClass.UPPER,
        starts_digit=firsts == CharClass.DIGIT,
        starts_separator=firsts >= CharClass.SEPARATOR,
        ends_stop=lasts == CharClass.STOP,
        ends_comma=lasts == CharClass.COMMA,
        ends_letter=lasts <= CharClass.UNSPACED,
        has_lines=np.log1p(_count_line_feeds(characters)),
        image_name=patterns[0],
        image_end=patterns[1],
        image_data=patterns[2],
        image_anywhere=patterns[3],
        image_markup=patterns[4],
        address=patterns[5],
        cookie_words=np.log1p(cookies),
        page_cookie_words=of_page(page.cookies / extents.sizes),
        breaks_before=np.minimum(breaks, 4),
        breaks_after=np.minimum(breaks_after, 4),
        repeats=np.log(count_equal(_hash_texts(characters, extents))),
        same_shape_before=same_shape,
        title_share=title_share,
        is_title=is_title,
        title_before=np.append(False, np.logical_or.accumulate(is_title[:-1])),
        page_words_share=page_words / some_words,
        running_words_share=familiar_words / some_words,
        place=index / ends,
        words_before=(words_before - words_before.take(extents.first)) / of_page(total),
        log_from_start=np.log1p(index),
        log_from_end=np.log1p(extents.end - 1 - np.arange(count)),
        log_to_running_before=np.log1p(_distance(running, extents.first)),
        log_to_running_after=np.log1p(_distance(running[::-1], count - extents.end[::-1]))[::-1],
        rank=_rank(word_counts, extents) / ends,
        page_log_blocks=of_page(np.log1p(extents.sizes)),
        page_log_words=of_page(np.log1p(total)),
        page_running_share=of_page(page.running / total),
        page_mean_log_words=of_page(sum_pages(log_words, extents) / extents.sizes),
        page_unspaced=of_page(page.unspaced / page.chars),
        page_blank_lines=of_page(page.blank_lines / extents.sizes),
        page_stops=of_page(page.stops / total),
    )
    return columns, Sizes(lengths, word_counts, running_words)


def _count_classes(characters: Characters) -> IntArray:
    """Count the characters of each class in each block, shape (classes, blocks)."""
    count = characters.ends.size
    sizes = characters.ends - characters.starts + 1  # the line feed goes to its block
    owners = (np.arange(count) * CLASS_COUNT).repeat(sizes)
    owners += characters.classes
    counts = np.bincount(owners, minlength=count * CLASS_COUNT)
    return np.ascontiguousarray(counts.reshape(count, CLASS_COUNT).T)


def _count_line_feeds(characters: Characters) -> IntArray:
    places = (characters.codes == ord("\n")).nonzero()[0]
    counts: IntArray = places.searchsorted(characters.ends) - places.searchsorted(characters.starts)
    return counts


def _hash_texts(characters: Characters, extents: Extents) -> HashArray:
    """Return a hash of every text and its page."""
    hashes = hash_runs(characters, characters.starts, characters.ends)
    hashes += extents.owners.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return hashes


def _familiarity(words: Words, running: NDArray[np.bool_], extents: Extents) -> tuple[NDArray[Any], NDArray[Any]]:
    """Count the words that other blocks hold too (by hashed vocabulary), for each block: any others, and running ones.

    A word counts as the logarithm of one more than the number of those blocks of its page, three at most.
    """
    buckets = (words.hashes >> np.uint64(64 - _VOCABULARY_BITS)).astype(np.int64)
    pairs = np.sort(buckets + (words.owners << _VOCABULARY_BITS), kind="stable")  # the default is slower here
    pairs = pairs.take(np.append(pairs[1:] != pairs[:-1], True)[: pairs.size].nonzero()[0])
    owners = pairs >> _VOCABULARY_BITS
    held = pairs & ((1 << _VOCABULARY_BITS) - 1)
    if extents.starts.size > 1:  # each page has a vocabulary of its own
        held += extents.owners.take(owners) << _VOCABULARY_BITS
        buckets += extents.owners.take(words.owners) << _VOCABULARY_BITS
    size = extents.starts.size << _VOCABULARY_BITS
    others = np.bincount(held, minlength=size).take(buckets) - 1
    in_running = running.take(owners).nonzero()[0]
    running_blocks = np.bincount(held.take(in_running), minlength=size)
    running_others = running_blocks.take(buckets) - running.take(words.owners)
    known = np.bincount(words.owners, _FAMILIARITY.take(others, mode="clip"), running.size)
    familiar = np.bincount(words.owners, _FAMILIARITY.take(running_others, mode="clip"), running.size)
    return known, familiar


def _distance(flags: NDArray[np.bool_], first: IntArray) -> IntArray:
    """Count the blocks back to the nearest flagged one before in the page, which begins at ``first``; 50 at most."""
    index = np.arange(flags.size)
    nearest = np.maximum.accumulate(np.where(flags, index, -50))
    before = np.concatenate(([-50], nearest[:-1]))
    return np.where(before < first, 50, np.minimum(index - before, 50))


def _rank(sizes: IntArray, extents: Extents) -> IntArray:
    """Number the blocks of each page from the largest, 0, down."""
    order = ((extents.owners << 32) - sizes).argsort(kind="stable")
    ranks = np.empty(sizes.size, np.int64)
    ranks[order] = np.arange(sizes.size)
    return ranks - extents.first


def _longest(lengths: IntArray, starts: IntArray, counts: IntArray) -> IntArray:
    """Return the greatest of the lengths from each start on, as many as it counts; 0 where there are none."""
    longest = np.zeros(starts.size, np.int64)
    some = counts.nonzero()[0]
    if some.size:
        longest[some] = np.maximum.reduceat(lengths, starts.take(some))
    return longest


def _count_stems(characters: Characters) -> IntArray:
    """Count the words for cookies in each text."""
    pairs, fours = _hash_starts(characters.codes)
    short, table = _stem_hashes()
    maybe = table.take(fours)
    for pair in short:
        maybe |= pairs == pair
    folded = characters.codes.tobytes().decode("utf-32-le", "surrogatepass")
    places = [
        place
        for place in maybe.nonzero()[0].tolist()
        for stem in _STEMS.get(folded[place : place + 2], ())
        if folded.startswith(stem, place)
    ]
    return np.bincount(characters.ends.searchsorted(places), minlength=characters.ends.size)


@cache
def _stem_hashes() -> tuple[list[int], NDArray[np.bool_]]:
    """Return the hashes of the stems of two characters, and a table that is true at those of the longer ones."""
    short: list[int] = []
    table = np.zeros(1 << 16, bool)
    for stem in COOKIE_STEMS:
        pairs, fours = _hash_starts(np.array([ord(character) for character in stem], np.uint32))
        if len(stem) < 4:
            short.append(int(pairs[0]))
        else:
            table[fours[0]] = True
    return short, table


def _hash_starts(codes: CodeArray) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Hash the two characters, and the four, from each place on."""
    padded = np.zeros(codes.size + 3, np.uint16)
    padded[:-3] = codes
    pairs = padded[:-1] * np.uint16(40503) + padded[1:]
    return pairs[:-2], pairs[:-2] * np.uint16(59253) + pairs[2:]


def _match_patterns(texts: Sequence[str], characters: Characters) -> NDArray[np.bool_]:
    """Tell for each pattern and text whether it matches, shape (patterns, texts); long texts do not."""
    found = np.zeros((6, len(texts)), bool)
    for index in _may_match(characters).nonzero()[0].tolist():
        text = texts[index]
        anywhere = _IMAGE_ANYWHERE.search(text) is not None  # else the first two cannot match
        found[:, index] = (
            anywhere and _IMAGE_NAME.fullmatch(text) is not None,
            anywhere and _IMAGE_END.fullmatch(text) is not None,
            _IMAGE_DATA.match(text) is not None,
            anywhere,
            _IMAGE_MARKUP.match(text) is not None,
            _ADDRESS.match(text) is not None,
        )
    return found


def _may_match(characters: Characters) -> NDArray[np.bool_]:
    """Tell which texts are worth trying the patterns on, by single characters."""
    codes = characters.codes
    marks = ((codes == ord(".")) | (codes == ord("/")) | (codes == ord("[")) | (codes == ord("<"))).nonzero()[0]
    before_letter = characters.classes.take(marks + 1, mode="clip") <= CharClass.UPPER
    telling = marks[before_letter | (codes.take(marks) != ord("."))]
    opened = _OPENINGS.take(codes.take(characters.starts), mode="clip")
    short = characters.ends - characters.starts <= _LONGEST_PATTERN
    return short & (_holds(characters, telling) | (_holds(characters, marks) & opened))


def _holds(characters: Characters, places: IntArray) -> NDArray[np.bool_]:
    """Tell which texts one of the places is in."""
    flags = np.zeros(characters.ends.size, bool)
    flags[characters.ends.searchsorted(places)] = True
    return flags
