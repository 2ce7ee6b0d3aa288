"""Parquet: every chunk as Arrow data with the types of its own rows, and the file from them, with types for all."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from dechrome.batch.extras import import_extra
from dechrome.batch.records import Chunk, Fields, Input, InputFormat
from dechrome.batch.writers.json_lines import encode_json

_LENGTH: Final = struct.Struct("<Q")  # of a chunk's Arrow data, before it
_GROUP_BYTES: Final = 64 << 20  # of Arrow data in a row group
_GROUP_ROWS: Final = 50_000
_AS_JSON: Final = {b"dechrome": b"json"}  # a field whose values have no type in common: each is JSON
_SPAN_NAMES: Final = ("start", "end", "label", "kind", "confidence", "probability")


def encode_parquet(rows: Sequence[Mapping[str, Any]], chunk: Chunk | None) -> bytes:
    """Return rows as Arrow data, its length before it.

    A field has the type that it had in the Parquet file of ``chunk``, where its values still have that, else the one
    that its values have in common; failing that, every value is written as JSON. Lone surrogates become U+FFFD.
    """
    arrow = import_extra("pyarrow", "Parquet")
    names = list(dict.fromkeys(name for row in rows for name in row)) or [Fields().output]  # without columns, no rows
    known = _known_types(chunk)
    columns = [_to_column(arrow, name, [row.get(name) for row in rows], known.get(name)) for name in names]
    schema = arrow.schema([field for field, _ in columns])
    sink = arrow.BufferOutputStream()
    options = arrow.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with arrow.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write_batch(arrow.RecordBatch.from_arrays([column for _, column in columns], schema=schema))
    data = bytes(sink.getvalue())
    return _LENGTH.pack(len(data)) + data


def write_parquet(part: Path, final: Path, schema_from: Input | None) -> None:
    """Write the Parquet file of all chunks: columns in the order of the input, then as they came up."""
    arrow = import_extra("pyarrow", "Parquet")
    parquet = import_extra("pyarrow.parquet", "Parquet")
    schema = _join_schemas(arrow, part, _input_schema(schema_from))
    with parquet.ParquetWriter(final, schema, compression="zstd") as writer:
        held: list[Any] = []
        size = rows = 0
        for table in _tables(arrow, part):
            held.append(_fit(arrow, table, schema))
            size, rows = size + table.nbytes, rows + table.num_rows
            if size >= _GROUP_BYTES or rows >= _GROUP_ROWS:
                writer.write_table(arrow.concat_tables(held), row_group_size=rows)
                held, size, rows = [], 0, 0
        if held:
            writer.write_table(arrow.concat_tables(held), row_group_size=rows)


def _known_types(chunk: Chunk | None) -> dict[str, Any]:
    if chunk is None or chunk.source.form is not InputFormat.PARQUET:
        return {}
    from dechrome.batch.readers.parquet import schema_of

    schema = schema_of(chunk)
    return {} if schema is None else {field.name: field.type for field in schema}


def _input_schema(source: Input | None) -> Any:
    if source is None or source.form is not InputFormat.PARQUET:
        return None
    from dechrome.batch.readers.parquet import read_schema

    return read_schema(source.address)


def _to_column(arrow: Any, name: str, values: list[Any], known: Any) -> tuple[Any, Any]:
    """Return a field and its values as an Arrow array."""
    if name == "spans":
        values = [_name_spans(value) for value in values]
    for attempt in _attempts(arrow, values, known):
        try:
            column = attempt()
            column.validate(full=True)  # bytes among texts are taken for text, whatever they hold
        except (arrow.ArrowException, OverflowError, TypeError, ValueError, AttributeError):
            continue
        if not _is_writable(arrow, column.type):
            break
        return arrow.field(name, column.type), column
    return arrow.field(name, arrow.string(), metadata=_AS_JSON), arrow.array(_to_json(values), arrow.string())


def _attempts(arrow: Any, values: list[Any], known: Any) -> Iterator[Callable[[], Any]]:
    if known is not None:
        yield lambda: arrow.array(values, known)
        yield lambda: arrow.array(values).cast(known)  # times with nanoseconds were read as text
    yield lambda: _infer(arrow, values)
    yield lambda: _infer(arrow, [_without_surrogates(value) for value in values])


def _infer(arrow: Any, values: list[Any]) -> Any:
    """Let Arrow find the type; it takes a number among dates for one of them, which is refused."""
    column = arrow.array(values)
    if _has_times(arrow, column.type) and column.to_pylist() != values:
        raise ValueError("numbers among times")
    return column


def _has_times(arrow: Any, kind: Any) -> bool:
    if arrow.types.is_temporal(kind):
        return True
    return any(_has_times(arrow, kind.field(number).type) for number in range(kind.num_fields))


def _name_spans(value: Any) -> Any:
    """Name the parts of spans: Parquet has no lists of mixed values."""
    if isinstance(value, Sequence) and all(isinstance(span, Sequence) and 5 <= len(span) <= 6 for span in value):
        return [dict(zip(_SPAN_NAMES, span, strict=False)) for span in value]
    return value


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


def _to_json(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else encode_json({"": value})[5:-2].decode("utf-8") for value in values]


def _is_writable(arrow: Any, kind: Any) -> bool:
    """Return whether Parquet can hold a type: not a struct without fields, however deep."""
    if arrow.types.is_struct(kind) and not kind.num_fields:
        return False
    return all(_is_writable(arrow, kind.field(number).type) for number in range(kind.num_fields))


def _tables(arrow: Any, part: Path) -> Iterator[Any]:
    with part.open("rb") as stream:
        while length := _next_length(stream):
            with arrow.ipc.open_stream(stream.read(length)) as reader:
                yield reader.read_all()


def _schemas(arrow: Any, part: Path) -> Iterator[Any]:
    with part.open("rb") as stream:
        while length := _next_length(stream):
            stop = stream.tell() + length
            with arrow.ipc.open_stream(stream) as reader:
                yield reader.schema
            stream.seek(stop)


def _next_length(stream: BinaryIO) -> int:
    head = stream.read(_LENGTH.size)
    return int(_LENGTH.unpack(head)[0]) if head else 0


def _join_schemas(arrow: Any, part: Path, given: Any) -> Any:
    """Return a schema that all chunks fit in: that of the input for its fields, where no chunk has another."""
    fields: dict[str, Any] = {}
    seen: set[bytes] = set()
    for schema in _schemas(arrow, part):
        mark = bytes(schema.serialize())
        if mark in seen:
            continue
        seen.add(mark)
        for field in schema:
            fields[field.name] = _join_fields(arrow, fields[field.name], field) if field.name in fields else field
    known = {field.name: field for field in given} if given is not None else {}
    if not fields:  # no rows
        return arrow.schema([arrow.field(field.name, field.type) for field in known.values()])
    for name in known.keys() & fields.keys():
        if arrow.types.is_null(fields[name].type) and fields[name].metadata != _AS_JSON:
            fields[name] = arrow.field(name, known[name].type)
    for name, field in fields.items():
        fields[name] = field.with_type(_without_nulls(arrow, field.type))
    order = [*(name for name in known if name in fields), *(name for name in fields if name not in known)]
    return arrow.schema([fields[name] for name in order])


def _without_nulls(arrow: Any, kind: Any) -> Any:
    """Return a type with text for what never had a value, however deep: few programs read columns of nulls."""
    if arrow.types.is_null(kind):
        return arrow.string()
    if arrow.types.is_struct(kind):
        parts = (kind.field(number) for number in range(kind.num_fields))
        return arrow.struct([part.with_type(_without_nulls(arrow, part.type)) for part in parts])
    if arrow.types.is_list(kind):
        return arrow.list_(kind.value_field.with_type(_without_nulls(arrow, kind.value_type)))
    return kind


def _join_fields(arrow: Any, one: Any, other: Any) -> Any:
    if one.type == other.type and one.metadata == other.metadata:
        return one
    if _AS_JSON not in (one.metadata, other.metadata):
        try:
            joined = arrow.unify_schemas([arrow.schema([one]), arrow.schema([other])], promote_options="permissive")
            return joined.field(0)
        except arrow.ArrowException:
            pass
    return arrow.field(one.name, arrow.string(), metadata=_AS_JSON)


def _fit(arrow: Any, table: Any, schema: Any) -> Any:
    """Return a chunk's table with the columns and types of the whole file."""
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(arrow.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        as_json = field.metadata == _AS_JSON
        if as_json and table.schema.field(field.name).metadata != _AS_JSON:
            column = arrow.array(_to_json(column.to_pylist()), arrow.string())
        columns.append(column if column.type == field.type else _cast(arrow, column, field.type))
    return arrow.Table.from_arrays(columns, schema=schema)


def _cast(arrow: Any, column: Any, kind: Any) -> Any:
    """Cast to a wider type; where Arrow cannot (a struct of more fields), by way of Python."""
    try:
        return column.cast(kind, safe=False)  # the safe cast refuses large integers as floats
    except arrow.ArrowException:
        return arrow.array(column.to_pylist(), kind)
