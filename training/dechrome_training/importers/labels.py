"""Label files of our own: checked as a whole, and read with one line a page, whatever was appended since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dechrome.errors import DataError
from dechrome_training.importers.records import Outcome
from dechrome_training.label_files import check_labels, read_labels


def read_corpus(path: Path) -> Iterator[Outcome]:
    """Read a label file, finished pages and others; a torn last line is left out and named.

    Raises:
        DataError: lists all that is wrong, by file, line and field.
    """
    problems = check_labels(path)
    if wrong := [str(problem) for problem in problems if not problem.torn]:
        raise DataError("\n".join(wrong))
    for page in read_labels(path, unfinished=True):
        yield Outcome(f"{path}: page {page.id!r}", page)
    for problem in problems:
        yield Outcome(f"{path}:{problem.line}", None, (problem.message,))
