"""Annotated pages and phrases: the records, reading the parquet sets and our own phrases, and splitting by site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from dechrome.blocks import Kind, Label
from dechrome.errors import DataError

_PAGE_COLUMNS: Final = (
    "id", "source", "html", "encoding", "url", "domain", "language", "page_type", "text", "must_have", "must_not",
)  # fmt: skip
OWN_SOURCE: Final = "dechrome"  # of what was written for this project: never tested on
OWN_LICENCE: Final = "Apache-2.0"
_OWN_HEADER: Final = "label\tkind\ttext"


@dataclass(frozen=True, slots=True)
class GoldBlock:
    """What a person said of one block, kept as text so that it outlives a better segmentation.

    ``label`` is None where nobody has said anything yet.
    """

    text: str
    label: Label | None
    kind: Kind | None = None


class PageFile(NamedTuple):
    """The file that a page was read from, and the SHA-256 of its bytes in hexadecimal."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class AnnotatedPage:
    """A page and what is known of it. One of ``html`` and ``text`` is set.

    ``gold`` is the main content as text, ``blocks`` a label per block; either may be missing.
    ``must_have`` and ``must_not`` are snippets that the content holds or must not hold. ``done`` says that the page
    is labelled to its end. ``extras`` are fields of a label file that mean nothing to us, kept for whoever wrote them.
    """

    id: str
    source: str
    html: str | None = None
    text: str | None = None
    url: str | None = None
    domain: str | None = None
    language: str | None = None
    page_type: str | None = None
    gold: str | None = None
    blocks: tuple[GoldBlock, ...] = ()
    must_have: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    done: bool = True
    file: PageFile | None = None
    extras: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def group(self) -> str:
        """The site, for splits: pages of one site never stand on both sides."""
        return self.domain or self.id


@dataclass(frozen=True, slots=True)
class Phrase:
    """A short text block with its label, as it would stand on a scraped page; ``kind`` is the set's own name."""

    text: str
    label: Label
    kind: str
    language: str
    source: str
    licence: str


def is_article(page_type: str | None) -> bool:
    """Tell whether pages of a type hold an article; sets that state no type are of articles."""
    return page_type in (None, "article")


def read_parquet(path: Path) -> Iterator[AnnotatedPage]:
    """Read one parquet set of annotated pages, a row group at a time.

    Raises:
        DataError: the file is missing or is no such set.
    """
    for row in _rows(path, _PAGE_COLUMNS):
        try:
            html = row["html"].decode(row["encoding"] or "utf-8", "replace")
        except (LookupError, AttributeError) as error:
            raise DataError(f"{path}: row {row['id']!r}: field 'html' or 'encoding': {error}") from error
        yield AnnotatedPage(
            id=row["id"],
            source=row["source"],
            html=html,
            url=row["url"],
            domain=row["domain"],
            language=row["language"],
            page_type=row["page_type"],
            gold=row["text"],
            must_have=tuple(row["must_have"] or ()),
            must_not=tuple(row["must_not"] or ()),
        )


def read_phrases(path: Path) -> Iterator[Phrase]:
    """Read ``phrases.parquet``: one labelled text block a row.

    Raises:
        DataError: the file is missing or is no such set.
    """
    for row in _rows(path, Phrase.__slots__):
        try:
            label = Label(row["label"])
        except ValueError as error:
            raise DataError(f"{path}: row {row['text']!r}: field 'label': {error}") from error
        yield Phrase(row["text"], label, row["kind"], row["language"], row["source"], row["licence"])


def read_own_phrases(folder: Path) -> Iterator[Phrase]:
    """Read our own phrases: ``<language>.tsv``, a phrase a line (``datasets/README.md`` has the format).

    Raises:
        DataError: names the folder that has none, or the file and the line that is wrong.
    """
    for path, lines in _own_files(folder):
        for number, line in enumerate(lines, start=2):
            yield _own_phrase(line, path, number)


def read_own_pages(folder: Path) -> Iterator[tuple[Phrase, ...]]:
    """Read our own short pages, line by line: ``<language>.tsv``, an empty line between pages.

    Raises:
        DataError: names the folder that has none, or the file and the line that is wrong.
    """
    for path, lines in _own_files(folder):
        numbered = enumerate([*lines, ""], start=2)
        phrases = [_own_phrase(line, path, number) if line else None for number, line in numbered]
        yield from (tuple(filter(None, page)) for is_page, page in groupby(phrases, bool) if is_page)


def _own_files(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield our own files of a folder, with the lines below the header."""
    paths = sorted(folder.glob("*.tsv"))
    if not paths:
        raise DataError(f"{folder}: no files of ours there (*.tsv)")
    for path in paths:
        try:
            header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: {error}") from error
        if header != _OWN_HEADER:
            raise DataError(f"{path}:1: the header must be {_OWN_HEADER!r}, not {header!r}")
        yield path, lines


def site_of(url: str | None) -> str | None:
    """Return the host of an address without "www.", for want of the registered domain; None where there is none.

    >>> site_of("https://www.fox.example/a?b"), site_of("fox"), site_of("http://[")
    ('fox.example', None, None)
    """
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") or None if host else None


def assign_folds(groups: Sequence[str], weights: Sequence[float], folds: int) -> list[int]:
    """Spread groups over folds of about equal weight, the same way every time; returns a fold per item."""
    totals: dict[str, float] = {}
    for group, weight in zip(groups, weights, strict=True):
        totals[group] = totals.get(group, 0.0) + weight
    loads = [0.0] * folds
    fold_of: dict[str, int] = {}
    for group in sorted(totals, key=lambda name: (-totals[name], name)):
        fold = loads.index(min(loads))
        fold_of[group] = fold
        loads[fold] += totals[group]
    return [fold_of[group] for group in groups]


def select_sets(folder: Path, names: Iterable[str]) -> Iterator[AnnotatedPage]:
    """Read several parquet sets of one folder, in the order of their names."""
    for name in names:
        yield from read_parquet(folder / f"{name}.parquet")


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        raise DataError(f"{path}: parquet needs pyarrow: pip install 'dechrome[corpus]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            if missing := [name for name in columns if name not in file.schema_arrow.names]:
                raise DataError(f"{path}: field {missing[0]!r} is missing")
            for index in range(file.num_row_groups):
                yield from file.read_row_group(index, columns=list(columns)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: {error}") from error


def _own_phrase(line: str, path: Path, number: int) -> Phrase:
    """Read one line of a file; the kind is one of ours for chrome, and empty for the rest."""
    try:
        fields = line.split("\t")
        if len(fields) != 3:
            raise ValueError(f"3 fields expected, not {len(fields)}")
        label, kind, text = Label(fields[0]), fields[1], fields[2]
        if label is Label.CHROME:
            Kind(kind)
        elif kind:
            raise ValueError(f"{label} has no kind, but this one has {kind!r}")
        if not text.strip() or text != " ".join(text.split()):
            raise ValueError(f"text must not be empty, nor hold white space at its ends or twice: {text!r}")
    except ValueError as error:
        raise DataError(f"{path}:{number}: {error}") from error
    return Phrase(text, label, kind, path.stem, OWN_SOURCE, OWN_LICENCE)
