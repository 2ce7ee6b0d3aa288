"""Corpus files cut into chunks, and the records in a chunk: one module per format.

A chunk's limits and its records depend on the file alone, so a job can stop behind any chunk and go on from there.
"""

from __future__ import annotations

from collections.abc import Iterator

from dechrome.batch.formats import CHUNK_BYTES, format_of
from dechrome.batch.records import Broken, Chunk, Fields, Input, InputFormat, Passed, Record
from dechrome.errors import InputError

__all__ = ["format_of", "read_chunk", "split_input"]


def split_input(source: Input, start: int = 0, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Cut an input into chunks, from ``start`` on: 0, or the ``stop`` of a chunk that was cut before.

    Raises:
        InputError: it cannot be opened, the extra is missing, or it is no corpus file.
    """
    if source.form is InputFormat.JSONL:
        from dechrome.batch.readers.jsonl import split_jsonl

        return split_jsonl(source, start, chunk_bytes)
    if source.form is InputFormat.PARQUET:
        from dechrome.batch.readers.parquet import split_parquet

        return split_parquet(source, start, chunk_bytes)
    if source.form is InputFormat.WARC:
        from dechrome.batch.readers.warc import split_warc

        return split_warc(source, start, chunk_bytes)
    raise InputError(f"{source.address}: no reader for {source.form.value}")


def read_chunk(chunk: Chunk, fields: Fields) -> Iterator[Record | Broken | Passed]:
    """Read the records of a chunk, in order. Nothing raises on bad data: it comes out as ``Broken``.

    Raises:
        InputError: the input cannot be opened, the extra is missing, or it is no corpus file.
    """
    form = chunk.source.form
    if form is InputFormat.JSONL:
        from dechrome.batch.readers.jsonl import read_jsonl

        return read_jsonl(chunk, fields)
    if form is InputFormat.PARQUET:
        from dechrome.batch.readers.parquet import read_parquet

        return read_parquet(chunk, fields)
    if form is InputFormat.WARC:
        from dechrome.batch.readers.warc import read_warc

        return read_warc(chunk)
    raise InputError(f"{chunk.source.address}: no reader for {form.value}")
