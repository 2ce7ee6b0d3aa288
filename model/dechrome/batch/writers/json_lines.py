"""Rows as lines of JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any


def encode_json(row: Mapping[str, Any]) -> bytes:
    r"""Return a row as a line of JSON in UTF-8; every row has one.

    Lone surrogates are escaped. What JSON has no type for is written as text: times as in ISO 8601, decimals by their
    digits, bytes as the UTF-8 that they are or else as a ``data:`` address. A duration is its seconds. Numbers that
    are none (NaN, infinity) are null, since no other JSON reader would take them.

    >>> from decimal import Decimal
    >>> encode_json({"a": "é\ud800", "n": float("nan"), "b": b"\xff", "d": Decimal("1.10")})
    b'{"a": "\xc3\xa9\\ud800", "n": null, "b": "data:;base64,/w==", "d": "1.10"}\n'
    """
    try:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        line = json.dumps(_plain(row), ensure_ascii=False, allow_nan=False)
    return line.encode("utf-8", "backslashreplace") + b"\n"  # of UTF-8, only lone surrogates need an escape


def _plain(value: Any) -> Any:
    """Return a value of which JSON has all types."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else str(_plain(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, bytes | bytearray | memoryview):
        return _plain_bytes(bytes(value))
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if hasattr(value, "tolist"):  # of numpy
        return _plain(value.tolist())
    return str(value)  # Decimal, UUID


def _plain_bytes(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"data:;base64,{base64.b64encode(data).decode('ascii')}"
