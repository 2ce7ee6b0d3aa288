"""Labelled blocks -> Markdown: CommonMark with the tables of GitHub."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from dechrome.blocks import LabelledBlock, Span
from dechrome.rendering.markdown_inline import HARD_BREAK, longest_run, write_inline
from dechrome.rendering.plain import CONTENT_AND_IMAGES, CONTENT_ONLY, select, split_paragraphs
from dechrome.rendering.structure import (
    Cell,
    Container,
    Form,
    Part,
    arrange,
    find_loose_lists,
    is_tight,
    shared_depth,
    table_rows,
)

_BULLETS: Final = {"ul": ("-", "*"), "ol": (".", ")")}
_CLOSING_HASHES: Final = re.compile(r"(?<![#\\])#+$")  # Markdown takes them for decoration


def to_markdown(blocks: Sequence[LabelledBlock], source_text: str | None = None, *, images: bool = False) -> str:
    """Return the content (with ``images``, the text of image placeholders too) as Markdown.

    With ``source_text`` (plain text, which may well be Markdown already) nothing is escaped: it is the text, in
    paragraphs.

    >>> from dechrome.blocks import Label
    >>> paths = ["/body[1]/h1[1]", "/body[1]/ol[1]/li[1]", "/body[1]/ol[1]/li[2]"]
    >>> texts = ["Tea", "Boil water.", "Wait *long*."]
    >>> print(to_markdown([LabelledBlock(text, Label.CONTENT, path=path) for text, path in zip(texts, paths)]))
    # Tea
    <BLANKLINE>
    1. Boil water.
    2. Wait \\*long\\*.
    """
    keep = CONTENT_AND_IMAGES if images else CONTENT_ONLY
    if source_text is not None:
        return "\n\n".join(split_paragraphs(blocks, source_text, keep))
    parts = arrange(select(blocks, keep))
    loose_lists = find_loose_lists(parts)
    prefixes = _prefixes(parts)
    pieces: list[str] = []
    for index, (part, (first, others)) in enumerate(zip(parts, prefixes, strict=True)):
        if index:
            before = parts[index - 1]
            pieces.append("\n")
            if not is_tight(before, part, loose_lists) or _is_definition(part):
                depth = shared_depth(before.containers, part.containers)
                pieces.append("".join(others[:depth]).rstrip() + "\n")
        lines = _part_lines(part)
        pieces.append("".join(first) + lines[0])
        pieces.extend(["\n" + ("".join(others) + line).rstrip("\n") for line in lines[1:]])
    return "".join(pieces)


def _prefixes(parts: Sequence[Part]) -> list[tuple[list[str], list[str]]]:
    """Return, for each part, what its containers put before its first line and before its other lines."""
    prefixes: list[tuple[list[str], list[str]]] = []
    markers: dict[str, str] = {}  # list -> its bullet, or what follows its numbers
    numbers: Counter[str] = Counter()
    around: tuple[Container, ...] = ()
    for part in parts:
        containers = part.containers
        shared = shared_depth(around, containers)
        first: list[str] = []
        others: list[str] = []
        for depth, container in enumerate(containers):
            if depth < shared:
                first.append(prefixes[-1][1][depth])
                others.append(prefixes[-1][1][depth])
                continue
            marker = "> " if container.tag == "blockquote" else ""
            if container.tag in _BULLETS and container.path not in markers:
                plain, other = _BULLETS[container.tag]
                # two lists in a row would be one list if they had the same bullet
                follows = depth == shared < len(around) and markers.get(around[depth].path) == plain
                markers[container.path] = other if follows else plain
            elif container.tag == "li":
                holder = containers[depth - 1]
                numbers[holder.path] += 1
                number = str(numbers[holder.path]) if holder.tag == "ol" else ""
                marker = f"{number}{markers[holder.path]} "
            first.append(marker)
            others.append(" " * len(marker) if container.tag == "li" else marker)
        prefixes.append((first, others))
        around = containers
    return prefixes


def _is_definition(part: Part) -> bool:
    return bool(part.containers) and part.containers[-1].tag in ("dt", "dd")


def _part_lines(part: Part) -> list[str]:
    """Return the lines of a part, without what its containers put before them."""
    if part.form is Form.TABLE:
        return _table_lines(part)
    if part.form is Form.PREFORMATTED:
        text = "\n".join([block.text for block in part.blocks])
        fence = "`" * max(3, longest_run("`", text) + 1)
        return [fence, *text.split("\n"), fence]
    text = HARD_BREAK.join([write_inline(block.text, block.spans) for block in part.blocks])
    if part.form is Form.HEADING:
        return [f"{'#' * part.level} {_CLOSING_HASHES.sub(_escape_match, text.replace(HARD_BREAK, ' '))}"]
    if part.containers and part.containers[-1].tag == "dt":
        term = part.blocks[0].text
        return write_inline(term, [Span(0, len(term), "strong"), *part.blocks[0].spans]).split("\n")
    return text.split("\n")


def _table_lines(part: Part) -> list[str]:
    rows = table_rows(part)
    width = max(row[-1].column for row in rows) + 1
    lines = [_row_line(row, width) for row in rows]
    return [lines[0], "|" + " --- |" * width, *lines[1:]]


def _row_line(row: Sequence[Cell], width: int) -> str:
    cells = [""] * width
    for cell in row:
        written = "<br>".join([write_inline(block.text, block.spans) for block in cell.blocks])
        cells[cell.column] = written.replace(HARD_BREAK, "<br>").replace("\n", " ").replace("|", "\\|")
    return f"| {' | '.join(cells)} |"


def _escape_match(match: re.Match[str]) -> str:
    return "\\" + match[0]
