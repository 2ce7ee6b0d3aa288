"""What becomes of a page: its form, the name of its file, and writing it."""

from __future__ import annotations

import contextlib
import html
import io
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, TextIO

from dechrome.cli.inputs import PAGE_SUFFIXES, Input, find_files_and_roots, is_many
from dechrome.errors import InputError
from dechrome.pages import Page

STDOUT: Final = "-"


class Format(StrEnum):
    """What a page is written as."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSONL = "jsonl"


SUFFIXES: Final = {Format.TEXT: ".txt", Format.MARKDOWN: ".md", Format.HTML: ".html", Format.JSONL: ".jsonl"}
_FORMATS: Final = {suffix: form for form, suffix in SUFFIXES.items()} | {
    ".htm": Format.HTML,
    ".json": Format.JSONL,
    ".markdown": Format.MARKDOWN,
    ".ndjson": Format.JSONL,
}
_HEADERS: Final = {Format.TEXT: "==> {} <==\n", Format.MARKDOWN: "<!-- {} -->\n\n", Format.HTML: "<!-- {} -->\n"}

Write = Callable[[Input, str], None]


def format_of(out: str) -> Format:
    """Return the format that the name of an output file asks for, text where it says nothing."""
    return _FORMATS.get(Path(out).suffix.lower(), Format.TEXT)


def write_page(page: Page, name: str, form: Format, *, images: bool) -> str:
    """Return a page in one of the formats, with a line end."""
    if form is Format.JSONL:
        record: dict[str, object] = {"id": name, "title": page.title, "text": page.to_text(images=images)}
        return _json_line(record | {"quality": round(page.quality, 4), "problems": list(page.problems)})
    if form is Format.HTML:
        head = f'<meta charset="utf-8"><title>{html.escape(page.title or name)}</title>'
        body = page.to_html(images=images)
        return f"<!DOCTYPE html>\n<html>\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
    text = page.to_markdown(images=images) if form is Format.MARKDOWN else page.to_text(images=images)
    return f"{text}\n" if text else ""


def write_labels(page: Page, name: str) -> str:
    """Return a page with all its blocks and their labels, as one line of JSON."""
    return _json_line({"id": name} | page.to_dict())


def is_folder(out: str) -> bool:
    """Tell whether ``out`` names a folder: it is one, ends in a slash, or has none of the suffixes of pages."""
    path = Path(out)
    return out != STDOUT and (path.is_dir() or out.endswith(("/", os.sep)) or path.suffix.lower() not in _FORMATS)


@contextlib.contextmanager
def open_output(out: str, form: Format, arguments: Sequence[str]) -> Iterator[Write]:
    """Open the output and yield the function that writes one page to it.

    A folder gets a file for each page, but JSON lines go into one file there. Raises ``InputError`` where ``out``
    is among the pages to be read, or could be.
    """
    path = Path(out)
    if out == STDOUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        yield _stream_writer(sys.stdout, form, arguments)
    elif is_folder(out) and form is not Format.JSONL:
        yield _folder_writer(path, form, arguments)
    else:
        path = path / "pages.jsonl" if is_folder(out) else path
        files, roots = find_files_and_roots(arguments)
        if path.exists() and _is_input(path, files, roots):
            raise InputError(f"--out {out} would write over the input {path}: choose another place")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
            yield _stream_writer(stream, form, arguments)


def _stream_writer(stream: TextIO, form: Format, arguments: Sequence[str]) -> Write:
    header = _HEADERS.get(form, "") if is_many(arguments) else ""

    def write(page: Input, text: str) -> None:
        stream.write(f"{header.format(page.name.replace('--', '- -'))}{text}\n" if header else text)
        stream.flush()

    return write


def _folder_writer(folder: Path, form: Format, arguments: Sequence[str]) -> Write:
    files, roots = find_files_and_roots(arguments)
    if folder.resolve() in roots:
        raise InputError(f"--out {folder} is the folder of the input: choose another one")
    # a folder inside the one that is read is left out when that is searched
    roots = [root for root in roots if root not in folder.resolve().parents]
    taken: set[Path] = set()

    def is_free(path: Path) -> bool:
        return path not in taken and not (path.exists() and _is_input(path, files, roots))

    def write(page: Input, text: str) -> None:
        path = next(filter(is_free, _names(folder / page.target, SUFFIXES[form])))
        taken.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace", newline="\n")

    return write


def _is_input(path: Path, files: frozenset[Path], roots: Sequence[Path]) -> bool:
    resolved = path.resolve()
    return resolved in files or any(root in resolved.parents for root in roots)


def _names(path: Path, suffix: str) -> Iterator[Path]:
    """Yield names for a page's file, the best first: page.txt, page.html.txt, page.html-2.txt …"""
    yield path.with_suffix(suffix) if path.suffix.lower() in PAGE_SUFFIXES else path.with_name(path.name + suffix)
    yield path.with_name(path.name + suffix)
    for number in itertools.count(2):
        yield path.with_name(f"{path.name}-{number}{suffix}")


def _json_line(record: dict[str, object]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
