"""Single WARC records: where one ends in a run of bytes, and the page in it (ISO 28500, RFC 9112)."""

from __future__ import annotations

import io
import re
from typing import Any, Final, NamedTuple

from dechrome.batch.extras import import_extra
from dechrome.batch.formats import MAX_RECORD
from dechrome.batch.records import Broken, Passed, Record

MAX_HEADER: Final = 64 << 10  # bytes of a record's own header

_START: Final = re.compile(rb"WARC/\d\.\d[ \t]*\r?\n")
_NEXT: Final = re.compile(rb"\nWARC/\d\.\d[ \t]*\r?\n")
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_LENGTH: Final = re.compile(rb"\ncontent-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r?\n", re.IGNORECASE)
_LINE_ENDS: Final = re.compile(rb"[\r\n]*")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_HTML: Final = frozenset(("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"))
_TEXT: Final = "text/plain"


class Extent(NamedTuple):
    """Where a record starts and ends, by its header; or, not ``good``, what stands before the next one."""

    start: int
    stop: int
    good: bool


def find_extent(data: bytes | bytearray, at: int) -> Extent | None:
    """Find the record at ``at``, behind line ends; ``None`` where more data must be seen first.

    It may end beyond the data, as its header says.
    """
    match = _LINE_ENDS.match(data, at)
    start = match.end() if match else at
    end = _HEADER_END.search(data, start, start + MAX_HEADER)
    if end is None and len(data) - start < MAX_HEADER:
        return None
    if end is not None and _START.match(data, start):
        length = _LENGTH.search(data, start, end.end())
        if length:
            return Extent(start, end.end() + int(length[1]), True)
    following = _NEXT.search(data, start + 1)
    return Extent(start, following.start() + 1, False) if following else None


def find_last_extent(data: bytes | bytearray, at: int) -> Extent:
    """Find the record at ``at`` in all the data there is; an empty one at its end."""
    match = _LINE_ENDS.match(data, at)
    start = match.end() if match else at
    extent = find_extent(data, start)
    if extent is None and (following := _NEXT.search(data, start + 1)):
        return Extent(start, following.start() + 1, False)
    return extent or Extent(start, len(data), False)


def parse_record(address: str, offset: int, data: bytes) -> Record | Broken | Passed:
    """Find the page in a record: HTML or text that a server sent, or the text of a WET file."""
    warc = import_extra("fastwarc.warc", "Reading WARC")
    try:
        record = _open(warc, data)
        kind = str(record.headers.get("WARC-Type", "")).strip().lower()
        identity = record.headers.get("WARC-Record-ID")
    except (OSError, ValueError) as error:
        return Broken(address, offset, f"not a WARC record: {error}")
    try:
        if kind == "response" and record.is_http:
            return _parse_response(address, offset, warc, data, record)
        if kind in ("conversion", "resource"):
            content_type = record.headers.get("Content-Type") or ("" if kind == "resource" else _TEXT)
            return _make(address, offset, record, content_type, record.reader.read(-1))
    except (OSError, ValueError) as error:
        return Broken(address, offset, f"{kind} record: {error}", identity)
    return Passed(address, offset, f"WARC record of type {kind or 'none'}")


def _open(warc: Any, data: bytes) -> Any:
    return warc.WarcRecord.from_reader(io.BytesIO(data), quirks_mode=True)  # takes lines that end in LF alone, too


def _parse_response(address: str, offset: int, warc: Any, data: bytes, record: Any) -> Record | Broken | Passed:
    record.parse_http(auto_decode="none", quirks_mode=True)
    status = record.http_headers.status_code
    if status is None or not 200 <= status < 300:
        return Passed(address, offset, f"HTTP status {status or 'missing'}")
    content_type = record.http_headers.get("Content-Type") or ""
    if _essence(content_type) not in (*_HTML, _TEXT, ""):
        return Passed(address, offset, f"content type {_essence(content_type)}")
    body = record.reader.read(-1)
    if _is_coded(record.http_headers) and not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        # else a crawler decoded it and left the header
        decoded = _open(warc, data)
        decoded.parse_http(auto_decode="all", quirks_mode=True)
        body = decoded.reader.read(MAX_RECORD + 1)
    return _make(address, offset, record, content_type, body)


def _is_coded(headers: Any) -> bool:
    codings = (headers.get("Content-Encoding") or "", headers.get("Transfer-Encoding") or "")
    return any(coding.strip().lower() not in ("", "identity") for coding in codings)


def _make(address: str, offset: int, record: Any, content_type: str, body: bytes) -> Record | Broken | Passed:
    essence = _essence(content_type)
    identity = record.headers.get("WARC-Record-ID")
    if essence not in (*_HTML, _TEXT, ""):
        return Passed(address, offset, f"content type {essence}")
    if len(body) > MAX_RECORD:
        return Broken(address, offset, f"a page of more than {MAX_RECORD >> 20} MiB", identity)
    url = record.headers.get("WARC-Target-URI")
    if url is not None:
        url = url.strip().removeprefix("<").removesuffix(">")  # as WARC 1.0 was read by some
    row = {"id": identity, "url": url, "date": record.headers.get("WARC-Date"), "content_type": content_type or None}
    truncated = record.headers.get("WARC-Truncated")
    if truncated is not None:
        row["truncated"] = truncated
    charset = _CHARSET.search(content_type)
    known = {"url": url, "charset": charset[1] if charset else None, "id": identity}
    if essence == _TEXT:
        return Record(address, offset, row, text=body, **known)
    return Record(address, offset, row, html=body, **known)


def _essence(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
