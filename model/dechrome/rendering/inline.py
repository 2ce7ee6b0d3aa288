"""Inline markup of a block in order: spans that nest, and the tokens that a writer of Markdown or HTML needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple

from dechrome.blocks import Span

INLINE_TAGS: Final = frozenset(("a", "strong", "em", "code", "sub", "sup"))
SAFE_SCHEMES: Final = frozenset(("http", "https", "mailto"))

_IGNORED_IN_ADDRESSES: Final = re.compile(r"[\x00-\x1f\x7f]+")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")


class Action(Enum):
    """What a token does."""

    OPEN = "open"
    TEXT = "text"
    CLOSE = "close"


class Token(NamedTuple):
    """A span that opens or closes, or the text from ``start`` to ``end``."""

    action: Action
    start: int
    end: int
    span: Span | None = None


def tidy_spans(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return spans that nest, outermost first, with no white space at their ends and none twice over the same text.

    Links keep only safe addresses. Of two spans that overlap without nesting, the later one ends with the earlier,
    or is left out where both are of one tag. What is inside code is code only.
    """
    usable = [trimmed for span in spans if span.tag in INLINE_TAGS and (trimmed := _trim(text, span))]
    usable.sort(key=lambda span: (span.start, -span.end))
    tidy: list[Span] = []
    ends: dict[str, int] = {}  # tag -> end of its last span
    open_spans: list[Span] = []
    for candidate in usable:
        if candidate.start < ends.get(candidate.tag, 0):
            continue
        while open_spans and open_spans[-1].end <= candidate.start:
            open_spans.pop()
        end = min([candidate.end, *[span.end for span in open_spans]])
        span = _trim(text, candidate._replace(end=end))
        if span and not any(outer.tag == "code" for outer in open_spans):
            ends[span.tag] = span.end
            open_spans.append(span)
            tidy.append(span)
    return tidy


def tokenise(text: str, spans: Sequence[Span]) -> list[Token]:
    """Return the tokens of a block's text; ``spans`` are as ``tidy_spans`` returns them."""
    tokens: list[Token] = []
    open_spans: list[Span] = []
    position = 0
    for span in [*spans, Span(len(text), len(text), "")]:
        while open_spans and open_spans[-1].end <= span.start:
            position = _add_text(tokens, position, open_spans[-1].end)
            tokens.append(Token(Action.CLOSE, position, position, open_spans.pop()))
        position = _add_text(tokens, position, span.start)
        if span.tag:
            tokens.append(Token(Action.OPEN, position, position, span))
            open_spans.append(span)
    return tokens


def safe_address(href: str) -> str:
    """Return a link's address, or "" where it could do more than open a page.

    >>> [safe_address(href) for href in (" /a?b ", "HTTPS://x.org", "java\\nscript:alert(1)", "data:text/html,x")]
    ['/a?b', 'HTTPS://x.org', '', '']
    """
    address = _IGNORED_IN_ADDRESSES.sub("", href).strip()
    scheme = _SCHEME.match(address)
    return "" if scheme and scheme[1].lower() not in SAFE_SCHEMES else address


def _trim(text: str, span: Span) -> Span | None:
    """Return the span without white space at its ends, None where nothing is left or its address is unsafe."""
    start, end = max(span.start, 0), min(span.end, len(text))
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    href = safe_address(span.href) if span.tag == "a" else ""
    return Span(start, end, span.tag, href) if start < end and (href or span.tag != "a") else None


def _add_text(tokens: list[Token], start: int, end: int) -> int:
    if end > start:
        tokens.append(Token(Action.TEXT, start, end))
    return max(start, end)
