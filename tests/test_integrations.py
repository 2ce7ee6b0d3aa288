"""Rows and Arrow tables come out as ``clean_records`` cleans them; nothing else imports a framework."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from dechrome.batch.cleaning import Options, Status, clean_records
from dechrome.batch.records import Fields
from dechrome.errors import InputError
from dechrome.integrations.rows import REASON, STATUS, added_names
from dechrome.integrations.tables import clean_schema, clean_table

PAGE = (
    "<nav><a href='/'>Home</a></nav><h1>Geese</h1><p>The geese left the lake before the ice came, late this year.</p>"
)
TEXT = "Accept all cookies\nThe ferry was late again, and the whole pier heard about it before noon.\nRead more"
ROWS: list[dict[str, Any]] = [
    {"n": 1, "id": "a", "html": PAGE, "text": None},
    {"n": 2, "id": "b", "html": None, "text": TEXT},
    {"n": 3, "id": "c", "html": None, "text": None},
    {"n": 4, "id": "d", "html": "", "text": ""},
]
OPTIONS = [
    Options(),
    Options(facts=True),
    Options(labels=True),
    Options(markdown=True, keep_html=True),
    Options(min_chars=70),
    Options(fields=Fields(output="clean")),
    Options(labels=True, fields=Fields(html="text", text="html", output="text")),
]


def as_row(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("start", "end", "label", "kind", "confidence")
    spans = [dict(zip(names, span, strict=True)) for span in record.get("spans", ())]
    return dict(record) | ({"spans": spans} if "spans" in record else {})


@pytest.mark.parametrize("options", OPTIONS)
def test_a_table_comes_out_as_its_records_do(options: Options) -> None:
    table = clean_table(pa.Table.from_pylist(ROWS), options)
    for row, cleaned in zip(table.to_pylist(), clean_records(ROWS, options), strict=True):
        assert (row[STATUS], row[REASON], row["n"]) == (cleaned.status, cleaned.reason, ROWS[row["n"] - 1]["n"])
        wanted = as_row(cleaned.record)
        assert {name: row[name] for name in added_names(options)[:-2]} == {
            name: wanted.get(name) for name in added_names(options)[:-2]
        }
        assert options.keep_html or options.fields.html == options.fields.output or options.fields.html not in row


@pytest.mark.parametrize("options", OPTIONS)
def test_the_schema_is_known_before_any_row_is_cleaned(options: Options) -> None:
    table = pa.Table.from_pylist(ROWS)
    assert clean_table(table, options).schema == clean_schema(table.schema, options)
    assert clean_table(table.slice(0, 0), options).schema == clean_schema(table.schema, options)


def test_own_columns_keep_their_types_and_their_order() -> None:
    schema = pa.schema({"when": pa.timestamp("ns", "UTC"), "text": pa.large_string(), "n": pa.decimal128(9, 2)})
    cleaned = clean_table(pa.table({"when": [0], "text": [TEXT], "n": ["1.50"]}).cast(schema), Options())
    assert cleaned.schema.names == ["when", "text", "n", STATUS, REASON]
    assert cleaned.schema.types[:3] == schema.types


def test_bytes_are_decoded_as_browsers_do() -> None:
    page = "<meta charset=windows-1251><p>Паром опоздал, и весь причал узнал об этом до полудня.</p>".encode("cp1251")
    cleaned = clean_table(pa.table({"html": pa.array([page], pa.binary())}), Options())
    assert cleaned.column("text").to_pylist() == ["Паром опоздал, и весь причал узнал об этом до полудня."]


def test_text_that_is_no_utf8_is_quarantined_where_it_stands() -> None:
    data = pa.array([b"ab", b"\xff\xfe", b"cd"], pa.binary())
    column = pa.StringArray.from_buffers(3, *data.buffers()[1:])
    cleaned = clean_table(pa.table({"text": column, "n": [1, 2, 3]}), Options())
    assert cleaned.column(STATUS).to_pylist() == ["kept", "quarantined", "kept"]
    assert cleaned.column(REASON)[1].as_py().startswith("the row cannot be read: 'utf-8' codec")
    assert cleaned.column("n").to_pylist() == [1, 2, 3]


def test_rows_without_any_column_of_a_page_are_quarantined() -> None:
    cleaned = clean_table(pa.table({"n": [1, 2]}), Options())
    assert cleaned.column(STATUS).to_pylist() == [Status.QUARANTINED] * 2


def test_an_option_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="min_quality"):
        clean_table(pa.Table.from_pylist(ROWS), Options(min_quality=2))


def test_nothing_else_imports_a_framework() -> None:
    code = (
        "import sys, dechrome.cli, dechrome.batch.cleaning;"
        "print(*{'datasets', 'datatrove', 'pandas', 'pyarrow', 'pyspark', 'ray'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
