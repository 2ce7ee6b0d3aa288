"""Which pages the arguments of a command name, and reading them."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from dechrome.errors import InputError
from dechrome.labelling import Source

STDIN: Final = "-"
HTML_SUFFIXES: Final = frozenset((".html", ".htm", ".xhtml"))
TEXT_SUFFIXES: Final = frozenset((".txt", ".md"))
PAGE_SUFFIXES: Final = HTML_SUFFIXES | TEXT_SUFFIXES

_SNIFFED: Final = 4096  # bytes at the start that decide between HTML and text
_DOCUMENT: Final = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.S)
_TAG: Final = re.compile(rb"</?(?:a|br|div|h[1-6]|img|li|link|meta|p|script|section|span|table|td|title|ul)(?=[\s/>])")
_MAGIC: Final = re.compile(r"[*?\[]")


class PageType(StrEnum):
    """What a file is read as."""

    AUTO = "auto"
    HTML = "html"
    TEXT = "text"


class Input(NamedTuple):
    """A page to read. ``path`` is None for standard input; ``target`` is its place below an output folder."""

    name: str
    path: Path | None
    target: Path


def find_inputs(
    arguments: Sequence[str], skipped: Path | None = None, on_error: Callable[[OSError], object] | None = None
) -> Iterator[Input]:
    """Yield the pages that files, folders, glob patterns and ``-`` name, folders in the order of their names.

    Folders are searched for the suffixes in ``PAGE_SUFFIXES``, hidden files and ``skipped`` left out; a file
    that is named is always taken. ``on_error`` is called for each folder that cannot be read.
    """
    folders = [argument for argument in arguments if os.path.isdir(argument)]
    for argument in arguments:
        if argument == STDIN:
            yield Input("stdin", None, Path("stdin"))
        elif os.path.isdir(argument):
            root = Path(argument)
            prefix = Path(root.resolve().name) if len(folders) > 1 else Path()
            for path in _walk(root, skipped, on_error):
                yield Input(path.as_posix(), path, prefix / path.relative_to(root))
        elif os.path.lexists(argument):
            yield Input(Path(argument).as_posix(), Path(argument), Path(Path(argument).name))
        else:
            base = _fixed_part(argument)
            inside = skipped is not None and base.resolve() in skipped.parents
            for path in _expand(argument):
                if not inside or skipped not in path.resolve().parents:
                    yield Input(path.as_posix(), path, path.relative_to(base))


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise ``InputError`` for an argument that names nothing, and where there is no page at all."""
    for argument in arguments:
        if argument != STDIN and not os.path.lexists(argument):
            if not _MAGIC.search(argument):
                raise InputError(f"{argument}: no such file or folder")
            if not _expand(argument):
                raise InputError(f"{argument}: no file matches this pattern")
    if next(find_inputs(arguments), None) is None:
        suffixes = ", ".join(sorted(PAGE_SUFFIXES))
        raise InputError(f"{' '.join(arguments)}: no pages here (a folder is searched for {suffixes})")


def find_files_and_roots(arguments: Sequence[str]) -> tuple[frozenset[Path], list[Path]]:
    """Return the files that arguments name themselves, and the folders that are searched, resolved."""
    files: set[Path] = set()
    roots: list[Path] = []
    for argument in arguments:
        if os.path.isdir(argument):
            roots.append(Path(argument).resolve())
        elif argument != STDIN:
            named = [Path(argument)] if os.path.lexists(argument) else _expand(argument)
            files.update(path.resolve() for path in named)
    return frozenset(files), roots


def is_many(arguments: Sequence[str]) -> bool:
    """Tell whether the arguments may name more than one page."""
    first = arguments[0]
    return len(arguments) > 1 or not (first == STDIN or os.path.isfile(first))


def read_source(page: Input, page_type: PageType) -> Source:
    """Read one page; raise ``OSError`` where that fails."""
    data = sys.stdin.buffer.read() if page.path is None else page.path.read_bytes()
    suffix = page.path.suffix.lower() if page.path else ""
    if page_type is PageType.AUTO:
        is_html = suffix in HTML_SUFFIXES or (suffix not in TEXT_SUFFIXES and looks_like_html(data))
    else:
        is_html = page_type is PageType.HTML
    return Source(html=data) if is_html else Source(text=data)


def looks_like_html(data: bytes) -> bool:
    """Tell HTML from text by its start: how a document begins, or three tags.

    >>> [looks_like_html(data) for data in (b"<!DOCTYPE html>", b"<p>a</p><br>", b"a < b, <b> is bold", b"")]
    [True, True, False, False]
    """
    start = data[:_SNIFFED].replace(b"\0", b"").lower()  # UTF-16 reads as ASCII without its zeros
    start = start.lstrip(b"\xef\xbb\xbf\xff\xfe")
    return bool(_DOCUMENT.match(start)) or len(_TAG.findall(start)) >= 3


def _walk(root: Path, skipped: Path | None, on_error: Callable[[OSError], object] | None) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, onerror=on_error):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (skipped is None or Path(folder, name).resolve() != skipped)
        )
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PAGE_SUFFIXES:
                yield Path(folder, name)


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
