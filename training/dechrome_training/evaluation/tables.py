"""Results as tables: aligned text for people, records for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Cell = str | int | float
_MISSING: Final = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results. The first column names the row; nan is a value that is not known."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def format_tables(tables: Sequence[Table]) -> str:
    """Return the tables as text, one below the other."""
    return "\n\n".join(format_table(table) for table in tables)


def format_table(table: Table) -> str:
    """Return one table as text: names to the left, numbers to the right, its note below.

    >>> print(format_table(Table("Words", ("set", "pages", "F1"), (("all", 1200, 0.8619), ("fr", 3, float("nan"))))))
    Words
    set  pages     F1
    all  1,200  0.862
    fr       3      -
    """
    lines = [table.columns, *(tuple(format_cell(cell) for cell in row) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = [_align(line, widths) for line in lines]
    return "\n".join([table.title, *body, *([table.note] if table.note else [])])


def format_cell(cell: Cell) -> str:
    """Return a cell as text: three decimals below 10, fewer above."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    if math.isnan(cell):
        return _MISSING
    return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:,.1f}"


def to_json(tables: Sequence[Table], facts: Mapping[str, object]) -> str:
    """Return facts about the run and all tables as JSON; values that are not known become null."""
    records = [
        {
            "title": table.title,
            "note": table.note,
            "rows": [dict(zip(table.columns, map(_plain, row), strict=True)) for row in table.rows],
        }
        for table in tables
    ]
    return json.dumps({**facts, "tables": records}, ensure_ascii=False, indent=1) + "\n"


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.strip().ljust(widths[0]), *rest]).rstrip()


def _plain(cell: Cell) -> Cell | None:
    return None if isinstance(cell, float) and math.isnan(cell) else cell
