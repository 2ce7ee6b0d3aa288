"""Other extractors, one function each, with the settings that their documentation recommends or their default ones.

Every function decodes the page itself, so that decoding counts for all. Pages are handed over as UTF-8 bytes of the
text that the corpus gives; tools that take only str decode these, and no tool is misled by a page that declares
another encoding than it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Final, NamedTuple

from dechrome_training.evaluation import line_rules

EVERYTHING: Final = "everything"


class PeerInput(NamedTuple):
    """A page as extractors get it: HTML bytes, or the text of all its visible lines."""

    html: bytes = b""
    lines: str = ""
    language: str | None = None
    url: str | None = None


class Peer(NamedTuple):
    """An extractor: from a page to the text it would keep. ``module`` must be installed ("": comes with dechrome)."""

    extract: Callable[[PeerInput], str]
    module: str = ""


def everything(page: PeerInput) -> str:
    """Return all visible text, cut by dechrome and not filtered: the least that an extractor must beat."""
    from dechrome.encoding import decode_html
    from dechrome.html_blocks import split_html

    return "\n".join(block.text for block in split_html(decode_html(page.html)[0]).blocks)


def trafilatura(page: PeerInput) -> str:
    """Run trafilatura with its default settings (Barbaresi, ACL 2021 demo)."""
    import trafilatura as package

    return package.extract(page.html) or ""


def trafilatura_fast(page: PeerInput) -> str:
    """Run trafilatura without its fallback extractors."""
    import trafilatura as package

    return package.extract(page.html, fast=True) or ""


def trafilatura_recall(page: PeerInput) -> str:
    """Run trafilatura with the preset that prefers more text."""
    import trafilatura as package

    return package.extract(page.html, favor_recall=True) or ""


def rs_trafilatura(page: PeerInput) -> str:
    """Run rs-trafilatura, a port to Rust that knows page types (Foley 2026, the author of WCXB)."""
    import rs_trafilatura as package  # type: ignore[import-not-found, unused-ignore]

    return package.extract(_decode(page), url=page.url).main_content or ""


def resiliparse(page: PeerInput) -> str:
    """Run resiliparse's main content extraction (Bevendorff et al., ECIR 2018)."""
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(_decode(page), main_content=True))


def justext(page: PeerInput) -> str:
    """Run jusText (Pomikálek 2011) with the stop words of the page's language, or of all where it has none."""
    import justext as package

    paragraphs = package.justext(page.html, line_rules.stop_words(page.language), encoding="utf-8")
    return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)


def readability(page: PeerInput) -> str:
    """Run readability-lxml and take the text of the HTML that it returns."""
    import lxml.html
    from readability import Document

    summary = lxml.html.fromstring(Document(_decode(page)).summary())
    for element in summary.iter(*_SEPARATE):
        element.tail = f"\n{element.tail or ''}"
    return str(summary.text_content())


def all_lines(page: PeerInput) -> str:
    """Return all lines, unfiltered."""
    return page.lines


def c4_lines(page: PeerInput) -> str:
    """Filter lines by the line rules of C4."""
    return line_rules.filter_c4(page.lines, drop_pages=False)


def c4(page: PeerInput) -> str:
    """Filter lines and drop pages by the rules of C4."""
    return line_rules.filter_c4(page.lines, drop_pages=True)


def justext_lines(page: PeerInput) -> str:
    """Classify lines as jusText does paragraphs without links."""
    return line_rules.filter_justext(page.lines, page.language)


HTML_PEERS: Final[Mapping[str, Peer]] = {
    "trafilatura": Peer(trafilatura, "trafilatura"),
    "trafilatura-fast": Peer(trafilatura_fast, "trafilatura"),
    "trafilatura-recall": Peer(trafilatura_recall, "trafilatura"),
    "rs-trafilatura": Peer(rs_trafilatura, "rs_trafilatura"),
    "resiliparse": Peer(resiliparse, "resiliparse"),
    "justext": Peer(justext, "justext"),
    "readability": Peer(readability, "readability"),
    EVERYTHING: Peer(everything),
}
LINE_PEERS: Final[Mapping[str, Peer]] = {
    "c4-lines": Peer(c4_lines),
    "c4": Peer(c4),
    "justext-lines": Peer(justext_lines, "justext"),
    EVERYTHING: Peer(all_lines),
}
_SEPARATE: Final = (
    "address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "h1", "h2", "h3", "h4",
    "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
)  # fmt: skip


def peers_of(view: str) -> Mapping[str, Peer]:
    """Return the extractors for HTML pages (html) or for lines of text (lines)."""
    return HTML_PEERS if view == "html" else LINE_PEERS


@lru_cache
def is_installed(module: str) -> bool:
    """Whether a module that a peer needs is here."""
    return not module or find_spec(module) is not None


def _decode(page: PeerInput) -> str:
    return page.html.decode("utf-8", "replace")
