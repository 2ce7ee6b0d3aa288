"""WET: the clean text of WARC records as records of their own, as Common Crawl derives it."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dechrome.batch.records import Fields


def encode_wet(rows: Sequence[Mapping[str, Any]], fields: Fields) -> Iterator[bytes]:
    """Yield a ``conversion`` record for each row: of its text, address, date and the id of the record it is from.

    The new record's id follows from that id and the text, so the same job writes the same file.
    """
    for row in rows:
        text = str(row.get(fields.output) or "").encode("utf-8", "replace")
        origin = _clean(row.get("id") or row.get(fields.id))
        seed = f"{origin} {hashlib.sha1(text).hexdigest()}"
        headers = {
            "WARC-Type": "conversion",
            "WARC-Target-URI": _clean(row.get("url") or row.get(fields.url)),
            "WARC-Date": _clean(row.get("date")) or "1970-01-01T00:00:00Z",  # the standard demands one
            "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}>",
            "WARC-Refers-To": origin,
            "WARC-Block-Digest": f"sha1:{base64.b32encode(hashlib.sha1(text).digest()).decode('ascii')}",
            "Content-Type": "text/plain",
            "Content-Length": str(len(text)),
        }
        lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in headers.items() if value)]
        yield "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + text + b"\r\n\r\n"


def _clean(value: object) -> str:
    """Return a header's value: on one line."""
    return "" if value is None else " ".join(str(value).split())
