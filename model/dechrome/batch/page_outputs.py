"""What a page is written as, where it gets a file of its own."""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from dechrome.batch.page_files import PAGE_SUFFIXES, page_suffix
from dechrome.pages import Page


class PageFormat(StrEnum):
    """What a page is written as."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSONL = "jsonl"


SUFFIXES: Final = {
    PageFormat.TEXT: ".txt",
    PageFormat.MARKDOWN: ".md",
    PageFormat.HTML: ".html",
    PageFormat.JSONL: ".jsonl",
}


def write_page(page: Page, name: str, form: PageFormat, images: bool = False) -> str:
    """Return a page in one of the formats, with a line end."""
    if form is PageFormat.JSONL:
        record: dict[str, object] = {"id": name, "title": page.title, "text": page.to_text(images=images)}
        return to_json_line(record | {"quality": round(page.quality, 4), "problems": list(page.problems)})
    if form is PageFormat.HTML:
        head = f'<meta charset="utf-8"><title>{html.escape(page.title or name)}</title>'
        body = page.to_html(images=images)
        return f"<!DOCTYPE html>\n<html>\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
    text = page.to_markdown(images=images) if form is PageFormat.MARKDOWN else page.to_text(images=images)
    return f"{text}\n" if text else ""


def write_labels(page: Page, name: str) -> str:
    """Return a page with all its blocks and their labels, as one line of JSON."""
    return to_json_line({"id": name} | page.to_dict())


def to_json_line(record: dict[str, object]) -> str:
    """Return a record as one line of JSON."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def name_outputs(target: str, form: PageFormat) -> Iterator[str]:
    """Yield names for the file of the page that came as ``target``, the best first.

    >>> list(itertools.islice(name_outputs("news/page.html", PageFormat.TEXT), 3))
    ['news/page.txt', 'news/page.html.txt', 'news/page.html-2.txt']
    """
    path = PurePosixPath(target)
    suffix = SUFFIXES[form]
    if page_suffix(target) in PAGE_SUFFIXES:
        bare = path.with_suffix("") if path.suffix.lower() == ".gz" else path
        yield str(bare.with_suffix(suffix))
    else:
        yield str(path.with_name(path.name + suffix))
    yield str(path.with_name(path.name + suffix))
    for number in itertools.count(2):
        yield str(path.with_name(f"{path.name}-{number}{suffix}"))
