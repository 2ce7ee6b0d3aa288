"""WCXB (https://github.com/Murrough-Foley/web-content-extraction-benchmark, CC-BY-4.0).

Layout: ``dev/`` and ``test/``, each with ``ground-truth/<number>.json`` and ``html/<number>.html.gz``. The annotation
has ``url``, ``_internal.page_type.primary`` and ``ground_truth`` with ``main_content``, ``with`` and ``without``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.importers.gold import find_page, make_outcome, read_page
from dechrome_training.importers.records import Outcome, Record, get_list, get_object, get_optional, read_json, show

_PARTS: Final = ("dev", "test")


def read_corpus(root: Path) -> Iterator[Outcome]:
    """Read the whole corpus, or one part of it where ``root`` is ``dev`` or ``test``.

    Raises:
        DataError: the layout is another, or names the annotation and the field that is wrong.
    """
    parts = [root / name for name in _PARTS if (root / name / "ground-truth").is_dir()]
    if (root / "ground-truth").is_dir():
        parts = [root]
    if not parts:
        raise DataError(f"{root}: no folder ground-truth, dev/ground-truth or test/ground-truth there")
    for part in parts:
        paths = sorted((part / "ground-truth").glob("*.json"))
        if not paths:
            raise DataError(f"{part / 'ground-truth'}: no annotations there (*.json)")
        for path in paths:
            yield _read_page(part, path)


def read_strings(record: Record, name: str) -> tuple[str, ...]:
    """Return a field that is a list of strings.

    Raises:
        DataError: it is something else.
    """
    items = get_list(record, name)
    for item in items:
        if not isinstance(item, str):
            raise DataError(f"{record.place}: field {name!r}: must be a list of strings, not {show(items)}")
    return tuple(items)


def _read_page(part: Path, path: Path) -> Outcome:
    found = read_json(path)
    if not isinstance(found, dict):
        raise DataError(f"{path}: must be an object, not {show(found)}")
    record = Record(str(path), found)
    truth = get_object(record, "ground_truth")
    html = find_page(part / "html", path.stem)
    if html is None:
        return Outcome(record.place, None, (f"its page html/{path.stem}.html.gz is missing",))
    page = AnnotatedPage(
        id=f"wcxb/{part.resolve().name}/{path.stem}",
        source="wcxb",
        html=read_page(html),
        url=get_optional(record, "url"),
        page_type=get_optional(get_object(get_object(record, "_internal"), "page_type"), "primary"),
        gold=get_optional(truth, "main_content") or None,
        must_have=read_strings(truth, "with"),
        must_not=read_strings(truth, "without"),
    )
    return make_outcome(record.place, page)
