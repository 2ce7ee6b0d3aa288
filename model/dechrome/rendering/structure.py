"""Blocks -> parts: the lists, quotes, headings and tables that the blocks stood in, read from their XPaths."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from dechrome.blocks import LabelledBlock

MAX_DEPTH: Final = 24  # steps that are looked at; deeper nesting is no layout, and would cost quadratic time
MAX_COLUMNS: Final = 64  # a wider table is laid out as paragraphs
MAX_CELL_BLOCKS: Final = 4  # a cell of more blocks belongs to a table that lays out a page

_LISTS: Final = frozenset(("ul", "ol", "menu", "dir"))
_PREFORMATTED: Final = frozenset(("pre", "textarea", "listing", "xmp"))
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_CONTAINERS: Final = _LISTS | {"li", "dl", "dt", "dd", "blockquote"}
_STEP: Final = re.compile(
    r"/(ul|ol|menu|dir|li|dl|dt|dd|blockquote|h[1-6]|pre|textarea|listing|xmp|table|tr|td|th)"
    r"(?:\[([0-9]+)\])?(?=/|$)"
)


class Container(NamedTuple):
    """An element around a part: ``ul``, ``ol``, ``li``, ``dl``, ``dt``, ``dd`` or ``blockquote``, by its XPath."""

    tag: str
    path: str


class Form(StrEnum):
    """How a part is set."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    PREFORMATTED = "preformatted"
    TABLE = "table"


class Part(NamedTuple):
    """Blocks that are set together: a paragraph, all of a heading, of preformatted text or of a table.

    ``path`` is the XPath of that heading, text or table, and empty for a paragraph. ``level`` is a heading's.
    """

    form: Form
    containers: tuple[Container, ...]
    blocks: list[LabelledBlock]
    path: str = ""
    level: int = 0


class Cell(NamedTuple):
    """One cell of a table, ``column`` counted from 0."""

    column: int
    is_header: bool
    blocks: list[LabelledBlock]


def arrange(blocks: Sequence[LabelledBlock]) -> list[Part]:
    """Return the parts that blocks of one page make up, in order.

    >>> from dechrome.blocks import Label
    >>> blocks = [LabelledBlock("Tea", Label.CONTENT, path=f"/body[1]/ul[1]/li[{n}]/b[1]") for n in (1, 2)]
    >>> [[container.path for container in part.containers] for part in arrange(blocks)]
    [['/body[1]/ul[1]', '/body[1]/ul[1]/li[1]'], ['/body[1]/ul[1]', '/body[1]/ul[1]/li[2]']]
    """
    tables = _data_tables(blocks)
    parts: list[Part] = []
    around: tuple[Container, ...] = ()
    for block in blocks:
        part = _place(block, tables, around)
        around = part.containers
        if part.path and parts and parts[-1].path == part.path:
            parts[-1].blocks.append(block)
        else:
            parts.append(part)
    return parts


def table_rows(part: Part) -> list[list[Cell]]:
    """Return the rows of a table, each with the cells that have text.

    XPath counts ``td`` and ``th`` apart, so a column is the sum of both counts so far.
    """
    rows: list[list[Cell]] = []
    row_path = cell_path = ""
    counts = {"td": 0, "th": 0}
    for block in part.blocks:
        step = _cell_step(block.path, len(part.path))
        if step is None:  # not so for parts of ``arrange``
            continue
        if block.path[: step.start()] != row_path:
            row_path = block.path[: step.start()]
            counts = {"td": 0, "th": 0}
            rows.append([])
        if block.path[: step.end()] != cell_path:
            cell_path = block.path[: step.end()]
            counts[step[1]] = int(step[2] or 1)
            rows[-1].append(Cell(counts["td"] + counts["th"] - 1, step[1] == "th", []))
        rows[-1][-1].blocks.append(block)
    return rows


def shared_depth(left: Sequence[Container], right: Sequence[Container]) -> int:
    """Return how many containers, counted from outside, are the same."""
    if left == right:
        return len(left)
    depth = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        depth += 1
    return depth


def find_loose_lists(parts: Sequence[Part]) -> frozenset[str]:
    """Return the XPaths of the lists that have an item of several parts, so that blank lines set them apart."""
    counts = Counter(item for part in parts if (item := _innermost_item(part.containers)))
    return frozenset(list_path for (list_path, _), count in counts.items() if count > 1)


def is_tight(left: Part, right: Part, loose_lists: frozenset[str]) -> bool:
    """Tell whether two parts in a row belong to one list without a blank line between them."""
    depth = shared_depth(left.containers, right.containers)
    if depth == len(right.containers):  # the second one goes on with an item, or stands outside
        return False
    for container in reversed(right.containers[:depth]):
        if container.tag != "li":
            return container.tag == "dl" or (container.tag in ("ul", "ol") and container.path not in loose_lists)
    return False


def _innermost_item(containers: Sequence[Container]) -> tuple[str, str] | None:
    """Return the XPaths of the innermost list and its item."""
    for index in range(len(containers) - 1, 0, -1):
        if containers[index].tag == "li":
            return containers[index - 1].path, containers[index].path
    return None


def _place(block: LabelledBlock, tables: frozenset[str], around: Sequence[Container]) -> Part:
    """Return the part that a block would make up alone; ``around`` are the containers of the block before."""
    path = block.path
    containers: list[Container] = []
    form, part_path, level = Form.PARAGRAPH, "", 0
    for step in _STEP.finditer(path):
        tag = step[1]
        if tag in _CONTAINERS:
            if len(containers) < MAX_DEPTH:
                _add_container(containers, tag, path[: step.start()], path[: step.end()])
            continue
        if tag in _HEADINGS:
            form, level = Form.HEADING, int(tag[1])
        elif tag in _PREFORMATTED:
            form = Form.PREFORMATTED
        elif tag == "table" and tables and path[: step.end()] in tables and _cell_step(path, step.end()):
            form = Form.TABLE
        else:
            continue
        part_path = path[: step.end()]
        break
    return Part(form, _tidy(containers, around), [block], part_path, level)


def _add_container(containers: list[Container], tag: str, parent: str, path: str) -> None:
    last = containers[-1].tag if containers else ""
    if tag in _LISTS:
        containers.append(Container("ol" if tag == "ol" else "ul", path))
    elif tag == "li":
        if last not in ("ul", "ol"):  # an item without a list, which browsers show all the same
            containers.append(Container("ul", parent))
        containers.append(Container("li", path))
    elif tag in ("dl", "blockquote") or (tag in ("dt", "dd") and last == "dl"):
        containers.append(Container(tag, path))


def _tidy(containers: Sequence[Container], around: Sequence[Container]) -> tuple[Container, ...]:
    """Leave out lists whose next step is no item; a list right in a list belongs to the item before it."""
    tidy: list[Container] = []
    for index, container in enumerate(containers):
        following = containers[index + 1].tag if index + 1 < len(containers) else ""
        if container.tag in ("ul", "ol") and following != "li":
            depth = len(tidy)
            if following in ("ul", "ol") and depth + 1 < len(around) and around[depth] == container:
                tidy.extend(around[depth : depth + 2])
        elif container.tag != "dl" or following in ("dt", "dd"):
            tidy.append(container)
    return tuple(tidy)


def _cell_step(path: str, start: int) -> re.Match[str] | None:
    """Return the first step after ``start`` that is a cell."""
    for step in _STEP.finditer(path, start):
        if step[1] in ("td", "th"):
            return step
    return None


def _data_tables(blocks: Sequence[LabelledBlock]) -> frozenset[str]:
    """Return the XPaths of the tables that hold rows of short cells, and do not lay out the page."""
    layout: set[str] = set()
    blocks_in: Counter[str] = Counter()
    cells_in: defaultdict[str, set[str]] = defaultdict(set)  # row -> cells
    tables: dict[str, str] = {}  # row -> table
    for block in blocks:
        path = block.path
        if "/t" not in path:
            continue
        table = row = ""
        for step in list(_STEP.finditer(path))[-MAX_DEPTH:]:
            here = path[: step.end()]
            if step[1] == "table":
                layout.add(table)
                table, row = here, ""
            elif table and step[1] in ("td", "th"):
                row = path[: step.start()]
                tables[row] = table
                cells_in[row].add(here)
                blocks_in[here] += 1
                if blocks_in[here] > MAX_CELL_BLOCKS or int(step[2] or 1) > MAX_COLUMNS // 2:
                    layout.add(table)
            elif step[1] in _HEADINGS or step[1] in _PREFORMATTED or step[1] == "blockquote":
                layout.add(table)
    return frozenset(tables[row] for row, cells in cells_in.items() if len(cells) > 1) - layout
