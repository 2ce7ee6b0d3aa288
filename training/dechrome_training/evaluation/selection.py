"""Which annotated pages are measured: the files and sets that a command names, all pages or some, evenly spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage, Phrase, read_parquet, read_phrases
from dechrome_training.label_files import read_labels

Item = TypeVar("Item")
PHRASES: Final = "phrases"  # the one set whose rows are single blocks


def find_sets(paths: Sequence[Path], names: Sequence[str] = ()) -> list[Path]:
    """Return the files of annotated pages that ``paths`` hold: parquet sets and label files.

    Of a folder, ``names`` chooses the sets (without suffix); without names it is all sets but ``phrases``.

    Raises:
        DataError: a path or a set is missing.
    """
    found = [path for place in paths for path in (_of_folder(place, names) if place.is_dir() else [_file(place)])]
    known = {path.stem for path in found}
    if missing := [name for name in names if name not in known]:
        raise DataError(f"{', '.join(map(str, paths))}: no set named {', '.join(missing)}")
    return found


def is_phrases(path: Path) -> bool:
    """Whether a file holds phrases, not pages."""
    return path.stem == PHRASES


def read_set(path: Path, limit: int | None = None) -> Iterator[AnnotatedPage]:
    """Read the pages of a set, at most ``limit`` of them, evenly spread over the file.

    Raises:
        DataError: the file is malformed.
    """
    read = read_labels if path.suffix == ".jsonl" else read_parquet
    if limit is None:
        return read(path)
    return spread(read(path), sum(1 for _ in read(path)), limit)


def read_phrase_set(path: Path, limit: int | None = None) -> list[Phrase]:
    """Read phrases, at most ``limit`` of them, evenly spread over the file."""
    phrases = list(read_phrases(path))
    return phrases if limit is None else list(spread(iter(phrases), len(phrases), limit))


def spread(items: Iterator[Item], count: int, limit: int) -> Iterator[Item]:
    """Yield ``limit`` of ``count`` items at even distances.

    >>> list(spread(iter("abcdefgh"), 8, 3))
    ['a', 'd', 'g']
    """
    for index, item in enumerate(items):
        if limit >= count or index == 0 or index * limit // count > (index - 1) * limit // count:
            yield item


def _of_folder(folder: Path, names: Sequence[str]) -> list[Path]:
    files = sorted([*folder.glob("*.parquet"), *folder.glob("*.jsonl")])
    chosen = [path for path in files if (path.stem in names if names else not is_phrases(path))]
    if not files:
        raise DataError(f"{folder}: holds no set of annotated pages (*.parquet, *.jsonl)")
    return chosen


def _file(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.suffix not in (".parquet", ".jsonl"):
        raise DataError(f"{path}: a set of annotated pages is a .parquet or .jsonl file")
    return path
