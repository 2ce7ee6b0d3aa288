"""Which pages the arguments of a command name, and reading them."""

from __future__ import annotations

import errno
import glob
import os
import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dechrome.batch.addresses import expand, is_pipe, is_remote
from dechrome.batch.formats import format_of
from dechrome.batch.outputs import STATES
from dechrome.batch.page_files import PAGE_SUFFIXES, as_source, page_suffix, read_page
from dechrome.batch.records import PageType
from dechrome.errors import InputError
from dechrome.labelling import Source

STDIN: Final = "-"
_CORPORA: Final = (".jsonl", ".parquet", ".warc", ".wet", ".gz and .zst of these")
_MAGIC: Final = re.compile(r"[*?\[]")


class Input(NamedTuple):
    """A file to read, of one page or of many records.

    ``name`` is its path or address; ``path`` is None for standard input and remote addresses. ``target`` is its place
    below an output folder.
    """

    name: str
    path: Path | None
    target: Path


def find_inputs(
    arguments: Sequence[str],
    skipped: Path | None = None,
    on_error: Callable[[OSError], object] | None = None,
    *,
    corpora: bool = False,
) -> Iterator[Input]:
    """Yield the files that files, folders, glob patterns, addresses and ``-`` name, folders in the order of names.

    Folders are searched for the suffixes in ``PAGE_SUFFIXES`` (and those of ``corpora``, if asked for), hidden files
    and ``skipped`` left out; a file that is named is always taken. ``on_error`` is called for each folder that cannot
    be read.
    """
    folders = [argument for argument in arguments if os.path.isdir(argument)]
    for argument in arguments:
        if argument == STDIN:
            yield Input("stdin", None, Path("stdin"))
        elif is_remote(argument):
            yield from _find_remote(argument, corpora)
        elif os.path.isdir(argument):
            root = Path(argument)
            prefix = Path(root.resolve().name) if len(folders) > 1 else Path()
            for path in _walk(root, skipped, on_error, corpora):
                yield Input(path.as_posix(), path, prefix / path.relative_to(root))
        elif os.path.lexists(argument):
            yield Input(Path(argument).as_posix(), Path(argument), Path(Path(argument).name))
        else:
            base = _fixed_part(argument)
            inside = skipped is not None and base.resolve() in skipped.parents
            for path in _expand(argument):
                if not inside or skipped not in path.resolve().parents:
                    yield Input(path.as_posix(), path, path.relative_to(base))


def check_arguments(arguments: Sequence[str], *, corpora: bool = False) -> None:
    """Raise ``InputError`` for an argument that names nothing, and where there is no file at all."""
    for argument in arguments:
        if argument != STDIN and not is_remote(argument) and not os.path.lexists(argument):
            if not _MAGIC.search(argument):
                raise InputError(f"{argument}: no such file or folder")
            if not _expand(argument):
                raise InputError(f"{argument}: no file matches this pattern")
    if next(find_inputs(arguments, corpora=corpora), None) is None:
        suffixes = ", ".join([*sorted(PAGE_SUFFIXES), *(_CORPORA if corpora else ())])
        raise InputError(f"{' '.join(arguments)}: no pages here (a folder is searched for {suffixes})")


def find_files_and_roots(arguments: Sequence[str]) -> tuple[frozenset[Path], list[Path]]:
    """Return the files that arguments name themselves, and the folders that are searched, resolved."""
    files: set[Path] = set()
    roots: list[Path] = []
    for argument in arguments:
        if os.path.isdir(argument):
            roots.append(Path(argument).resolve())
        elif argument != STDIN and not is_remote(argument):
            named = [Path(argument)] if os.path.lexists(argument) else _expand(argument)
            files.update(path.resolve() for path in named)
    return frozenset(files), roots


def is_many(arguments: Sequence[str]) -> bool:
    """Tell whether the arguments may name more than one page."""
    first = arguments[0]
    return len(arguments) > 1 or not (first == STDIN or os.path.isfile(first))


def refuse_corpora(arguments: Sequence[str]) -> None:
    """Raise ``InputError`` for a file that is no page."""
    for argument in arguments:
        if is_corpus(argument) and not os.path.isdir(argument):
            raise InputError(f"{argument} holds many records: dechrome clean --labels writes their labels")


def is_corpus(name: str) -> bool:
    """Tell whether a file's name says that it holds many records."""
    return format_of(name) is not None


def read_source(page: Input, page_type: PageType) -> Source:
    """Read one page; raise ``OSError`` where that fails."""
    if page.path is None and not is_remote(page.name):
        return as_source(sys.stdin.buffer.read(), "", page_type)
    return as_source(read_page(page.name), page.name, page_type)


def _walk(
    root: Path, skipped: Path | None, on_error: Callable[[OSError], object] | None, corpora: bool
) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, onerror=on_error):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not name.endswith(STATES)
            and (skipped is None or Path(folder, name).resolve() != skipped)
        )
        for name in sorted(files):
            if not name.startswith(".") and (page_suffix(name) in PAGE_SUFFIXES or (corpora and is_corpus(name))):
                path = Path(folder, name)
                if not is_pipe(str(path)):
                    yield path
                elif on_error:
                    on_error(OSError(errno.EINVAL, "a pipe or device in a folder is not read", str(path)))


def _find_remote(address: str, corpora: bool) -> Iterator[Input]:
    """Yield what an address names: a file, a folder or a pattern."""

    def is_wanted(name: str) -> bool:
        return page_suffix(name) in PAGE_SUFFIXES or (corpora and is_corpus(name))

    found = expand(address, is_wanted)
    root = address.partition("::")[0]
    if magic := _MAGIC.search(root):
        root = posixpath.dirname(root[: magic.start()])
    root = root.rstrip("/") + "/"
    for name in found:
        path = name.partition("::")[0]  # what it is chained to has no part in its place
        if len(found) == 1 or is_wanted(path):
            yield Input(
                name, None, Path(path.removeprefix(root) if path.startswith(root) else posixpath.basename(path))
            )


def _expand(pattern: str) -> list[Path]:
    return [Path(match) for match in sorted(glob.iglob(pattern, recursive=True)) if os.path.isfile(match)]


def _fixed_part(pattern: str) -> Path:
    """Return the folder in front of the first step of a pattern that is not fixed."""
    steps: list[str] = []
    for step in Path(pattern).parts[:-1]:
        if _MAGIC.search(step):
            break
        steps.append(step)
    return Path(*steps)
