"""Features of a block's text and of its place among the blocks: all that plain text has too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Block
from dechrome.characters import CLASS_COUNT, Characters, CharClass, IntArray, Words, hash_runs
from dechrome.context import FloatArray
from dechrome.lexicon import COOKIE_STEMS

MAX_MEASURED: Final = 20_000  # characters of a block that are looked at: bounds the work on endless lines
_LONG_BLOCK: Final = 15  # words from which a block counts as running text
_VOCABULARY_BITS: Final = 13
_IMAGE_SUFFIX: Final = r"\.(?:jpe?g|jpe|png|gif|webp|svgz?|avif|bmp|tiff?|ico|hei[cf]|jfif|nef|cr2|dng|raw|psd|eps)"
_IMAGE_NAME: Final = re.compile(rf"\S{{1,200}}{_IMAGE_SUFFIX}(?:[?#]\S*)?\W{{0,3}}", re.I)
_IMAGE_END: Final = re.compile(rf".{{1,160}}{_IMAGE_SUFFIX}\W{{0,3}}", re.I)
_IMAGE_DATA: Final = re.compile(r"data:image/|/9j/4AA|iVBORw0KGgo|R0lGOD|PHN2Zy|<img\b|<svg\b|<picture\b", re.I)
_IMAGE_ANYWHERE: Final = re.compile(rf"{_IMAGE_SUFFIX}(?![a-z0-9])", re.I)
_IMAGE_MARKUP: Final = re.compile(r"!\[|<img|\[?(?:data:image/)|\[[^\]\s]{0,12}: ?|\[\[?[^\]]{0,80}\]\]?$", re.I)
_STEMS: Final = tuple(stem.encode() for stem in COOKIE_STEMS)
_MAYBE_PATTERN: Final = re.compile(r"[./\[<]")  # without one of these, none of the patterns can match
_LONGEST_PATTERN: Final = 400  # characters
_ADDRESS: Final = re.compile(r"(?:https?:)?//|www\.|[./]{0,2}/?\w+/\S*$", re.I)


def clip_text(text: str) -> str:
    """Leave out the middle of an endless block."""
    return text if len(text) <= MAX_MEASURED else f"{text[: MAX_MEASURED // 2]} {text[-MAX_MEASURED // 2 :]}"


class TextColumns(NamedTuple):
    """Length, shape and place of each block; one float32 value per block in every field."""

    log_chars: FloatArray
    log_words: FloatArray
    word_length: FloatArray
    longest_word: FloatArray
    upper_share: FloatArray
    unspaced_share: FloatArray
    digit_share: FloatArray
    comma_share: FloatArray
    quote_share: FloatArray
    separator_share: FloatArray
    punctuation_share: FloatArray
    other_share: FloatArray
    stops: FloatArray
    commas: FloatArray
    currencies: FloatArray
    dashes: FloatArray
    stops_per_word: FloatArray
    capital_words: FloatArray
    starts_upper: FloatArray
    starts_digit: FloatArray
    starts_separator: FloatArray
    ends_stop: FloatArray
    ends_comma: FloatArray
    ends_letter: FloatArray
    has_lines: FloatArray
    image_name: FloatArray
    image_end: FloatArray
    image_data: FloatArray
    image_anywhere: FloatArray
    image_markup: FloatArray
    address: FloatArray
    cookie_words: FloatArray
    page_cookie_words: FloatArray
    breaks_before: FloatArray
    breaks_after: FloatArray
    repeats: FloatArray
    same_shape_before: FloatArray
    title_share: FloatArray
    is_title: FloatArray
    title_before: FloatArray
    page_words_share: FloatArray
    running_words_share: FloatArray
    place: FloatArray
    words_before: FloatArray
    log_from_start: FloatArray
    log_from_end: FloatArray
    log_to_running_before: FloatArray
    log_to_running_after: FloatArray
    rank: FloatArray
    page_log_blocks: FloatArray
    page_log_words: FloatArray
    page_running_share: FloatArray
    page_mean_log_words: FloatArray
    page_unspaced: FloatArray
    page_blank_lines: FloatArray
    page_stops: FloatArray


def measure_text(
    blocks: Sequence[Block],
    texts: Sequence[str],
    characters: Characters,
    words: Words,
    title_hashes: NDArray[np.uint64],
) -> TextColumns:
    """Measure the text of one page's blocks; ``texts`` are those of the blocks, clipped."""
    count = len(blocks)
    lengths = np.maximum(characters.ends - characters.starts, 1)
    counts = _count_classes(characters, count)
    shares = counts / lengths[:, None]
    word_counts = np.bincount(words.owners, minlength=count)
    word_lengths = words.ends - words.starts
    letters = counts[:, : CharClass.DIGIT + 1].sum(axis=1)
    longest = _longest_by(words.owners, word_lengths, count)
    some_words = np.maximum(word_counts, 1)
    firsts = characters.classes[characters.starts]
    lasts = characters.classes[np.maximum(characters.ends - 1, characters.starts)]
    capital_words = _sum_by(words.owners, characters.classes[words.starts] == CharClass.UPPER, count) / some_words
    stops = counts[:, CharClass.STOP]
    running = (word_counts >= _LONG_BLOCK) & (stops > 0)
    buckets = (words.hashes >> np.uint64(64 - _VOCABULARY_BITS)).astype(np.int64)
    in_title = np.isin(words.hashes, title_hashes) if title_hashes.size else np.zeros(words.hashes.size, bool)
    title_share = _sum_by(words.owners, in_title, count) / some_words
    is_title = (title_share > 0.8) & (word_counts * 2 >= title_hashes.size) & (word_counts >= 2)
    breaks = np.array([block.breaks for block in blocks], np.float32)
    index = np.arange(count)
    cumulated = np.cumsum(word_counts)
    total = max(1, int(word_counts.sum()))
    log_words = np.log1p(word_counts)
    signatures = hash_runs(characters.codes, characters.starts, characters.ends).tolist()
    repeats = Counter(signatures)
    patterns = _match_patterns(texts)
    cookies = _count_stems(texts)
    shape = np.minimum(word_counts, 30) * 16 + firsts
    columns: dict[str, NDArray[Any]] = {
        "log_chars": np.log1p(lengths),
        "log_words": log_words,
        "word_length": letters / some_words,
        "longest_word": np.log1p(longest),
        "upper_share": shares[:, CharClass.UPPER],
        "unspaced_share": shares[:, CharClass.UNSPACED],
        "digit_share": shares[:, CharClass.DIGIT],
        "comma_share": shares[:, CharClass.COMMA],
        "quote_share": shares[:, CharClass.QUOTE],
        "separator_share": shares[:, CharClass.SEPARATOR],
        "punctuation_share": shares[:, CharClass.PUNCTUATION],
        "other_share": shares[:, CharClass.OTHER],
        "stops": np.log1p(stops),
        "commas": np.log1p(counts[:, CharClass.COMMA]),
        "currencies": np.log1p(counts[:, CharClass.CURRENCY]),
        "dashes": np.log1p(counts[:, CharClass.DASH]),
        "stops_per_word": stops / some_words,
        "capital_words": capital_words,
        "starts_upper": firsts == CharClass.UPPER,
        "starts_digit": firsts == CharClass.DIGIT,
        "starts_separator": (firsts >= CharClass.SEPARATOR),
        "ends_stop": lasts == CharClass.STOP,
        "ends_comma": lasts == CharClass.COMMA,
        "ends_letter": lasts <= CharClass.UNSPACED,
        "has_lines": np.log1p(np.array([text.count("\n") for text in texts])),
        "image_name": patterns[0],
        "image_end": patterns[1],
        "image_data": patterns[2],
        "image_anywhere": patterns[3],
        "image_markup": patterns[4],
        "address": patterns[5],
        "cookie_words": np.log1p(cookies),
        "page_cookie_words": np.full(count, (cookies > 0).mean()),
        "breaks_before": np.minimum(breaks, 4),
        "breaks_after": np.minimum(np.append(breaks[1:], 0), 4),
        "repeats": np.log([repeats[signature] for signature in signatures]),
        "same_shape_before": np.concatenate(([0], (shape[1:] == shape[:-1]))),
        "title_share": title_share,
        "is_title": is_title,
        "title_before": np.concatenate(([0], np.cumsum(is_title)[:-1])) > 0,
        "page_words_share": _familiarity(words, buckets, np.ones(count, bool), count) / some_words,
        "running_words_share": _familiarity(words, buckets, running, count) / some_words,
        "place": index / max(1, count - 1),
        "words_before": (cumulated - word_counts) / total,
        "log_from_start": np.log1p(index),
        "log_from_end": np.log1p(count - 1 - index),
        "log_to_running_before": np.log1p(_distance(running)),
        "log_to_running_after": np.log1p(_distance(running[::-1])[::-1]),
        "rank": np.argsort(np.argsort(-word_counts, kind="stable"), kind="stable") / max(1, count - 1),
        "page_log_blocks": np.full(count, np.log1p(count)),
        "page_log_words": np.full(count, np.log1p(total)),
        "page_running_share": np.full(count, word_counts[running].sum() / total),
        "page_mean_log_words": np.full(count, log_words.mean()),
        "page_unspaced": np.full(count, counts[:, CharClass.UNSPACED].sum() / lengths.sum()),
        "page_blank_lines": np.full(count, (breaks > 1).mean()),
        "page_stops": np.full(count, stops.sum() / total),
    }
    return TextColumns(**{name: column.astype(np.float32) for name, column in columns.items()})


def _count_classes(characters: Characters, count: int) -> NDArray[np.int64]:
    """Count the characters of each class in each block, shape (blocks, classes)."""
    inside = characters.ends - characters.starts
    owners = np.repeat(np.arange(count), inside + 1)[: characters.classes.size]  # the line feed goes to its block
    counts = np.bincount(owners * CLASS_COUNT + characters.classes, minlength=count * CLASS_COUNT)
    return counts.reshape(count, CLASS_COUNT)


def _sum_by(owners: IntArray, values: NDArray[np.bool_], count: int) -> NDArray[Any]:
    return np.bincount(owners, weights=values, minlength=count)


def _familiarity(words: Words, buckets: IntArray, members: NDArray[np.bool_], count: int) -> NDArray[Any]:
    """Count, for each block, the words that the member blocks other than itself hold too (by hashed vocabulary)."""
    counted = members[words.owners]
    pairs = buckets + (words.owners << _VOCABULARY_BITS)
    unique = np.sort(pairs[counted])
    unique = unique[np.diff(unique, prepend=-1) > 0]
    blocks_with = np.bincount(unique & ((1 << _VOCABULARY_BITS) - 1), minlength=1 << _VOCABULARY_BITS)
    others = blocks_with[buckets] - counted
    return np.bincount(words.owners, weights=np.log1p(np.minimum(others, 3)), minlength=count)


def _distance(flags: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Count the blocks back to the nearest flagged one before; 50 at most."""
    index = np.arange(flags.size)
    nearest = np.maximum.accumulate(np.where(flags, index, -50))
    before = np.concatenate(([-50], nearest[:-1])) if flags.size else nearest
    return np.minimum(index - before, 50).astype(np.float64)


def _longest_by(owners: IntArray, lengths: IntArray, count: int) -> IntArray:
    """Return the greatest length of each owner, 0 for those without; owners are in order."""
    longest = np.zeros(count, np.int64)
    if owners.size:
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        longest[owners[starts]] = np.maximum.reduceat(lengths, starts)
    return longest


def _count_stems(texts: Sequence[str]) -> IntArray:
    """Count the words for cookies in each text."""
    joined = "\0".join(texts).lower().encode("utf-8", "replace")
    codes = np.frombuffer(joined, np.uint8)
    present = (np.bincount(codes, minlength=256) > 0).tolist()
    places = []
    for stem in _STEMS:
        if not (present[stem[0]] and present[stem[1]]):
            continue  # a script that the page is not written in
        place = joined.find(stem)
        while place >= 0:
            places.append(place)
            place = joined.find(stem, place + len(stem))
    if not places:
        return np.zeros(len(texts), np.int64)
    ends = np.flatnonzero(codes == 0)
    return np.bincount(np.searchsorted(ends, places), minlength=len(texts))


def _match_patterns(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell for each pattern and text whether it matches, shape (patterns, texts); long texts do not."""
    found = np.zeros((6, len(texts)), bool)
    for index, text in enumerate(texts):
        if len(text) <= _LONGEST_PATTERN and _MAYBE_PATTERN.search(text):
            found[:, index] = (
                _IMAGE_NAME.fullmatch(text) is not None,
                _IMAGE_END.fullmatch(text) is not None,
                _IMAGE_DATA.match(text) is not None,
                _IMAGE_ANYWHERE.search(text) is not None,
                _IMAGE_MARKUP.match(text) is not None,
                _ADDRESS.match(text) is not None,
            )
    return found
