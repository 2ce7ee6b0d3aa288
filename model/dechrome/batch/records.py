"""What flows through a corpus job: inputs, chunks of them, and the records in a chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class InputFormat(StrEnum):
    """How an input is laid out."""

    PAGES = "pages"  # files of one page each, HTML or text
    JSONL = "jsonl"
    PARQUET = "parquet"
    WARC = "warc"  # WET files too: their records say which they are


class PageType(StrEnum):
    """What a file of one page is read as."""

    AUTO = "auto"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a record hold what, and which one gets the clean text.

    A record's ``html`` goes before its ``text``; a field that is missing, null or empty is passed over.
    """

    html: str = "html"
    text: str = "text"
    id: str = "id"
    url: str = "url"
    output: str = "text"


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a job.

    ``address`` is a local path or an fsspec address, ``target`` the place of its output below the output folder.
    ``size`` in bytes and ``stamp`` (time of change, or an ETag) tell whether it is still the same. ``count`` is the
    number of page files that an input of the form PAGES stands for.
    """

    address: str
    form: InputFormat
    target: str
    size: int = 0
    stamp: str = ""
    count: int = 0


class PageFile(NamedTuple):
    """A file of one page: ``address`` to read, ``target`` is the place of its output below the output folder."""

    address: str
    target: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of one input that a worker reads and cleans at a time: a few megabytes.

    ``start`` and ``stop`` are positions in the input, and the next chunk starts at ``stop``. What a position is, the
    reader decides: a byte of the (unpacked) file, a row, a page file's number. ``data`` is the chunk's bytes, where
    only the process that split the input could get at them; else the worker reads for itself. ``share`` is the part
    of the input that the chunk makes up, 0 to 1. ``damage`` says why the input cannot be read there, or not beyond
    ``data``.
    """

    source: Input
    start: int
    stop: int
    data: bytes | None = None
    pages: tuple[PageFile, ...] = ()
    share: float = 0.0
    damage: str = ""


class Record(NamedTuple):
    """One record of a corpus: a page with what else was known of it.

    ``source`` and ``offset`` say where it stands: the address of its file and, in it, a byte (JSON lines: of the
    unpacked file; WARC: of the file as it is) or a row (Parquet). ``fields`` is the record itself, without its page
    where that came in no field (WARC, files of pages); one of ``html`` and ``text`` is its page. ``charset`` is what
    the transport said of bytes.
    """

    source: str
    offset: int
    fields: Mapping[str, Any]
    html: bytes | str | None = None
    text: bytes | str | None = None
    url: str | None = None
    charset: str | None = None
    id: str | None = None


class Broken(NamedTuple):
    """What stands at ``offset`` of ``source`` cannot be read as a record; ``reason`` says why. It is quarantined."""

    source: str
    offset: int
    reason: str
    id: str | None = None


class Passed(NamedTuple):
    """A record that holds no page by its nature (a WARC request, a picture): counted by ``reason``, not written."""

    source: str
    offset: int
    reason: str


def make_record(source: str, offset: int, row: Mapping[str, Any], fields: Fields) -> Record | Broken:
    """Find the page in a row of JSON or Parquet.

    >>> make_record("a.jsonl", 0, {"id": 7, "html": "<p>Hi"}, Fields()).html
    '<p>Hi'
    >>> make_record("a.jsonl", 90, {"id": 8, "body": "Hi"}, Fields())
    Broken(source='a.jsonl', offset=90, reason="no page: neither field 'html' nor field 'text' is there", id='8')
    """
    name = row.get(fields.id)
    identity = None if name is None else str(name)
    url = row.get(fields.url)
    address = url if isinstance(url, str) else None
    html, text = row.get(fields.html), row.get(fields.text)
    for field, value in ((fields.html, html), (fields.text, text)):
        if value is not None and not isinstance(value, bytes | str):
            return Broken(source, offset, f"field {field!r} holds {type(value).__name__}, not text", identity)
    if html or (html is not None and text is None):
        return Record(source, offset, row, html=html, url=address, id=identity)
    if text is not None:
        return Record(source, offset, row, text=text, url=address, id=identity)
    reason = f"no page: neither field {fields.html!r} nor field {fields.text!r} is there"
    return Broken(source, offset, reason, identity)
