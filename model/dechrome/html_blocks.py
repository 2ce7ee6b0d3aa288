"""HTML -> blocks, with lexbor (an HTML5-conformant parser). The only module that knows the parser."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from dechrome.blocks import Block, Document
from dechrome.bounds import MAX_LENGTH, check_encoded, flatten_html
from dechrome.segmenting import PastBoundsError, cut_blocks

_RAW_TEXT: Final = (b"iframe", b"script", b"style", b"textarea", b"title")  # elements that nothing but their end ends
# One pattern, since to look for each name in turn takes a pass over the page for each, and those are large.
_RAW_TAG: Final = re.compile(rb"<(%s)[^>]*+>?" % b"|".join(_RAW_TEXT))
_NOSCRIPT: Final = re.compile(rb"<(/?)(noscript|NOSCRIPT)")
_LITTLE_TEXT: Final = 0.02  # characters a byte: less is worth a look for text that was swallowed
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
        document = cut_blocks(LexborHTMLParser(data).root, url)
        if sum([len(block.text) for block in document.blocks]) < len(data) * _LITTLE_TEXT:
            ended = _end_raw_text(data)
            return document if ended is data else cut_blocks(LexborHTMLParser(ended).root, url)
        return document
    except SelectolaxError:
        return _split_flat(html, url, "refused by the parser")
    except PastBoundsError as error:
        return _split_flat(html, url, str(error))


def _end_raw_text(data: bytes) -> bytes:
    """Write the ends that are missing of elements whose text is raw: the parser would take all that follows for it.

    Such are left open at the end of a ``noscript``, where a browser that runs scripts ends them; or they were written
    as XML, which ends them with "/>", and another one begins before any end.

    >>> [block.text for block in split_html("<noscript><iframe src=a></noscript><p>A fox ran.").blocks]
    ['A fox ran.']
    >>> [block.text for block in split_html("<script src='a'/><p>A fox ran.<script>b()</script>").blocks]
    ['A fox ran.']
    """
    ends = sorted([*_find_open_in_noscript(data), *_find_ended_as_xml(data)])
    if not ends:
        return data
    places = [0, *(place for place, _ in ends), len(data)]
    parts = [data[start:stop] for start, stop in itertools.pairwise(places)]
    return parts[0] + b"".join(b"</%b>%b" % (name, part) for (_, name), part in zip(ends, parts[1:], strict=True))


def _find_open_in_noscript(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where which end is missing."""
    begun: dict[bytes, int] = {}
    for tag in _NOSCRIPT.finditer(data):
        closing, name = tag.groups()
        if not closing:
            begun.setdefault(name, tag.start())
        elif name in begun:
            inside = data[begun.pop(name) : tag.start()].lower()
            for raw in _RAW_TEXT:
                if inside.count(b"<" + raw) > inside.count(b"</" + raw):
                    yield tag.start(), raw


def _find_ended_as_xml(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where which end is missing."""
    closes = dict.fromkeys(_RAW_TEXT, 0)
    for tag in _RAW_TAG.finditer(data):
        name, end = tag[1], tag.end()
        if not tag[0].endswith(b"/>"):
            continue
        again = data.find(b"<" + name, end)
        if 0 <= closes[name] < end:
            closes[name] = data.find(b"</" + name, end)
        if closes[name] < 0 or 0 <= again < closes[name]:
            yield end, name


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
