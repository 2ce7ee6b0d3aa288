"""The text and the inline markup of one block -> Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from dechrome.blocks import Span
from dechrome.rendering.inline import Action, tidy_spans, tokenise

HARD_BREAK: Final = "  \n"

_EMPHASIS: Final = {"strong": "**", "em": "*"}
# Characters that would be markup where they stand; the last one of a match gets the backslash.
_MARKUP: Final = re.compile(
    r"""
    [\\`*\[\]]
    | (?<![^\W_]) _ | _ (?![^\W_])              # inside a word it is no emphasis
    | < (?=[A-Za-z/!?])
    | & (?=\#?\w+;)
    | ^[ \t]* (?: > | \#(?=\#{0,5}(?:\s|$)) | [+\-](?=\s|$) | ~(?=~~) | =(?==*[ \t]*$)
                | [\-|:](?=[\-|:\ \t]*$) | [0-9]{1,9}[.)](?=\s|$) )
    """,
    re.VERBOSE | re.MULTILINE,
)
_ADDRESS_MARKUP: Final = re.compile(r"[\s()<>\\\"`|\[\]*]")
_LINE_END: Final = re.compile(r"[ \t]*\n[ \t]*")
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")


def write_inline(text: str, spans: Sequence[Span] = ()) -> str:
    r"""Return Markdown that reads as ``text``; a line end in it is a hard break.

    >>> write_inline("Read snake_case * [1]", [Span(0, 4, "a", "/x y"), Span(5, 15, "em")])
    '[Read](/x%20y) *snake_case* \\* \\[1\\]'
    """
    escapes = {match.end() - 1 for match in _MARKUP.finditer(text)}
    if text.count("~") > 1:  # one alone strikes nothing out
        escapes.update([match.start() for match in re.finditer("~", text)])
    usable = _drop_broken_emphasis(text, tidy_spans(text, spans))
    pieces: list[str] = []
    in_code = False
    for token in tokenise(text, usable):
        span = token.span
        if span is None:
            piece = text[token.start : token.end]
            pieces.append(write_code(piece) if in_code else _escape(text, token.start, token.end, escapes))
        elif span.tag == "code":
            in_code = token.action is Action.OPEN
        elif span.tag in _EMPHASIS:
            pieces.append(_EMPHASIS[span.tag])
        elif span.tag == "a" and token.action is Action.OPEN:
            if pieces and pieces[-1].endswith("!"):  # or the link would be an image
                pieces[-1] = pieces[-1][:-1] + "\\!"
            pieces.append("[")
        elif span.tag == "a":
            pieces.append(f"]({_write_address(span.href)})")
        else:
            pieces.append(f"<{span.tag}>" if token.action is Action.OPEN else f"</{span.tag}>")
    return "".join(pieces)


def write_code(text: str) -> str:
    """Return an inline code span: its fence is longer than any run of backticks in it.

    >>> write_code("a `b`")
    '`` a `b` ``'
    """
    text = text.replace("\n", " ")
    fence = "`" * (longest_run("`", text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def longest_run(character: str, text: str) -> int:
    """Return the length of the longest run of one character."""
    return max(map(len, re.findall(re.escape(character) + "+", text)), default=0)


def _escape(text: str, start: int, end: int, escapes: set[int]) -> str:
    piece = text[start:end]
    if escapes:
        piece = "".join(["\\" + text[n] if n in escapes else text[n] for n in range(start, end)])
    return _LINE_END.sub(HARD_BREAK, piece) if "\n" in piece else piece


def _write_address(address: str) -> str:
    encoded = _ADDRESS_MARKUP.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), address)
    return _ENTITY.sub("&amp;", encoded)


def _drop_broken_emphasis(text: str, spans: Sequence[Span]) -> list[Span]:
    """Leave out emphasis that CommonMark would not see: it needs a word's edge beside any punctuation.

    Emphasis right after other emphasis, and code after code, is left out too: their marks would run together.
    """
    opens = {span.start for span in spans if span.tag not in _EMPHASIS}
    closes = {span.end for span in spans if span.tag not in _EMPHASIS}
    kept: list[Span] = []
    ends: set[int] = set()
    code_ends: set[int] = set()
    for span in spans:
        if span.tag in _EMPHASIS:
            before, after = text[max(span.start - 1, 0) : span.start], text[span.end : span.end + 1]
            starts_hard = span.start in opens or _is_punctuation(text[span.start])
            ends_hard = span.end in closes or _is_punctuation(text[span.end - 1])
            if (
                span.start in ends
                or (starts_hard and _is_letter(before) and span.start not in closes)
                or (ends_hard and _is_letter(after) and span.end not in opens)
            ):
                continue
            ends.add(span.end)
        elif span.tag == "code":
            if span.start in code_ends:
                continue
            code_ends.add(span.end)
        kept.append(span)
    return kept


def _is_letter(character: str) -> bool:
    return bool(character) and not character.isspace() and not _is_punctuation(character)


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
