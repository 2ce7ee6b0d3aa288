"""CleanEval (Baroni et al., LREC 2008, https://sigwac.org.uk/cleaneval/) and sets in its layout (CleanPortalEval).

Layout: a folder of pages, ``<number>.html``, each inside a ``<text id=...>`` element, and one of cleaned text,
``<number>.txt`` or ``<number>-cleaned.txt``: a line "URL: ...", then paragraphs that begin with ``<p>``, ``<h>`` or
``<l>`` (paragraph, heading, item of a list).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dechrome_training.corpus import AnnotatedPage
from dechrome_training.importers.gold import find_folder, make_outcome, pair_files, read_page
from dechrome_training.importers.records import Outcome, read_string

_PAGES: Final = ("finalrun-input", "en_original", "original", "orig", "input")
_GOLD: Final = ("GoldStandard", "en_cleaned", "cleaned", "clean")
_GOLD_END: Final = re.compile(r"(?:-cleaned)?\.txt\Z")
_WRAPPER: Final = re.compile(r"\A\s*<text\b[^>]*>|</text>\s*\Z")
_URL: Final = re.compile(r"\A\s*URL:[ \t]*(\S*)[^\n]*\n?")
_MARK: Final = re.compile(r"</?[hlp]>", re.IGNORECASE)


def read_corpus(root: Path) -> Iterator[Outcome]:
    """Read the corpus; ``root`` holds both folders.

    Raises:
        DataError: the layout is another, or a file cannot be read.
    """
    pairs = pair_files(find_folder(root, *_PAGES), find_folder(root, *_GOLD), _GOLD_END)
    for name, (page, gold) in pairs.items():
        if page is None or gold is None:
            missing = "page" if page is None else "cleaned text"
            yield Outcome(str(page or gold), None, (f"its {missing} is missing",))
            continue
        url, text = read_gold(read_string(gold))
        source = _WRAPPER.sub("", read_page(page))
        yield make_outcome(str(page), AnnotatedPage(f"cleaneval/{name}", "cleaneval", source, url=url, gold=text))


def read_gold(text: str) -> tuple[str | None, str]:
    r"""Return address and paragraphs of a cleaned text.

    >>> read_gold("URL: http://fox.example/\n\n<h>Foxes\n<p>A fox\nran &amp; hid.")
    ('http://fox.example/', 'Foxes\n\nA fox ran & hid.')
    """
    text = text.replace("\r\n", "\n")
    url = _URL.match(text)
    body = _WRAPPER.sub("", text[url.end() :] if url else text)
    paragraphs = (" ".join(html.unescape(part).split()) for part in re.split(r"\n\s*\n", _MARK.sub("\n\n", body)))
    return (url[1] or None) if url else None, "\n\n".join(filter(None, paragraphs))
