"""CSV for spreadsheets: one block a row. UTF-8 with a byte order mark, as Excel and LibreOffice need it.

A cell that a spreadsheet would take for a formula gets an apostrophe in front, which reading takes away again
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dechrome.blocks import Kind, Label
from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage, GoldBlock
from dechrome_training.exchange.names import parse_name
from dechrome_training.exchange.pages import Task, label_page, mend_texts
from dechrome_training.importers.records import Outcome, read_string

COLUMNS: Final = ("page", "number", "text", "label", "kind", "confidence")
_NEEDED: Final = ("page", "number", "text", "label")
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


class _Row(NamedTuple):
    line: int
    page: str
    number: int
    block: GoldBlock


def write_tasks(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield the lines of a CSV file: what is known of a page, or what the model says where nothing is."""
    yield "\ufeff" + _line(COLUMNS)
    for task in tasks:
        blocks: Sequence[tuple[GoldBlock, str]] = [(block, "") for block in task.blocks]
        if not task.is_labelled:
            blocks = [(GoldBlock(b.text, b.label, b.kind), f"{b.confidence:.4f}") for b in task.predicted]
        for number, (block, confidence) in enumerate(blocks, start=1):
            label, kind = block.label or "", block.kind or ""
            yield _line((task.page.id, str(number), block.text, label, kind, confidence))


def read_export(path: Path, pages: Mapping[str, AnnotatedPage] | None = None) -> Iterator[Outcome]:
    """Read a CSV file of blocks, with commas, semicolons or tabs, its rows in any order; further columns are ignored.

    Without ``pages`` a page is the text of its rows.

    Raises:
        DataError: names the file, the line and the column that is wrong.
    """
    found: dict[str, list[_Row]] = {}
    for row in _read_rows(path):
        found.setdefault(row.page, []).append(row)
    for name, rows in found.items():
        rows.sort(key=lambda row: row.number)
        place = f"{path}:{min(row.line for row in rows)} (page {name!r})"
        blocks = [row.block for row in rows]
        if not any(block.label for block in blocks):
            yield Outcome(place, None, left_out="not labelled")
        elif pages is not None and name not in pages:
            yield Outcome(place, None, (f"no page of the id {name!r}",))
        else:
            text = "\n".join(block.text for block in blocks)
            page = AnnotatedPage(name, "labels", text=text) if pages is None else pages[name]
            yield Outcome(place, *label_page(page, mend_texts(page, blocks)))


def protect(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> [protect(cell) for cell in ("=1+1", "'=1+1", "1+1")]
    ["'=1+1", "''=1+1", '1+1']
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unprotect(cell: str) -> str:
    """Return the cell that was protected."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(map(protect, cells))
    return buffer.getvalue()


def _read_rows(path: Path) -> Iterator[_Row]:
    text = read_string(path)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    limit = csv.field_size_limit(sys.maxsize)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in _NEEDED if name not in header]:
            raise DataError(f"{path}:1: column {missing[0]!r} is missing")
        start = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _read_row(f"{path}:{start}", start, dict(zip(header, map(unprotect, cells), strict=False)))
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _read_row(place: str, line: int, row: Mapping[str, str]) -> _Row:
    name = "page"
    try:
        if not row.get("page"):
            raise ValueError("is empty")
        name = "number"
        number = int(float(row.get("number", "")))
        name = "label"
        label, kind = _read_label(row.get("label", ""))
        name = "kind"
        if row.get("kind", "").strip():
            said, kind = parse_name(row["kind"])
            if label is None or said is not Label.CHROME or label is not Label.CHROME or kind is None:
                raise ValueError(f"{row['kind']!r} is no kind of {label or 'a block without a label'}")
    except (ValueError, OverflowError) as error:
        raise DataError(f"{place}: column {name!r}: {error}") from error
    return _Row(line, row["page"], number, GoldBlock(row.get("text", ""), label, kind))


def _read_label(cell: str) -> tuple[Label | None, Kind | None]:
    return parse_name(cell) if cell.strip() else (None, None)
