"""Labelled blocks -> how each is set in the list: headings, items, cells, and the part of the page around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from dechrome.blocks import LabelledBlock
from dechrome.rendering.structure import Form, Part, arrange, table_rows

MAX_PLACES: Final = 2  # named parts of the page that are shown, the innermost ones

_PLACE: Final = re.compile(
    r"/(nav|header|footer|aside|main|article|form|dialog|figcaption|figure|button|select|label|details|noscript)"
    r"(?=\[|/|$)"
)
_NUMBER: Final = re.compile(r"\[([0-9]+)\]$")


class Setting(NamedTuple):
    """How one block is set.

    ``depth`` counts the lists around it, ``marker`` is what stands in front of the first block of an item, ``row``
    and ``column`` count the cells of a table from 1 (0: in no table). ``place`` names the parts of the page that the
    block stands in ("header nav").
    """

    form: str = "paragraph"
    level: int = 0
    depth: int = 0
    marker: str = ""
    quoted: bool = False
    row: int = 0
    column: int = 0
    place: str = ""


def describe_layout(blocks: Sequence[LabelledBlock]) -> list[Setting]:
    """Return how each block of a page is set, in order.

    >>> from dechrome.blocks import Label
    >>> blocks = [LabelledBlock("Tea", Label.CHROME, path=f"/body[1]/nav[1]/ol[1]/li[{n}]/b[1]") for n in (1, 2)]
    >>> [(setting.depth, setting.marker, setting.place) for setting in describe_layout(blocks)]
    [(1, '1.', 'nav'), (1, '2.', 'nav')]
    """
    settings: list[Setting] = []
    item = ""
    for part in arrange(blocks):
        setting, here = _set_part(part)
        cells = _cells(part) if part.form is Form.TABLE else [(0, 0)] * len(part.blocks)
        for block, (row, column) in zip(part.blocks, cells, strict=True):
            marker = setting.marker if here != item else ""
            item = here
            place = " ".join(_PLACE.findall(block.path)[-MAX_PLACES:])
            settings.append(setting._replace(marker=marker, row=row, column=column, place=place))
    return settings


def _set_part(part: Part) -> tuple[Setting, str]:
    """Return how a part is set, and the XPath of the item it stands in."""
    lists = [container for container in part.containers if container.tag in ("ul", "ol")]
    items = [container for container in part.containers if container.tag in ("li", "dt", "dd")]
    marker = ""
    if items and items[-1].tag == "li":
        number = _NUMBER.search(items[-1].path)
        marker = f"{number[1] if number else 1}." if lists and lists[-1].tag == "ol" else "•"
    quoted = any(container.tag == "blockquote" for container in part.containers)
    depth = len(lists) + sum(container.tag == "dd" for container in part.containers)
    return Setting(part.form.value, part.level, depth, marker, quoted), items[-1].path if items else ""


def _cells(part: Part) -> list[tuple[int, int]]:
    """Return row and column of each block of a table; all of them have a cell there."""
    return [
        (row, cell.column + 1)
        for row, cells in enumerate(table_rows(part), start=1)
        for cell in cells
        for _ in cell.blocks
    ]
