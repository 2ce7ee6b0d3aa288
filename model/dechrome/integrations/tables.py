"""Arrow tables, cleaned row for row: what Ray and Spark hand to their workers. A row stays where it is.

Own columns keep their types. The page's column of HTML goes, unless it is to be kept; the new ones are those of
``added_names``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from dechrome.batch.cleaning import Options
from dechrome.batch.records import Broken
from dechrome.integrations.rows import REASON, SPAN_NAMES, STATUS, added_names, added_values, clean_rows

SPAN: Final = pa.struct(
    list(zip(SPAN_NAMES, (pa.int64(), pa.int64(), pa.string(), pa.string(), pa.float64()), strict=True))
)
TYPES: Final = {
    "title": pa.string(),
    "source_text": pa.string(),
    "spans": pa.list_(SPAN),
    "quality": pa.float64(),
    "problems": pa.list_(pa.string()),
    STATUS: pa.string(),
    REASON: pa.string(),
}
_ROWS: Final = 64  # that are Python's at a time


def clean_schema(schema: pa.Schema, options: Options) -> pa.Schema:
    """Return the schema of ``clean_table``'s result.

    >>> clean_schema(pa.schema({"id": pa.int32(), "html": pa.binary()}), Options()).names
    ['id', 'text', 'dechrome_status', 'dechrome_reason']
    """
    fields = options.fields
    goes = {fields.html} if not options.keep_html and fields.html != fields.output else set()
    own = {field.name: field for field in schema if field.name not in goes}
    output = own[fields.output].type if fields.output in own else None
    types = TYPES | {fields.output: output if _holds_text(output) else pa.string()}
    return pa.schema([*(own | {name: pa.field(name, types[name]) for name in added_names(options)}).values()])


def clean_table(table: pa.Table, options: Options) -> pa.Table:
    """Clean every row of a table.

    Raises:
        InputError: an option is none.
        ModelError: the model cannot be read.
    """
    rows = [added_values(cleaned, options) for cleaned in clean_rows(_pages(table, options), options)]
    schema = clean_schema(table.schema, options)
    new = set(added_names(options))
    columns = [
        pa.array([row[field.name] for row in rows], field.type) if field.name in new else table.column(field.name)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _pages(table: pa.Table, options: Options) -> Iterator[Any]:
    """Yield what is needed of each row; a row that Python cannot hold (its text is no UTF-8) is broken."""
    fields = options.fields
    needed = [
        name for name in dict.fromkeys((fields.id, fields.url, fields.html, fields.text)) if name in table.schema.names
    ]
    if not needed:
        yield from ({} for _ in range(table.num_rows))
        return
    for batch in table.select(needed).to_batches(max_chunksize=_ROWS):
        try:
            rows: list[Any] = batch.to_pylist()
        except ValueError:
            rows = [_page(batch.slice(number, 1)) for number in range(batch.num_rows)]
        yield from rows


def _page(row: pa.RecordBatch) -> Any:
    try:
        return row.to_pylist()[0]
    except ValueError as error:
        return Broken("", 0, f"the row cannot be read: {error}")


def _holds_text(kind: pa.DataType | None) -> bool:
    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))
