"""HTML -> blocks, with lexbor (an HTML5-conformant parser). The only module that knows the parser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from dechrome.blocks import Block, Document, Tree
from dechrome.bounds import MAX_DEPTH, MAX_ELEMENTS, MAX_LENGTH, check_encoded, flatten_html
from dechrome.segmenting import DESCRIBING_TAGS, INVISIBLE_TAGS, SPECIAL_TAGS, Description, Event, cut_blocks

MAX_FLAT_BLOCKS: Final = 20_000  # of a page read as flat text; of more lines, several are joined
_SKIPPED: Final = INVISIBLE_TAGS | {"-comment", "-doctype", "-document", "!doctype"}
_DEEP: Final = 64  # levels: no walk this shallow can meet the bounds long before its end
_LONG_LINE: Final = 1_000_000  # characters


def split_html(html: str, url: str | None = None) -> Document:
    """Cut an HTML page into blocks; one past the parser's bounds is read as flat text, and ``problems`` says so.

    >>> [block.text for block in split_html("<nav>Home</nav><p>A <b>fox</b> ran.").blocks]
    ['Home', 'A fox ran.']
    """
    if len(html) > MAX_LENGTH:
        return _split_flat(html, url, f"{len(html)} characters long")
    data = html.encode("utf-8", "replace")
    if reason := check_encoded(data):
        return _split_flat(html, url, reason)
    try:
        root = LexborHTMLParser(data).root
    except SelectolaxError:
        return _split_flat(html, url, "refused by the parser")
    blocks: list[Block] = []
    tree = Tree([], [], [])
    description = Description()
    if root is not None:
        try:
            cut_blocks(_walk(root, description, tree), blocks, tree)
        except _PastBoundsError as error:
            return _split_flat(html, url, str(error))
    return Document(blocks, tree, description.title, url, hints=frozenset(description.types))


class _PastBoundsError(Exception):
    """The tree is too deep or too large; the message says which."""


def _walk(node: LexborNode, description: Description, tree: Tree) -> Iterator[Event]:
    """Report the tree below ``node``, with an explicit stack; ``tree`` is what has been made of it so far."""
    ancestors: list[LexborNode] = []
    while True:
        if node.is_text_node:
            yield node.text_content or ""
        elif (tag := node.tag) is None or tag in _SKIPPED:
            if tag in DESCRIBING_TAGS:
                description.read(tag, node.attributes, node.text)
        else:
            child = node.first_child
            if child is not None:
                yield tag, node.attributes
                ancestors.append(node)
                if len(ancestors) > _DEEP:
                    _check_tree(len(ancestors), len(tree.tags))
                node = child
                continue
            if tag in SPECIAL_TAGS:
                yield tag, node.attributes
                yield None
            else:
                yield tag, None
        following = node.next
        while following is None:
            if not ancestors:
                return
            node = ancestors.pop()
            yield None
            following = node.next
        node = following


def _check_tree(depth: int, elements: int) -> None:
    if depth > MAX_DEPTH:
        raise _PastBoundsError(f"nested over {MAX_DEPTH} levels deep")
    if elements > MAX_ELEMENTS:
        raise _PastBoundsError(f"over {MAX_ELEMENTS} elements")


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
