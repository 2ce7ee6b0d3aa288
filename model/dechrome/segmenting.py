"""Tree -> blocks. HTML and ready-made trees both go through here, so that their blocks are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from dechrome.blocks import Block, Document, Span, Tree

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
MAX_DEPTH: Final = 512  # where Blink stops nesting
MAX_ELEMENTS: Final = 500_000  # in the tree
MAX_METADATA: Final = 200_000  # characters of one script that are read for its types
MAX_CUE_LENGTH: Final = 300  # characters per element: bounds the work on hostile attributes
MAX_OPEN_SPANS: Final = 16  # nested inline elements whose spans are kept: each is carried into every block inside

_SCHEMA_TYPE: Final = re.compile(r'"@type"\s*:\s*\[?\s*"(\w{1,40})"')
_HIDING_ATTRIBUTES: Final = frozenset(("hidden", "aria-hidden", "style"))
_TELLING_ATTRIBUTES: Final = CUE_ATTRIBUTES | _HIDING_ATTRIBUTES
_SPAN_NAMES: Final = {
    "a": "a", "b": "strong", "strong": "strong", "i": "em", "em": "em", "code": "code", "sub": "sub", "sup": "sup",
}  # fmt: skip
_EMPHASIS: Final = frozenset(("strong", "em"))
# Elements that the segmenter must do more for than cut or not.
SPECIAL_TAGS: Final = PREFORMATTED_TAGS | _SPAN_NAMES.keys() | {"br", "img", "noscript", "dialog"}
_SKIPPED: Final = INVISIBLE_TAGS | {"", "-text", "-comment", "-doctype", "-document", "!doctype"}
_SPECIAL_OR_SKIPPED: Final = SPECIAL_TAGS | _SKIPPED
_DEEP: Final = 64  # levels: no walk this shallow can meet the bounds long before its end


class Node(Protocol):
    """What is read of a tree, each property once at most. Lexbor's nodes are like this."""

    @property
    def text_content(self) -> str | None:
        """The text of a text node, or else None: an element, or what is skipped."""

    @property
    def tag(self) -> str | None:
        """The name of an element, in lower case and without namespace; None for what is skipped."""

    @property
    def attributes(self) -> Mapping[str, str | None]:
        """The attributes of an element, names in lower case."""

    @property
    def first_child(self) -> Node | None:
        """The first node inside, None for an empty element."""

    @property
    def next(self) -> Node | None:
        """The next node inside the same element."""

    def text(self) -> str:
        """Return all text inside."""


class PastBoundsError(Exception):
    """The tree is too deep or too large; the message says which."""


class Description:
    """What the invisible elements say of a page: its title, and its types by Open Graph and schema.org."""

    def __init__(self) -> None:
        self.title = ""
        self.types: set[str] = set()  # in lower case: "article", "product" …

    def read(self, tag: str, attributes: Mapping[str, str | None], read_text: Callable[[], str]) -> None:
        """Read one element whose tag is in ``DESCRIBING_TAGS``."""
        if tag == "title":
            self.title = self.title or " ".join(read_text().split())
        elif tag == "meta":
            if attributes.get("property") == "og:type":
                self.types.add((attributes.get("content") or "").lower())
        elif tag == "script" and attributes.get("type") == "application/ld+json":
            self.types.update(map(str.lower, _SCHEMA_TYPE.findall(read_text()[:MAX_METADATA])))


def cut_blocks(
    root: Node | None, url: str | None = None, note_text: Callable[[Node, int], None] | None = None
) -> Document:
    """Cut the tree of ``root`` and the nodes next to it into blocks, with an explicit stack.

    Inline elements stay inside a block, block-level elements and two ``<br>`` in a row cut. White space is collapsed
    as browsers do, except in preformatted text; a single ``<br>`` is a line break in the block. ``note_text`` is told
    of every text node that is not blank, and of the index of its block.

    One long loop, on purpose: it runs thousands of times a page, and local names halve its time.

    Raises:
        PastBoundsError: the tree is nested over MAX_DEPTH levels deep, or has over MAX_ELEMENTS elements.
    """
    blocks: list[Block] = []
    tags: list[str] = []
    parents: list[int] = []
    cues: list[str] = []
    description = Description()
    # Half the time of a call by keyword or place.
    make_block, make_span = partial(tuple.__new__, Block), partial(tuple.__new__, Span)
    node = root
    following: list[Node | None] = []  # what comes after each open element
    spans: list[tuple[str, int, str]] = []  # inline elements that are open now
    element = hider = -1  # the innermost open element, and the outermost one that hides what is in it
    links = emphasis = preformatted = unkept_spans = images = breaks = 0
    pieces: list[str] = []
    block_spans: list[Span] = []
    length = linked = emphasised = block_links = 0
    anchor = link_end = -1
    around = -2  # the innermost open element that is around the whole run so far
    space = line_break = block_hidden = special = False

    while True:
        if node is None:  # the innermost element closes, or the whole tree, which cuts too
            tag = tags[element] if following else ""
        elif (data := node.text_content) is not None:
            piece = data.strip()
            if not piece:
                if preformatted and pieces:
                    pieces.append(data)
                    length += len(data)
                space = True
                node = node.next
                continue
            if note_text:
                note_text(node, len(blocks))
            if preformatted:
                piece = data
            elif "  " in piece or not piece.isprintable():  # no other white space than the blank is printable
                piece = " ".join(piece.split())
            if not pieces:
                if preformatted:
                    piece = piece.lstrip("\r\n")
                anchor = around = element
                block_hidden = hider >= 0
                if spans:
                    spans = [(name, 0, href) for name, _, href in spans]
                if links and not block_links:
                    block_links = 1
            else:
                if not preformatted:
                    if line_break:
                        piece = "\n" + piece
                    elif space or data[0].isspace():
                        piece = " " + piece
                anchor = around
            line_break = False
            space = data[-1].isspace()
            pieces.append(piece)
            size = len(piece)
            length += size
            if links:
                linked += size
            if emphasis:
                emphasised += size
            node = node.next
            continue
        else:
            tag = node.tag or ""
            special = tag in _SPECIAL_OR_SKIPPED
            if special:
                if tag in _SKIPPED:
                    if tag in DESCRIBING_TAGS:
                        description.read(tag, node.attributes, node.text)
                    node = node.next
                    continue
                if tag == "br":
                    breaks += 1

        if (
            pieces
            and tag not in INLINE_TAGS
            and (tag != "br" or (node is not None and line_break and not preformatted))
        ):
            for name, start, href in spans:
                if length > start:
                    block_spans.append(make_span((start, length, name, href)))
            text = "".join(pieces).rstrip()
            if len(text) < length:
                linked, emphasised = min(linked, len(text)), min(emphasised, len(text))
            counted = (linked, emphasised, block_links, images, breaks)
            blocks.append(make_block((text, anchor, *counted, block_hidden, 0, 0, tuple(block_spans))))
            pieces, block_spans = [], []
            length = linked = emphasised = block_links = images = breaks = 0
            anchor = link_end = -1
            around = -2
            space = line_break = block_hidden = False

        if node is None:
            if not following:
                break
            if element == hider:
                hider = -1
            if element == around:
                around = parents[element]
            if tag in SPECIAL_TAGS:
                if tag in _SPAN_NAMES:
                    if unkept_spans:
                        unkept_spans -= 1
                    else:
                        name, start, href = spans.pop()
                        if length > start:
                            block_spans.append(make_span((start, length, name, href)))
                    if tag == "a":
                        links -= 1
                        link_end = length
                    elif _SPAN_NAMES[tag] in _EMPHASIS:
                        emphasis -= 1
                elif tag in PREFORMATTED_TAGS:
                    preformatted -= 1
            element = parents[element]
            node = following.pop()
            continue

        tags.append(tag)
        parents.append(element)
        child = node.first_child
        if child is None and not special:
            cues.append("")
            node = node.next
            continue
        element = len(parents) - 1
        attributes = node.attributes
        cue = ""
        hides = False
        for name in attributes:
            if name in _TELLING_ATTRIBUTES:
                if name in _HIDING_ATTRIBUTES:
                    hides = hides or _is_hidden(attributes)
                elif value := attributes[name]:
                    cue = f"{cue} {value}" if cue else value
        cues.append(cue[:MAX_CUE_LENGTH])
        if special:
            if tag in _SPAN_NAMES:
                name = _SPAN_NAMES[tag]
                if len(spans) < MAX_OPEN_SPANS:
                    spans.append((name, length, (attributes.get("href") or "") if tag == "a" else ""))
                else:
                    unkept_spans += 1
                if tag == "a":
                    links += 1
                    block_links += 1
                    if length == link_end:
                        space = True  # two links side by side are set apart, by style if not by white space
                elif name in _EMPHASIS:
                    emphasis += 1
            elif tag == "br":
                if pieces:
                    if preformatted:
                        pieces.append("\n")
                        length += 1
                    else:
                        line_break = True
            elif tag == "img":
                images += 1
            elif tag in PREFORMATTED_TAGS:
                preformatted += 1
            else:
                hides = hides or tag == "noscript" or (tag == "dialog" and "open" not in attributes)
        if hides and hider < 0:
            hider = element
        following.append(node.next)
        if len(following) > _DEEP and child is not None:
            _check_bounds(len(following), len(tags))
        node = child

    return Document(blocks, Tree(tags, parents, cues), description.title, url, hints=frozenset(description.types))


def _check_bounds(depth: int, elements: int) -> None:
    if depth > MAX_DEPTH:
        raise PastBoundsError(f"nested over {MAX_DEPTH} levels deep")
    if elements > MAX_ELEMENTS:
        raise PastBoundsError(f"over {MAX_ELEMENTS} elements")


def _is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Tell whether the markup hides the element until a script reveals it."""
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    if not style or ":" not in style:
        return False
    compact = style.replace(" ", "").lower()
    return "display:none" in compact or "visibility:hidden" in compact
