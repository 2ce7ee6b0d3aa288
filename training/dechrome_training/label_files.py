"""Label files: annotated pages, one JSON line a page. Read, write, append, check (``datasets/README.md``).

A later line with the same id replaces an earlier one, so that a labelling tool can save every change by appending.
A last line that ends in its middle, as a killed program leaves it, is skipped and reported.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.label_rows import Fault, RowError, check_row, to_page, to_row

_log = logging.getLogger(__name__)


class Problem(NamedTuple):
    """What is wrong in a label file; ``field`` is "" for a whole line, lines count from 1.

    ``torn`` says that the line is the last one and ends in its middle: readers skip it.
    """

    path: Path
    line: int
    field: str
    message: str
    torn: bool = False

    def __str__(self) -> str:
        """Return file, line, field and message on one line."""
        place = f"{self.path}:{self.line}: "
        return f"{place}field {self.field!r}: {self.message}" if self.field else f"{place}{self.message}"


def read_labels(path: Path, *, unfinished: bool = False) -> Iterator[AnnotatedPage]:
    """Read a label file, the last line of every page; pages that are not done only if ``unfinished``.

    A torn last line is skipped, and logged as a warning.

    Raises:
        DataError: names the file, the line and the field that is wrong.
    """
    last: dict[object, int] = {}
    for number, row in _rows(path):
        if isinstance(row, Problem):
            if not row.torn:
                raise DataError(str(row))
            _log.warning("%s", row)
        else:
            last[_id_of(row, number)] = number
    kept = frozenset(last.values())
    for number, row in _rows(path, kept):
        try:
            page = to_page(row, path.parent)
        except RowError as error:
            raise DataError(str(_problem(path, number, error.fault))) from error
        if page.done or unfinished:
            yield page


def check_labels(path: Path) -> list[Problem]:
    """Return all that is wrong with a label file: every line, and the files that the last line of each page names.

    Raises:
        DataError: the file cannot be read.
    """
    problems: list[Problem] = []
    last: dict[object, int] = {}
    for number, row in _rows(path):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        problems += [_problem(path, number, fault) for fault in check_row(row)]
        last[_id_of(row, number)] = number
    faulty = {problem.line for problem in problems}
    for number, row in _rows(path, frozenset(last.values()) - faulty):
        try:
            to_page(row, path.parent)
        except RowError as error:
            problems.append(_problem(path, number, error.fault))
    return sorted(problems, key=lambda problem: problem.line)


def write_labels(path: Path, pages: Iterable[AnnotatedPage], folder: Path | None = None) -> int:
    """Write a label file, in one go or not at all, and return the number of pages; ``folder`` as in ``to_row``.

    ``pages`` may come from the same file: what was there stays until all is written.

    Raises:
        DataError: the file cannot be written.
    """
    count = 0
    with open_whole(path) as stream:
        for page in pages:
            stream.write(_line(page, folder))
            count += 1
    return count


@contextlib.contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside ``path`` that takes its place when all is written, and goes away where that fails.

    Raises:
        DataError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def open_labels(path: Path) -> BinaryIO:
    """Open a label file, new or old, for ``append_label``.

    A torn last line is moved to a file beside it (``labels.jsonl.torn``), and that is logged as a warning.

    Raises:
        DataError: the file cannot be read or written.
    """
    try:
        _mend(path)
        return path.open("ab")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def append_label(stream: BinaryIO, page: AnnotatedPage, folder: Path | None = None) -> None:
    """Append one page to an open label file and flush it; ``folder`` as in ``to_row``. It replaces earlier lines."""
    stream.write(_line(page, folder))
    stream.flush()


def _rows(path: Path, wanted: frozenset[int] | None = None) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line that is not blank and what it holds, or a ``Problem``."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip() and (wanted is None or number in wanted):
                    yield number, _parse(path, number, line)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _parse(path: Path, number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        if line.endswith(b"\n"):
            return Problem(path, number, "", f"no JSON: {error}")
        return Problem(path, number, "", f"the last line ends in its middle ({len(line)} bytes): skipped", torn=True)


def _id_of(row: Any, number: int) -> object:
    """Return what lines of one page have in common; a line without an id stands by itself."""
    name = row.get("id") if isinstance(row, dict) else None
    return name if isinstance(name, str) else number


def _problem(path: Path, number: int, fault: Fault) -> Problem:
    return Problem(path, number, fault.field, fault.message)


def _line(page: AnnotatedPage, folder: Path | None) -> bytes:
    row = to_row(page, folder)
    try:
        return f"{json.dumps(row, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # lone surrogates
        return f"{json.dumps(row)}\n".encode()


def _mend(path: Path) -> None:
    """End the last line: a whole one by a line end, a torn one by moving it away."""
    if not path.exists():
        return
    last = b""
    with path.open("rb") as stream:
        for line in stream:
            last = line
        size = stream.tell()
    if not last or last.endswith(b"\n"):
        return
    with path.open("r+b") as stream:
        if isinstance(_parse(path, 0, last), Problem):
            torn = path.with_name(f"{path.name}.torn")
            with torn.open("ab") as beside:
                beside.write(last + b"\n")
            stream.truncate(size - len(last))
            _log.warning("%s: the last line ended in its middle: moved to %s", path, torn)
        else:
            stream.seek(size)
            stream.write(b"\n")
