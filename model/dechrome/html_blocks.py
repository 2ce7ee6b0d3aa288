"""HTML -> blocks, with lexbor (an HTML5-conformant parser). The only module that knows the parser."""

from __future__ import annotations

from typing import Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from dechrome.blocks import Block, Document
from dechrome.bounds import MAX_LENGTH, check_encoded, flatten_html
from dechrome.segmenting import PastBoundsError, cut_blocks

MAX_FLAT_BLOCKS: Final = 20_000  # of a page read as flat text; of more lines, several are joined
_LONG_LINE: Final = 1_000_000  # characters


def split_html(html: str, url: str | None = None, data: bytes | None = None) -> Document:
    """Cut an HTML page into blocks; one past the parser's bounds is read as flat text, and ``problems`` says so.

    ``data`` is the page in UTF-8, if that is at hand.

    >>> [block.text for block in split_html("<nav>Home</nav><p>A <b>fox</b> ran.").blocks]
    ['Home', 'A fox ran.']
    """
    if len(html) > MAX_LENGTH:
        return _split_flat(html, url, f"{len(html)} characters long")
    if data is None:
        data = html.encode("utf-8", "replace")
    if reason := check_encoded(data):
        return _split_flat(html, url, reason)
    try:
        return cut_blocks(LexborHTMLParser(data).root, url)
    except SelectolaxError:
        return _split_flat(html, url, "refused by the parser")
    except PastBoundsError as error:
        return _split_flat(html, url, str(error))


def _split_flat(html: str, url: str | None, reason: str) -> Document:
    """Cut a page by the lines of its text, at most about ``MAX_FLAT_BLOCKS`` of them."""
    lines = [line for line in map(_collapse, _cut_lines(flatten_html(html))) if line]
    return Document([Block(line) for line in lines], url=url, problems=(f"{reason}: read as flat text",))


def _cut_lines(text: str) -> list[str]:
    if text.count("\n") <= MAX_FLAT_BLOCKS:
        return text.splitlines()
    size = len(text) // MAX_FLAT_BLOCKS
    pieces = []
    start = 0
    while start < len(text):
        end = text.find("\n", start + size)
        end = len(text) if end < 0 else end
        pieces.append(text[start:end])
        start = end + 1
    return pieces


def _collapse(line: str) -> str:
    """Collapse white space; a long line in pieces, since a list of its words would need ten times its memory."""
    if len(line) <= _LONG_LINE:
        return " ".join(line.split())
    pieces: list[str] = []
    space = False
    for start in range(0, len(line), _LONG_LINE):
        piece = line[start : start + _LONG_LINE]
        if words := piece.split():
            if pieces and (space or piece[0].isspace()):
                pieces.append(" ")
            pieces.append(" ".join(words))
        space = piece[-1].isspace() or (space and not words)
    return "".join(pieces)
