"""Parquet: a position is a row. Small row groups are read by the worker, large ones by the splitting process.

Only one process can decode a row group without doing the others' work again: a slice in its middle is reached by
decoding (and, from a remote file, fetching) all before it. So a row group of more than one chunk is read once, where
the input is split, and its slices travel as Arrow data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from dechrome.batch.addresses import is_private, open_input
from dechrome.batch.extras import import_extra
from dechrome.batch.formats import MAX_ROWS
from dechrome.batch.records import Broken, Chunk, Fields, Input, Record, make_record

_NEEDED_FOR: Final = "Parquet"
_TOO_FEW: Final = "the row group holds fewer than it says"
_READ_BUFFER: Final = 1 << 20  # bytes of a column that are fetched at a time, so that no row group is held


def split_parquet(source: Input, start: int, chunk_bytes: int) -> Iterator[Chunk]:
    """Cut a Parquet file into slices of row groups of about ``chunk_bytes`` unpacked bytes, from row ``start`` on."""
    private = is_private(source.address)
    try:
        file = open_parquet(source.address)
        sizes = [_measure(file, group) for group in range(file.metadata.num_row_groups)]
    except _failures() as error:
        if not start:
            yield Chunk(source, 0, 1, damage=f"not a Parquet file that can be read: {_describe(error)}")
        return
    first, total = 0, sum(rows for rows, _ in sizes)
    for group, (rows, size) in enumerate(sizes):
        if rows and first + rows > start:
            step = max(1, min(MAX_ROWS, rows * chunk_bytes // max(1, size)))
            chunks: Iterable[Chunk] = (Chunk(source, first, first + rows),)
            if step < rows or private:
                chunks = _decode_group(source, file, group, (first, start, first + rows), step)
            for chunk in chunks:
                yield replace(chunk, share=(chunk.stop - chunk.start) / total)
        first += rows


def read_parquet(chunk: Chunk, fields: Fields) -> Iterator[Record | Broken]:
    """Read the rows of a chunk."""
    address = chunk.source.address
    if chunk.damage:
        yield Broken(address, chunk.start, chunk.damage)
        return
    try:
        table = _table_of(chunk)
    except _failures() as error:
        yield Broken(address, chunk.start, _lost(chunk.stop - chunk.start, _describe(error)))
        return
    offset = chunk.start
    for batch in table.to_batches(max_chunksize=64):  # so that few rows are Python's at a time
        for row in _rows(batch):
            if isinstance(row, str):
                yield Broken(address, offset, row)
            else:
                yield make_record(address, offset, row, fields)
            offset += 1
    if offset < chunk.stop:
        yield Broken(address, offset, _lost(chunk.stop - offset, _TOO_FEW))


def schema_of(chunk: Chunk) -> Any:
    """Return the Arrow schema of the file that a chunk is from, ``None`` where it cannot be read."""
    try:
        if chunk.data is None:
            return _open_unchanged(chunk.source.address, chunk.source.size, chunk.source.stamp).schema_arrow
        pyarrow = import_extra("pyarrow", _NEEDED_FOR)
        with pyarrow.ipc.open_stream(chunk.data) as reader:
            return reader.schema
    except _failures():
        return None


def read_schema(address: str) -> Any:
    """Return a file's Arrow schema, ``None`` where it cannot be read."""
    try:
        return open_parquet(address).schema_arrow
    except _failures():
        return None


def open_parquet(address: str) -> Any:
    """Open a local or remote file as a ``pyarrow.parquet.ParquetFile``; pyarrow's errors pass through."""
    parquet = import_extra("pyarrow.parquet", _NEEDED_FOR)
    return parquet.ParquetFile(
        open_input(address, ahead=_READ_BUFFER),
        buffer_size=_READ_BUFFER,
        pre_buffer=False,
        page_checksum_verification=True,
    )


@lru_cache(maxsize=1)
def _open_unchanged(address: str, size: int, stamp: str) -> Any:
    """Open the file of the last chunk only once: its footer may be large."""
    return open_parquet(address)


def _decode_group(source: Input, file: Any, group: int, limits: tuple[int, int, int], step: int) -> Iterator[Chunk]:
    """Cut a row group into slices of ``step`` rows; ``limits`` are its first row, the one to start at and its end."""
    row, start, end = limits
    try:
        for batch in file.iter_batches(batch_size=step, row_groups=[group], use_threads=False):
            stop = min(end, row + batch.num_rows)
            if start <= row < stop:
                yield Chunk(source, row, stop, _to_bytes(batch.slice(0, stop - row)))
            row = stop
        reason = _TOO_FEW
    except _failures() as error:
        reason = _describe(error)
    row = max(row, start)
    if row < end:
        yield Chunk(source, row, end, damage=_lost(end - row, reason))


def _measure(file: Any, group: int) -> tuple[int, int]:
    part = file.metadata.row_group(group)
    if part.num_rows < 0:
        raise ValueError(f"a row group of {part.num_rows} rows")
    return part.num_rows, part.total_byte_size


def _to_bytes(batch: Any) -> bytes:
    pyarrow = import_extra("pyarrow", _NEEDED_FOR)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _table_of(chunk: Chunk) -> Any:
    if chunk.data is not None:
        pyarrow = import_extra("pyarrow", _NEEDED_FOR)
        with pyarrow.ipc.open_stream(chunk.data) as reader:
            return reader.read_all()
    file = _open_unchanged(chunk.source.address, chunk.source.size, chunk.source.stamp)
    first = 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if first == chunk.start and rows:
            return file.read_row_group(group, use_threads=False)
        first += rows
    raise ValueError("the file has changed")


def _rows(batch: Any) -> Sequence[dict[str, Any] | str]:
    """Return the rows of a batch, each one by itself where a value cannot become Python's: that row's reason."""
    try:
        rows: list[dict[str, Any] | str] = _without_nanoseconds(batch).to_pylist()
        return rows
    except Exception as error:  # invalid UTF-8, dates beyond Python's
        if batch.num_rows == 1:
            return [f"a row that cannot be read: {_describe(error)}"]
    return [row for number in range(batch.num_rows) for row in _rows(batch.slice(number, 1))]


def _without_nanoseconds(batch: Any) -> Any:
    """Turn times with nanoseconds, which Python's have not, into such as it has, or into text and numbers."""
    arrow = import_extra("pyarrow", _NEEDED_FOR)
    columns = []
    for column in batch.columns:
        shorter = _shorten(arrow, column.type, to_text=False)
        if shorter != column.type:
            try:
                column = column.cast(shorter)
            except arrow.ArrowInvalid:
                column = column.cast(_shorten(arrow, column.type, to_text=True))
        columns.append(column)
    return arrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _shorten(arrow: Any, kind: Any, *, to_text: bool) -> Any:
    """Return a type with microseconds for nanoseconds, however deep; or with text for dates, else their number."""
    types = arrow.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return arrow.string() if to_text else arrow.timestamp("us", kind.tz)
    if types.is_time64(kind) and kind.unit == "ns":
        return arrow.int64() if to_text else arrow.time64("us")
    if types.is_duration(kind) and kind.unit == "ns":
        return arrow.int64() if to_text else arrow.duration("us")
    if types.is_struct(kind):
        return arrow.struct([field.with_type(_shorten(arrow, field.type, to_text=to_text)) for field in kind])
    if types.is_list(kind) or types.is_large_list(kind):
        field = kind.value_field.with_type(_shorten(arrow, kind.value_type, to_text=to_text))
        return arrow.list_(field) if types.is_list(kind) else arrow.large_list(field)
    return kind


def _lost(rows: int, reason: str) -> str:
    return f"{rows} rows cannot be read: {reason}"


def _describe(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _failures() -> tuple[type[Exception], ...]:
    """Return what pyarrow raises on damaged files."""
    pyarrow = import_extra("pyarrow", _NEEDED_FOR)
    return (pyarrow.ArrowException, OSError, ValueError, KeyError, IndexError, NotImplementedError, MemoryError)
