"""What is to be labelled: files, folders, globs and label files -> pages with their ids."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dechrome.batch.addresses import is_remote
from dechrome.batch.page_files import as_source
from dechrome.batch.page_files import read_page as read_bytes
from dechrome.batch.records import PageType
from dechrome.cli.inputs import STDIN, Input, check_arguments, find_inputs, is_corpus
from dechrome.encoding import decode_html, decode_text
from dechrome.errors import InputError
from dechrome_training.corpus import AnnotatedPage, PageFile
from dechrome_training.label_files import read_labels
from dechrome_training.label_rows import SOURCE, digest

LABEL_SUFFIXES: Final = frozenset((".jsonl", ".ndjson"))


@dataclass(frozen=True, slots=True)
class PageSource:
    """A page to label. ``path`` is the file to read; without one, ``row`` holds the page.

    ``row`` is what a label file says of the page, and None for a page that came as a file.
    """

    id: str
    path: Path | None = None
    page_type: PageType = PageType.AUTO
    row: AnnotatedPage | None = None


def find_sources(
    arguments: Sequence[str], page_type: PageType, out: Path, known: Mapping[Path, str]
) -> list[PageSource]:
    """Return the pages that the arguments name, each once.

    A file's id is its path from the folder of ``out``, or what ``known`` has for it: ids of label file ``out``.

    Raises:
        InputError: an argument names nothing, or standard input.
        DataError: a label file is malformed.
    """
    for name in arguments:
        if name == STDIN or is_remote(name):
            raise InputError(f"{name}: pages to label must be files of this machine, so that they are there next time")
        if is_corpus(name) and not _is_label_file(name) and not Path(name).is_dir():
            raise InputError(f"{name}: pages to label must be files of one page each, or label files (.jsonl)")
    label_files = [Path(name) for name in arguments if _is_label_file(name)]
    others = [name for name in arguments if not _is_label_file(name)]
    if others:
        check_arguments(others)
    sources: dict[str, PageSource] = {}
    paths: set[Path] = set()
    for label_file in label_files:
        for row in read_labels(label_file, unfinished=True):
            sources[row.id] = _from_row(row, is_own=_same_file(label_file, out))
            if row.file:
                paths.add(row.file.path.resolve())
    for page in find_inputs(others):
        source = _from_file(page, page_type, out, known)
        if source.path and source.path.resolve() not in paths:
            paths.add(source.path.resolve())
            sources.setdefault(source.id, source)
    return list(sources.values())


def read_page(source: PageSource) -> AnnotatedPage:
    """Return the page as a label file would hold it, without labels.

    Raises:
        OSError: the file cannot be read.
    """
    row = source.row or AnnotatedPage(source.id, SOURCE)
    if source.path is None:
        return replace(row, gold=None, blocks=(), done=False)
    data = _read_file(source.path)
    is_html = as_source(data, source.path.name, source.page_type).html is not None
    html = decode_html(data)[0] if is_html else None
    text = None if is_html else decode_text(data)[0]
    # a label file names no packed files, so that such a page stands in it
    file = None if source.path.suffix.lower() == ".gz" else PageFile(source.path, digest(data))
    return replace(row, html=html, text=text, file=file, gold=None, blocks=(), done=False)


def _read_file(path: Path) -> bytes:
    try:
        return read_bytes(str(path))
    except (EOFError, zlib.error, InputError) as error:
        raise OSError(str(error).removeprefix(f"{path}: ")) from error


def _is_label_file(name: str) -> bool:
    return Path(name).suffix.lower() in LABEL_SUFFIXES


def _same_file(left: Path, right: Path) -> bool:
    return left.resolve() == right.resolve()


def _from_row(row: AnnotatedPage, *, is_own: bool) -> PageSource:
    """Return the page of a row; labels that stand in our own file come from there, with their history."""
    if is_own:
        row = replace(row, gold=None, blocks=(), done=False)
    if row.file is None:
        return PageSource(row.id, row=row)
    page_type = PageType.HTML if row.html is not None else PageType.TEXT
    return PageSource(row.id, row.file.path, page_type, replace(row, html=None, text=None))


def _from_file(page: Input, page_type: PageType, out: Path, known: Mapping[Path, str]) -> PageSource:
    assert page.path is not None
    path = page.path.resolve()
    name = known.get(path) or Path(os.path.relpath(path, out.parent.resolve())).as_posix()
    return PageSource(name, page.path, page_type)
