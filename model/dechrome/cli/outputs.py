"""Where pages go that are not the work of a job: standard output, or one file."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

from dechrome.batch.addresses import is_remote
from dechrome.batch.outputs import STDOUT
from dechrome.batch.page_outputs import SUFFIXES, PageFormat
from dechrome.cli.inputs import Input, find_files_and_roots, is_corpus, is_many
from dechrome.errors import InputError

_FORMATS: Final = {suffix: form for form, suffix in SUFFIXES.items()} | {
    ".htm": PageFormat.HTML,
    ".json": PageFormat.JSONL,
    ".markdown": PageFormat.MARKDOWN,
    ".ndjson": PageFormat.JSONL,
}
_HEADERS: Final = {
    PageFormat.TEXT: "==> {} <==\n",
    PageFormat.MARKDOWN: "<!-- {} -->\n\n",
    PageFormat.HTML: "<!-- {} -->\n",
}

Write = Callable[[Input, str], None]


def page_format_of(out: str) -> PageFormat:
    """Return the format that the name of an output file asks for, text where it says nothing."""
    return _FORMATS.get(Path(out).suffix.lower(), PageFormat.TEXT)


def is_folder(out: str) -> bool:
    """Tell whether ``out`` names a folder: it is one, ends in a slash, or has no suffix of pages or corpora."""
    if out == STDOUT:
        return False
    if out.endswith(("/", os.sep)) or (not is_remote(out) and Path(out).is_dir()):
        return True
    return Path(out).suffix.lower() not in _FORMATS and not is_corpus(out)


def check_output(path: Path, arguments: Sequence[str]) -> None:
    """Raise ``InputError`` where an output file is among those to be read, or could be."""
    files, roots = find_files_and_roots(arguments)
    if path.exists() and is_input(path, files, roots):
        raise InputError(f"--out {path} would write over the input {path}: choose another place")


@contextlib.contextmanager
def open_output(out: str, form: PageFormat, arguments: Sequence[str]) -> Iterator[Write]:
    """Open a file or standard output, and yield the function that writes one page to it.

    Raises:
        InputError: ``out`` is among the pages to be read, or could be.
    """
    if out == STDOUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        yield _stream_writer(sys.stdout, form, arguments)
        return
    path = Path(out)
    check_output(path, arguments)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
        yield _stream_writer(stream, form, arguments)


def is_input(path: Path, files: frozenset[Path], roots: Sequence[Path]) -> bool:
    """Tell whether a path is among ``files``, or below one of ``roots``."""
    resolved = path.resolve()
    return resolved in files or any(root in resolved.parents for root in roots)


def _stream_writer(stream: TextIO, form: PageFormat, arguments: Sequence[str]) -> Write:
    header = _HEADERS.get(form, "") if is_many(arguments) else ""

    def write(page: Input, text: str) -> None:
        stream.write(f"{header.format(page.name.replace('--', '- -'))}{text}\n" if header else text)
        stream.flush()

    return write
