"""What a label file holds of earlier steps: where the lines of each page are, and what they say."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dechrome.blocks import Kind, Label
from dechrome.errors import DataError
from dechrome_training.corpus import GoldBlock
from dechrome_training.label_rows import check_row


class SavedRow(NamedTuple):
    """Where a line of the label file starts, and what it says of the progress."""

    offset: int
    done: bool
    path: Path | None


def index_rows(path: Path) -> dict[str, list[SavedRow]]:
    """Return where the lines of each page are in a label file, a torn last line left out; none without a file.

    Raises:
        DataError: a line is malformed.
    """
    rows: defaultdict[str, list[SavedRow]] = defaultdict(list)
    if not path.exists():
        return rows
    offset = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip() and (row := _parse(line, f"{path}:{number}")) is not None:
                named = path.parent / row["path"] if isinstance(row.get("path"), str) else None
                rows[row["id"]].append(SavedRow(offset, row.get("done") is not False, named and named.resolve()))
            offset += len(line)
    return rows


def read_steps(path: Path, rows: Sequence[SavedRow]) -> Iterator[tuple[list[GoldBlock], bool]]:
    """Yield the labelled blocks of some lines of a label file, and whether the page was done by then."""
    if rows:
        with path.open("rb") as stream:
            for row in rows:
                stream.seek(row.offset)
                yield _gold_blocks(json.loads(stream.readline())), row.done


def _gold_blocks(row: dict[str, Any]) -> list[GoldBlock]:
    return [
        GoldBlock(
            block["text"],
            Label(block["label"]) if block["label"] else None,
            Kind(block["kind"]) if block.get("kind") else None,
        )
        for block in row.get("blocks") or ()
    ]


def _parse(line: bytes, place: str) -> dict[str, Any] | None:
    """Return the row of a line, None for a torn one."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        if line.endswith(b"\n"):
            raise DataError(f"{place}: no JSON: {error}") from error
        return None
    if faults := check_row(row):
        raise DataError(f"{place}: field {faults[0].field!r}: {faults[0].message}")
    assert isinstance(row, dict)
    return row
