"""Scrapinghub's article-extraction-benchmark (https://github.com/scrapinghub/article-extraction-benchmark, MIT).

Layout: ``ground-truth.json``, an object by page name with ``articleBody`` and ``url``, and ``html/<name>.html.gz``.
The predecessor of WCXB has the same layout, and ``with`` and ``without`` beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.importers.gold import find_page, make_outcome, read_page
from dechrome_training.importers.records import Outcome, Record, get_optional, read_json, show
from dechrome_training.importers.wcxb import read_strings

NAME = "article-extraction-benchmark"


def read_corpus(root: Path) -> Iterator[Outcome]:
    """Read the corpus; ``root`` is its folder, or its ``ground-truth.json``.

    Raises:
        DataError: the layout is another, or names the page and the field that is wrong.
    """
    path = root if root.is_file() else root / "ground-truth.json"
    truth = read_json(path)
    if not isinstance(truth, dict):
        raise DataError(f"{path}: must be an object by page name, not {show(truth)}")
    for name, fields in truth.items():
        if not isinstance(fields, dict):
            raise DataError(f"{path}: field {name!r}: must be an object, not {show(fields)}")
        yield _read_page(path.parent, name, Record(f"{path}: page {name!r}", fields))


def _read_page(folder: Path, name: str, record: Record) -> Outcome:
    html = find_page(folder / "html", name)
    if html is None:
        return Outcome(record.place, None, (f"its page html/{name}.html.gz is missing",))
    page = AnnotatedPage(
        id=f"{NAME}/{name}",
        source=NAME,
        html=read_page(html),
        url=get_optional(record, "url"),
        page_type="article",
        gold=get_optional(record, "articleBody") or None,
        must_have=read_strings(record, "with"),
        must_not=read_strings(record, "without"),
    )
    return make_outcome(record.place, page)
