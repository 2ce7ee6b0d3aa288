"""Tree events -> blocks. HTML and ready-made trees both go through here, so that their blocks are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from dechrome.blocks import Block, Span, Tree

# Elements whose text no browser shows. The title is read, but is no block.
INVISIBLE_TAGS: Final = frozenset(
    "script style template title iframe noembed noframes meta link base head-noscript".split()
)
# Inline by the HTML standard's rendering section; every other element (custom ones too) cuts.
INLINE_TAGS: Final = frozenset(
    "a abbr acronym area b basefont bdi bdo big blink cite code data del dfn em font i img input ins kbd label map mark"
    " math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace"
    " msqrt mstyle msub msubsup msup mtext munder munderover nobr output picture q rb rp rt rtc ruby s samp semantics"
    " small source span strike strong sub sup svg time tt u var wbr".split()
)
PREFORMATTED_TAGS: Final = frozenset("pre textarea listing xmp plaintext".split())
# Attributes that say what an element is for, and those that may hide it.
CUE_ATTRIBUTES: Final = frozenset(("class", "id", "role", "itemprop", "itemtype", "aria-label", "data-testid"))
DESCRIBING_TAGS: Final = frozenset(("title", "meta", "script"))
MAX_METADATA: Final = 200_000  # characters of one script that are read for its types
MAX_CUE_LENGTH: Final = 300  # characters per element: bounds the work on hostile attributes
MAX_OPEN_SPANS: Final = 16  # nested inline elements whose spans are kept: each is carried into every block inside

_SCHEMA_TYPE: Final = re.compile(r'"@type"\s*:\s*\[?\s*"(\w{1,40})"')
_HIDING_ATTRIBUTES: Final = frozenset(("hidden", "aria-hidden", "style"))
_SPAN_NAMES: Final = {
    "a": "a", "b": "strong", "strong": "strong", "i": "em", "em": "em", "code": "code", "sub": "sub", "sup": "sup",
}  # fmt: skip
_EMPHASIS: Final = frozenset(("strong", "em"))
# Elements that the segmenter must do more for than cut or not.
SPECIAL_TAGS: Final = PREFORMATTED_TAGS | _SPAN_NAMES.keys() | {"br", "img", "noscript", "dialog"}


class Segmenter:
    """Collect the blocks of one tree from its events: ``open``, ``text``, ``close``, in document order.

    Inline elements stay inside a block, block-level elements and two ``<br>`` in a row cut. White space is
    collapsed as browsers do, except in preformatted text; a single ``<br>`` is a line break in the block.
    """

    _around: int
    _length: int
    _linked: int
    _emphasised: int
    _block_links: int
    _line_break: bool

    def __init__(self) -> None:
        self._tags: list[str] = []
        self._parents: list[int] = []
        self._cues: list[str] = []
        self.blocks: list[Block] = []
        self.title = ""
        self.hints: set[str] = set()  # types of page, in lower case: "article", "product" …
        self.tree = Tree(self._tags, self._parents, self._cues)
        self._open: list[bool] = []  # whether each open element hides what is in it
        self._element = -1
        self._links = self._emphasis = self._hidden = self._preformatted = 0
        self._spans: list[tuple[str, int, str]] = []  # inline elements that are open now
        self._unkept_spans = 0  # open ones past MAX_OPEN_SPANS
        self._images = self._breaks = 0
        self._start_block()

    def open(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """Enter an element. ``attributes`` maps lower-case names to values (None where there is none)."""
        if tag not in INLINE_TAGS and self._pieces and tag != "br":
            self._finish_block()
        parents = self._parents
        parents.append(self._element)
        self._element = len(parents) - 1
        self._tags.append(tag)
        hides = False
        cues = ""
        if attributes:
            if not CUE_ATTRIBUTES.isdisjoint(attributes):
                cues = " ".join([value for name, value in attributes.items() if value and name in CUE_ATTRIBUTES])
                if len(cues) > MAX_CUE_LENGTH:
                    cues = cues[:MAX_CUE_LENGTH]
            if not _HIDING_ATTRIBUTES.isdisjoint(attributes):
                hides = _is_hidden(attributes)
        self._cues.append(cues)
        if tag in SPECIAL_TAGS:
            hides = hides or tag == "noscript" or (tag == "dialog" and "open" not in attributes)
            self._open_special(tag, attributes)
        self._open.append(hides)
        if hides:
            self._hidden += 1

    def add_empty(self, tag: str) -> None:
        """Enter and leave an element without children, whose attributes say nothing of any block.

        Not for the tags in ``SPECIAL_TAGS``.
        """
        if self._pieces and tag not in INLINE_TAGS:
            self._finish_block()
        self._tags.append(tag)
        self._parents.append(self._element)
        self._cues.append("")

    def close(self) -> None:
        """Leave the innermost open element."""
        if self._open.pop():
            self._hidden -= 1
        tag = self._tags[self._element]
        parent = self._parents[self._element]
        if tag in INLINE_TAGS or tag == "br":
            if self._element == self._around:
                self._around = parent
        elif self._pieces:
            self._finish_block()
        if tag in SPECIAL_TAGS:
            self._close_special(tag)
        self._element = parent

    def text(self, data: str) -> None:
        """Add one text node."""
        words = data.split()
        if not words:
            if self._preformatted and self._pieces:
                self._pieces.append(data)
                self._length += len(data)
            self._space = True
            return
        piece = data if self._preformatted else " ".join(words)
        if not self._pieces:
            if self._preformatted:
                piece = piece.lstrip("\r\n")
            self._anchor = self._around = self._element
            self._block_hidden = self._hidden > 0
            self._spans = [(name, 0, href) for name, _, href in self._spans]
            self._block_links = max(self._block_links, int(self._links > 0))
        else:
            if not self._preformatted:
                if self._line_break:
                    piece = "\n" + piece
                elif self._space or data[0].isspace():
                    piece = " " + piece
            self._anchor = self._around
        self._line_break = False
        self._space = data[-1].isspace()
        self._pieces.append(piece)
        self._length += len(piece)
        if self._links:
            self._linked += len(piece)
        if self._emphasis:
            self._emphasised += len(piece)

    def describe(self, tag: str, attributes: Mapping[str, str | None], read_text: Callable[[], str]) -> None:
        """Note what an invisible element says of the page: its title, and its type by Open Graph or schema.org."""
        if tag == "title":
            self.title = self.title or " ".join(read_text().split())
        elif tag == "meta":
            if attributes.get("property") == "og:type":
                self.hints.add((attributes.get("content") or "").lower())
        elif tag == "script" and attributes.get("type") == "application/ld+json":
            self.hints.update(map(str.lower, _SCHEMA_TYPE.findall(read_text()[:MAX_METADATA])))

    def finish(self) -> None:
        """End the last block."""
        if self._pieces:
            self._finish_block()

    def _open_special(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        if tag in _SPAN_NAMES:
            name = _SPAN_NAMES[tag]
            if len(self._spans) < MAX_OPEN_SPANS:
                self._spans.append((name, self._length, (attributes.get("href") or "") if name == "a" else ""))
            else:
                self._unkept_spans += 1
            if name == "a":
                self._links += 1
                self._block_links += 1
                if self._length == self._link_end:
                    self._space = True  # two links side by side are set apart, by style if not by white space
            elif name in _EMPHASIS:
                self._emphasis += 1
        elif tag == "br":
            self._break()
        elif tag == "img":
            self._images += 1
        elif tag in PREFORMATTED_TAGS:
            self._preformatted += 1

    def _close_special(self, tag: str) -> None:
        if tag in _SPAN_NAMES:
            name = _SPAN_NAMES[tag]
            if self._unkept_spans:
                self._unkept_spans -= 1
            else:
                self._add_span(*self._spans.pop())
            if name == "a":
                self._links -= 1
                self._link_end = self._length
            elif name in _EMPHASIS:
                self._emphasis -= 1
        elif tag in PREFORMATTED_TAGS:
            self._preformatted -= 1

    def _start_block(self) -> None:
        self._pieces: list[str] = []
        self._length = self._linked = self._emphasised = self._block_links = 0
        self._anchor = self._link_end = -1
        self._around = -2  # the innermost open element that is around the whole run so far
        self._space = self._line_break = self._block_hidden = False
        self._block_spans: list[Span] = []

    def _finish_block(self) -> None:
        for name, start, href in self._spans:
            self._add_span(name, start, href)
        text = "".join(self._pieces).rstrip()
        self.blocks.append(
            Block(
                text,
                self._anchor,
                min(self._linked, len(text)),
                min(self._emphasised, len(text)),
                self._block_links,
                self._images,
                self._breaks,
                self._block_hidden,
                spans=tuple(self._block_spans),
            )
        )
        self._images = self._breaks = 0
        self._start_block()

    def _break(self) -> None:
        self._breaks += 1
        if not self._pieces:
            return
        if self._preformatted:
            self._pieces.append("\n")
            self._length += 1
        elif self._line_break:
            self._finish_block()
        else:
            self._line_break = True

    def _add_span(self, name: str, start: int, href: str) -> None:
        if self._length > start:
            self._block_spans.append(Span(start, self._length, name, href))


def _is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Tell whether the markup hides the element until a script reveals it."""
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    if not style or ":" not in style:
        return False
    compact = style.replace(" ", "").lower()
    return "display:none" in compact or "visibility:hidden" in compact
