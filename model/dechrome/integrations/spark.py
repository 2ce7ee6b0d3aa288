"""Spark: a function for ``DataFrame.mapInArrow``. Every row stays, with what became of it in two more columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, DoubleType, LongType, StringType, StructField, StructType

from dechrome.batch.cleaning import Options, check_cleaning
from dechrome.integrations.rows import REASON, SPAN_NAMES, STATUS, added_names
from dechrome.integrations.tables import clean_table

_TEXT: Final = StringType()
_SPAN: Final = StructType(
    [
        StructField(name, kind)
        for name, kind in zip(SPAN_NAMES, (LongType(), LongType(), _TEXT, _TEXT, DoubleType()), strict=True)
    ]
)
_TYPES: Final[dict[str, DataType]] = {
    "title": _TEXT,
    "source_text": _TEXT,
    "spans": ArrayType(_SPAN),
    "quality": DoubleType(),
    "problems": ArrayType(_TEXT),
    STATUS: _TEXT,
    REASON: _TEXT,
}


@dataclass(frozen=True)
class CleanBatches:
    """What ``mapInArrow`` calls on each partition. It holds the options alone; the model is read by the worker."""

    options: Options = field(default_factory=Options)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Clean batches of rows, one for one, in order."""
        for batch in batches:
            yield from clean_table(pa.Table.from_batches([batch]), self.options).to_batches()


def clean_dataframe(frame: DataFrame, options: Options | None = None) -> DataFrame:
    """Clean a page of HTML or text in each row: the same rows with the clean text, ``dechrome_status`` and
    ``dechrome_reason``. A row that was quarantined keeps its place and its other columns; its text is null.

    Raises:
        InputError: an option is none.
    """
    options = options or Options()
    check_cleaning(options)
    return frame.mapInArrow(CleanBatches(options), output_schema(frame.schema, options))


def output_schema(schema: StructType, options: Options) -> StructType:
    """Return the schema of what ``CleanBatches`` makes of rows with this one."""
    fields = options.fields
    goes = {fields.html} if not options.keep_html and fields.html != fields.output else set()
    own = {column.name: column for column in schema.fields if column.name not in goes}
    types = _TYPES | {fields.output: _TEXT}
    return StructType([*(own | {name: StructField(name, types[name]) for name in added_names(options)}).values()])
