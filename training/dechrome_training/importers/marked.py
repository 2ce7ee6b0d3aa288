"""The text of a parsed page that annotators have marked in its markup."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final

from bs4 import Tag
from bs4.element import NavigableString, PreformattedString

_UNSEEN: Final = frozenset(("script", "style", "noscript", "template", "title"))
_BLOCKS: Final = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3"
    " h4 h5 h6 header hr html li main nav ol option p pre section summary table tbody td tfoot th thead tr ul".split()
)


def marked_text(root: Tag, mark_of: Callable[[Tag], str | None], wanted: Container[str]) -> str:
    """Return the text whose innermost marked element has a wanted mark, a paragraph a block-level element.

    ``mark_of`` returns the mark of an element, None where it has none.
    """
    parts: list[str] = []
    block: Tag | None = None
    for node in root.descendants:
        if isinstance(node, Tag) and node.name == "br" and parts:
            parts.append("\n")
        if not isinstance(node, NavigableString) or isinstance(node, PreformattedString) or not node.strip():
            continue
        mark, around = _around(node, mark_of)
        if mark is None or mark not in wanted:
            continue
        if parts and around is not block:
            parts.append("\n\n")
        block = around
        parts.append(str(node))
    paragraphs = (" ".join(part.split()) for part in "".join(parts).split("\n\n"))
    return "\n\n".join(filter(None, paragraphs))


def _around(node: NavigableString, mark_of: Callable[[Tag], str | None]) -> tuple[str | None, Tag | None]:
    """Return the innermost mark and the innermost block-level element around a text; no mark where it is unseen."""
    mark: str | None = None
    block: Tag | None = None
    for parent in node.parents:
        if parent.name in _UNSEEN:
            return None, None
        mark = mark or mark_of(parent)
        if block is None and parent.name in _BLOCKS:
            block = parent
    return mark, block
