"""Cleaned rows as bytes, chunk by chunk, and the finished file: one module per format.

A worker encodes a chunk's rows, the bytes of all chunks one behind the other are the file (of Parquet: what the file
is made from). Same rows, same bytes: no clock, no chance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from dechrome.batch.compression import pack
from dechrome.batch.formats import split_suffix
from dechrome.batch.records import Chunk, Fields, Input, InputFormat

__all__ = ["OutputFormat", "default_format", "encode_rows", "finish_output", "output_target", "packing_of"]

_DOCUMENTS = "documents/"
_ATTRIBUTES = "attributes/dechrome/"


class OutputFormat(StrEnum):
    """How an output file is laid out."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    TEXT = "text"  # the clean text alone, a blank line behind each
    DOLMA = "dolma"  # attributes beside documents that stay as they are
    WET = "wet"  # what Common Crawl derives from WARC


_SUFFIXES = {
    OutputFormat.JSONL: ".jsonl",
    OutputFormat.PARQUET: ".parquet",
    OutputFormat.TEXT: ".txt",
    OutputFormat.DOLMA: ".jsonl",
    OutputFormat.WET: ".warc.wet",
}
_DEFAULTS = {
    InputFormat.PAGES: OutputFormat.TEXT,
    InputFormat.JSONL: OutputFormat.JSONL,
    InputFormat.PARQUET: OutputFormat.PARQUET,
    InputFormat.WARC: OutputFormat.WET,
}


def default_format(form: InputFormat) -> OutputFormat:
    """Return the format that an input is written in unless told otherwise: its own, and WET for WARC."""
    return _DEFAULTS[form]


def packing_of(form: OutputFormat, target: str) -> str:
    """Return how the output of an input is packed (``gz``, ``zst`` or nothing): as the input is, where that can be.

    >>> packing_of(OutputFormat.JSONL, "a.jsonl.zst"), packing_of(OutputFormat.PARQUET, "a.jsonl.gz")
    ('zst', '')
    """
    if form is OutputFormat.PARQUET:
        return ""
    return "gz" if form is OutputFormat.DOLMA else split_suffix(target)[2]


def output_target(form: OutputFormat, target: str) -> str:
    """Return the place of an input's output below the output folder, by the input's ``target``.

    >>> output_target(OutputFormat.WET, "crawl/CC-1.warc.gz"), output_target(OutputFormat.JSONL, "b.warc.gz")
    ('crawl/CC-1.warc.wet.gz', 'b.jsonl.gz')
    >>> output_target(OutputFormat.DOLMA, "documents/2019/a.json.gz"), output_target(OutputFormat.JSONL, "c4.json.gz")
    ('attributes/dechrome/2019/a.json.gz', 'c4.json.gz')
    """
    stem, suffix, _ = split_suffix(target)
    compression = packing_of(form, target)
    keeps = suffix in (".jsonl", ".ndjson", ".jsonlines", ".json") and form in (OutputFormat.JSONL, OutputFormat.DOLMA)
    name = stem + (target[len(stem) : len(stem) + len(suffix)] if keeps else _SUFFIXES[form])
    if form is OutputFormat.DOLMA:
        name = _ATTRIBUTES + name.removeprefix(_DOCUMENTS)
    return f"{name}.{compression}" if compression else name


def encode_rows(
    rows: Sequence[Mapping[str, Any]],
    form: OutputFormat,
    compression: str = "",
    *,
    fields: Fields | None = None,
    chunk: Chunk | None = None,
    model: str = "",
) -> bytes:
    """Return a chunk's cleaned rows as bytes of its output file.

    ``fields`` names the fields of id, address and clean text (for text and WET). ``chunk`` is where the rows are
    from: fields of a Parquet input keep their types. ``model`` is the model's name, for Dolma's attributes.

    Raises:
        InputError: the extra is missing.
    """
    if not rows:
        return b""
    fields = fields or Fields()
    if form is OutputFormat.PARQUET:
        from dechrome.batch.writers.parquet import encode_parquet

        return encode_parquet(rows, chunk)
    if form is OutputFormat.WET:
        from dechrome.batch.writers.wet import encode_wet

        return b"".join(pack(record, compression) for record in encode_wet(rows, fields))
    if form is OutputFormat.DOLMA:
        from dechrome.batch.writers.dolma import to_attributes

        rows = [to_attributes(row, fields, model) for row in rows]
    if form is OutputFormat.TEXT:
        data = "".join(f"{row.get(fields.output) or ''}\n\n" for row in rows).encode("utf-8", "replace")
    else:
        from dechrome.batch.writers.json_lines import encode_json

        data = b"".join(map(encode_json, rows))
    return pack(data, compression)


def finish_output(part: Path, final: Path, form: OutputFormat, schema_from: Input | None = None) -> None:
    """Make the finished file of what was encoded, and remove ``part``; ``final`` appears only when it is whole.

    ``schema_from`` is the input: of a Parquet file, columns keep their order and types.

    Raises:
        InputError: the extra is missing.
    """
    if form is OutputFormat.PARQUET:
        from dechrome.batch.writers.parquet import write_parquet

        whole = part.with_name(f"{part.name}.whole")
        write_parquet(part, whole, schema_from)
        os.replace(whole, final)
        part.unlink()
        return
    compression = packing_of(form, final.name)
    if compression and not part.stat().st_size:
        part.write_bytes(pack(b"", compression))  # no bytes at all are no gzip file
    os.replace(part, final)
