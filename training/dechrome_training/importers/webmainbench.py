"""WebMainBench (Liu et al., arXiv 2511.23119, https://huggingface.co/datasets/opendatalab/WebMainBench, Apache-2.0).

JSON Lines with ``track_id``, ``url``, ``html`` (annotated elements have cc-select="true"; loose text was wrapped in
``marked-text`` and ``marked-tail``), ``main_html``, ``convert_main_content``, ``groundtruth_content`` and ``meta`` with
``language`` and ``style``. The gold text is that of ``main_html``, else of the marked elements, else of the Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bs4 import BeautifulSoup, Tag

from dechrome.encoding import scrub
from dechrome.html_blocks import split_html
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.importers.gold import make_outcome
from dechrome_training.importers.marked import marked_text
from dechrome_training.importers.records import Outcome, Record, get_object, get_optional, get_string, read_records

_TYPES: Final[Mapping[str, str]] = {"article": "article", "content listing": "listing", "content_listing": "listing"}
_MARKS: Final = re.compile(r'\s+cc-select\s*=\s*(?:"[^"]*"|\'[^\']*\'|[^\s>]+)|</?marked-(?:text|tail)\b[^>]*>')
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARK: Final = "true"


def read_corpus(path: Path) -> Iterator[Outcome]:
    """Read the corpus, one JSON Lines file.

    Raises:
        DataError: names the file, the line and the field that is wrong.
    """
    for record in read_records(path):
        html = scrub(get_string(record, "html"))[0]
        meta = get_object(record, "meta")
        page = AnnotatedPage(
            id=f"webmainbench/{get_string(record, 'track_id' if 'track_id' in record.fields else 'id')}",
            source="webmainbench",
            html=_MARKS.sub("", html),
            url=get_optional(record, "url"),
            language=get_optional(meta, "language"),
            page_type=_TYPES.get((get_optional(meta, "style") or "").lower()),
            gold=_read_gold(record, html) or None,
        )
        yield make_outcome(record.place, page)


def _read_gold(record: Record, html: str) -> str:
    if main := get_optional(record, "main_html"):
        return "\n\n".join(block.text for block in split_html(_MARKS.sub("", scrub(main)[0])).blocks)
    if "cc-select" in html:
        soup = BeautifulSoup(html, "html.parser")
        return marked_text(soup, _mark_of, frozenset((_MARK,)))
    markdown = get_optional(record, "groundtruth_content") or get_optional(record, "convert_main_content") or ""
    return _LINK.sub(r"\1", scrub(markdown)[0])


def _mark_of(tag: Tag) -> str | None:
    mark = tag.get("cc-select")
    return None if mark is None else str(mark)
