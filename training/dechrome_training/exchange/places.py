"""Where a labelled run of text is: by its offsets, or by its words where those have drifted."""

from __future__ import annotations

import re
from typing import Any

from dechrome_training.corpus import GoldBlock
from dechrome_training.exchange.names import parse_name
from dechrome_training.exchange.pages import Span
from dechrome_training.importers.records import show


def read_span(text: str, start: Any, end: Any, name: Any, words: Any = None) -> Span:
    """Return a span of ``text``; ``words`` is what the tool says stands there, None where it does not say.

    Offsets count characters, or UTF-16 units as browsers do, where that is what fits ``words``. Where neither does,
    the place of the words that is nearest to ``start`` is taken.

    Raises:
        ValueError: says what is wrong with the offsets, the label or the words.
    """
    if not isinstance(name, str):
        raise ValueError(f"label must be a string, not {show(name)}")
    label, kind = parse_name(name)
    if not _is_number(start) or not _is_number(end):
        raise ValueError(f"start and end must be numbers, not {show(start)} and {show(end)}")
    block = GoldBlock("", label, kind)
    place: tuple[int, int] | None = (start, end) if 0 <= start <= end <= len(text) else None
    if isinstance(words, str) and words.strip():
        wide = _from_utf16(text, start, end)
        fitting = [spot for spot in (place, wide) if spot and _squeeze(text[slice(*spot)]) == _squeeze(words)]
        place = fitting[0] if fitting else find_words(text, words, start)
        if place is None:
            raise ValueError(f"the words {show(words)} are not in the text")
    if place is None:
        raise ValueError(f"{start} to {end} is outside of the text, which has {len(text)} characters")
    return Span(place[0], place[1], block)


def find_words(text: str, words: str, near: int = 0) -> tuple[int, int] | None:
    """Return where words stand in a text, whatever white space is between them; the place nearest to ``near``.

    >>> find_words("A fox.  A  fox.", "A fox", 9)
    (8, 14)
    """
    pattern = r"\s+".join(map(re.escape, words.split()))
    places = [match.span() for match in re.finditer(pattern, text)] if pattern else []
    return min(places, key=lambda place: abs(place[0] - near), default=None)


def _from_utf16(text: str, start: int, end: int) -> tuple[int, int] | None:
    if start < 0 or end < start or text.isascii():
        return None
    data = text.encode("utf-16-le", "surrogatepass")
    if 2 * end > len(data):
        return None
    before = data[: 2 * start].decode("utf-16-le", "replace")
    return len(before), len(before) + len(data[2 * start : 2 * end].decode("utf-16-le", "replace"))


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
