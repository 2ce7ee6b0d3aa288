"""Labelled blocks -> plain, safe HTML: no scripts, no styles, no attributes but ``href``."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from dechrome.blocks import LabelledBlock, Span
from dechrome.rendering.inline import Action, tidy_spans, tokenise
from dechrome.rendering.plain import CONTENT_AND_IMAGES, CONTENT_ONLY, select, split_paragraphs
from dechrome.rendering.structure import (
    Container,
    Form,
    Part,
    arrange,
    find_loose_lists,
    shared_depth,
    table_rows,
)

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no parser of HTML or XML takes them
_OUTER: Final = frozenset(("ul", "ol", "dl", "blockquote"))


def to_html(blocks: Sequence[LabelledBlock], source_text: str | None = None, *, images: bool = False) -> str:
    """Return the content (with ``images``, the text of image placeholders too) as a fragment of HTML.

    >>> from dechrome.blocks import Label
    >>> to_html([LabelledBlock("Salt & tea", Label.CONTENT, path="/body[1]/h1[1]", spans=(Span(0, 4, "em"),))])
    '<h1><em>Salt</em> &amp; tea</h1>'
    """
    keep = CONTENT_AND_IMAGES if images else CONTENT_ONLY
    if source_text is not None:
        return "\n".join(f"<p>{_inline(text)}</p>" for text in split_paragraphs(blocks, source_text, keep))
    parts = arrange(select(blocks, keep))
    loose_lists = find_loose_lists(parts)
    pieces: list[str] = []
    around: tuple[Container, ...] = ()
    for part in parts:
        depth = shared_depth(around, part.containers)
        pieces.extend([f"</{container.tag}>\n" for container in reversed(around[depth:])])
        if pieces and not pieces[-1].endswith("\n"):
            pieces.append("\n")
        for container in part.containers[depth:]:
            pieces.append(f"<{container.tag}>" + ("\n" if container.tag in _OUTER else ""))
        pieces.append(_part_html(part, loose_lists))
        around = part.containers
    pieces.extend([f"</{container.tag}>\n" for container in reversed(around)])
    return "".join(pieces).rstrip("\n")


def _part_html(part: Part, loose_lists: frozenset[str]) -> str:
    if part.form is Form.HEADING:
        return f"<h{part.level}>{_blocks_html(part.blocks)}</h{part.level}>\n"
    if part.form is Form.PREFORMATTED:
        text = "\n".join([block.text for block in part.blocks])
        first = "\n" if text.startswith("\n") else ""  # parsers drop one line end at the start
        return f"<pre>{first}{_escape(text)}</pre>\n"
    if part.form is Form.TABLE:
        return _table_html(part)
    text = _blocks_html(part.blocks)
    if part.containers:
        innermost = part.containers[-1]
        if innermost.tag == "li" and part.containers[-2].path not in loose_lists:
            return text
    return f"<p>{text}</p>\n"


def _table_html(part: Part) -> str:
    lines = ["<table>"]
    for row in table_rows(part):
        cells = ["<td></td>"] * (row[-1].column + 1)
        for cell in row:
            tag = "th" if cell.is_header else "td"
            cells[cell.column] = f"<{tag}>{_blocks_html(cell.blocks)}</{tag}>"
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table>\n"])


def _blocks_html(blocks: Sequence[LabelledBlock]) -> str:
    return "<br>".join([_inline(block.text, block.spans) for block in blocks])


def _inline(text: str, spans: Sequence[Span] = ()) -> str:
    pieces: list[str] = []
    for token in tokenise(text, tidy_spans(text, spans)):
        if token.span is None:
            pieces.append(_escape(text[token.start : token.end]).replace("\n", "<br>"))
        elif token.action is Action.CLOSE:
            pieces.append(f"</{token.span.tag}>")
        elif token.span.tag == "a":
            pieces.append(f'<a href="{_escape(token.span.href)}">')
        else:
            pieces.append(f"<{token.span.tag}>")
    return "".join(pieces)


def _escape(text: str) -> str:
    return html.escape(_CONTROLS.sub("", text))
