"""L3S-GN1 (Kohlschuetter, Fankhauser and Nejdl, WSDM 2010, https://www.l3s.de/~kohlschuetter/boilerplate/).

Layout: ``original/<uuid>.html``, ``annotated/<uuid>.html`` and ``url-mapping.txt``, lines ``<urn:uuid:...> address``.
In the annotated page, text is inside spans of a class: x-nc-sel1 headline, x-nc-sel2 full text, x-nc-sel3 supplemental
(captions), x-nc-sel4 related content, x-nc-sel5 user comments, x-nc-sel0 and no class at all for the rest. The first
three are the gold text; comments are kept apart, as ``comments``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bs4 import BeautifulSoup, Tag

from dechrome_training.corpus import AnnotatedPage
from dechrome_training.importers.gold import find_folder, make_outcome, pair_files, read_page
from dechrome_training.importers.marked import marked_text
from dechrome_training.importers.records import Outcome, read_string

_CONTENT: Final = frozenset(("x-nc-sel1", "x-nc-sel2", "x-nc-sel3"))
_COMMENTS: Final = frozenset(("x-nc-sel5",))
_CLASSES: Final = frozenset(f"x-nc-sel{number}" for number in range(6))
_GOLD_END: Final = re.compile(r"\.html?\Z")
_MAPPING: Final = re.compile(r"<urn:uuid:([^>\s]+)>\s+(\S+)")


def read_corpus(root: Path) -> Iterator[Outcome]:
    """Read the corpus; ``root`` holds the folders original and annotated.

    Raises:
        DataError: the layout is another, or a file cannot be read.
    """
    mapping = root / "url-mapping.txt"
    urls = dict(_MAPPING.findall(read_string(mapping))) if mapping.is_file() else {}
    pairs = pair_files(find_folder(root, "original"), find_folder(root, "annotated"), _GOLD_END)
    for name, (page, annotated) in pairs.items():
        if page is None or annotated is None:
            missing = "original" if page is None else "annotated page"
            yield Outcome(str(page or annotated), None, (f"its {missing} is missing",))
            continue
        gold, comments = read_annotated(read_page(annotated))
        extras = {"comments": comments} if comments else {}
        found = AnnotatedPage(f"l3s-gn1/{name}", "l3s-gn1", read_page(page), url=urls.get(name),
                              page_type="article", gold=gold or None, extras=extras)  # fmt: skip
        yield make_outcome(str(page), found)


def read_annotated(html: str) -> tuple[str, str]:
    """Return content and user comments of an annotated page; the innermost mark around a text counts."""
    soup = BeautifulSoup(html, "html.parser")

    return marked_text(soup, _mark_of, _CONTENT), marked_text(soup, _mark_of, _COMMENTS)


def _mark_of(tag: Tag) -> str | None:
    classes = tag.get("class") or ()
    names = classes.split() if isinstance(classes, str) else classes
    return next((name for name in names if name in _CLASSES), None)
