"""Files of one page each, as an input of a job: chunks of them, and the pages in a chunk."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from dechrome.batch.addresses import open_input
from dechrome.batch.records import Broken, Chunk, Input, PageFile, PageType, Record
from dechrome.errors import InputError
from dechrome.labelling import Source

HTML_SUFFIXES: Final = frozenset((".html", ".htm", ".xhtml"))
TEXT_SUFFIXES: Final = frozenset((".txt", ".md"))
PAGE_SUFFIXES: Final = HTML_SUFFIXES | TEXT_SUFFIXES
CHUNK_FILES: Final = 32
MAX_BYTES: Final = 256 << 20  # of one page

_SNIFFED: Final = 4096  # bytes at the start that decide between HTML and text
# What a document begins with, by the WHATWG's MIME sniffing standard (7.1), and what a piece of one may: that table is
# older than the elements that part a page.
_DOCUMENT: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|iframe|h1|div|font|table|a"
    rb"|style|title|b|br|p|nav|header|main|article|section|aside|footer|ul|ol)(?=[\s>])",
    re.S,
)
_TAG: Final = re.compile(rb"</?(?:a|br|div|h[1-6]|img|li|link|meta|p|script|section|span|table|td|title|ul)(?=[\s/>])")


def split_pages(source: Input, pages: Iterable[PageFile], start: int) -> Iterator[Chunk]:
    """Cut page files into chunks of ``CHUNK_FILES``, from number ``start`` on."""
    rest = islice(pages, start, None)
    while files := tuple(islice(rest, CHUNK_FILES)):
        yield Chunk(source, start, start + len(files), pages=files, share=len(files) / max(source.count, 1))
        start += len(files)


def read_pages(chunk: Chunk, page_type: PageType) -> Iterator[Record | Broken]:
    """Read the page files of a chunk."""
    for page in chunk.pages:
        try:
            data = read_page(page.address)
        except (OSError, EOFError, zlib.error, InputError) as error:
            reason = str(error).removeprefix(f"{page.address}: ")
            yield Broken(page.address, 0, getattr(error, "strerror", None) or reason, page.address)
            continue
        if len(data) > MAX_BYTES:
            yield Broken(page.address, 0, f"larger than {MAX_BYTES >> 20} MB", page.address)
            continue
        found = as_source(data, page.address, page_type)
        yield Record(page.address, 0, {"id": page.address}, found.html, found.text, id=page.address)


def read_page(address: str) -> bytes:
    """Return the bytes of a page file, unpacked if its name ends in .gz; at most one more than ``MAX_BYTES``."""
    with open_input(address) as stream:
        if address.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return unpacked.read(MAX_BYTES + 1)
        return stream.read(MAX_BYTES + 1)


def as_source(data: bytes, name: str, page_type: PageType) -> Source:
    """Take bytes for HTML or text: as told, else by the suffix of their name, else by their start."""
    suffix = page_suffix(name)
    if page_type is PageType.AUTO:
        is_html = suffix in HTML_SUFFIXES or (suffix not in TEXT_SUFFIXES and looks_like_html(data))
    else:
        is_html = page_type is PageType.HTML
    return Source(html=data) if is_html else Source(text=data)


def page_suffix(name: str) -> str:
    """Return the suffix that says what a page file holds, in lower case.

    >>> page_suffix("crawl/A.HTML.gz"), page_suffix("b.txt"), page_suffix("c")
    ('.html', '.txt', '')
    """
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix == ".gz" else path.suffix


def looks_like_html(data: bytes) -> bool:
    """Tell HTML from text by its start: how a document or a piece of one begins, or three tags.

    >>> [looks_like_html(data) for data in (b"<!DOCTYPE html>", b"<p>a</p><br>", b"a < b, <b> is bold", b"")]
    [True, True, False, False]
    """
    start = data[:_SNIFFED].replace(b"\0", b"").lower()  # UTF-16 reads as ASCII without its zeros
    start = start.lstrip(b"\xef\xbb\xbf\xff\xfe")
    return bool(_DOCUMENT.match(start)) or len(_TAG.findall(start)) >= 3
