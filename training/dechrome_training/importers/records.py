"""What comes in, record by record: JSON with file, line and field in every message, and what became of a record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dechrome.encoding import decode_text
from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage


class Record(NamedTuple):
    """An object of a file; ``place`` names file and line, or file and number, in messages."""

    place: str
    fields: Mapping[str, Any]


class Outcome(NamedTuple):
    """What became of a record: a page, or none.

    ``problems`` say what could not be used of it, ``left_out`` why it was left out on purpose.
    """

    place: str
    page: AnnotatedPage | None
    problems: tuple[str, ...] = ()
    left_out: str = ""


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def read_string(path: Path) -> str:
    """Read a text file in whatever encoding it is.

    Raises:
        DataError: it cannot be read.
    """
    return decode_text(read_file(path))[0]


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    return _parse(read_file(path), str(path))


def read_records(path: Path) -> Iterator[Record]:
    """Read the objects of a JSON Lines file, or of a JSON file that is a list of objects.

    Raises:
        DataError: names the file and the line or record that is no object.
    """
    data = read_file(path).removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        found = _parse(data, str(path))
        for number, item in enumerate(found, start=1):
            yield _record(f"{path}: record {number}", item)
        return
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            place = f"{path}:{number}"
            yield _record(place, _parse(line, place))


def get_string(record: Record, name: str) -> str:
    """Return a field that must be a string.

    Raises:
        DataError: it is missing or none.
    """
    if name not in record.fields:
        raise DataError(f"{record.place}: field {name!r} is missing")
    value = record.fields[name]
    if not isinstance(value, str):
        raise DataError(f"{record.place}: field {name!r}: must be a string, not {show(value)}")
    return value


def get_optional(record: Record, name: str) -> str | None:
    """Return a field that is a string, null or missing.

    Raises:
        DataError: it is something else.
    """
    return None if record.fields.get(name) is None else get_string(record, name)


def get_list(record: Record, name: str) -> list[Any]:
    """Return a field that is a list, or null or missing and so empty.

    Raises:
        DataError: it is something else.
    """
    value = record.fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataError(f"{record.place}: field {name!r}: must be a list, not {show(value)}")
    return value


def get_object(record: Record, name: str) -> Record:
    """Return a field that is an object, or null or missing and so empty.

    Raises:
        DataError: it is something else.
    """
    value = record.fields.get(name)
    if not isinstance(value, dict | None):
        raise DataError(f"{record.place}: field {name!r}: must be an object, not {show(value)}")
    return Record(f"{record.place}: in {name!r}", value or {})


def show(value: object) -> str:
    """Return a value as messages show it: JSON, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _parse(data: bytes, place: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: no JSON: {error}") from error


def _record(place: str, item: Any) -> Record:
    if not isinstance(item, dict):
        raise DataError(f"{place}: must be an object, not {show(item)}")
    return Record(place, item)
