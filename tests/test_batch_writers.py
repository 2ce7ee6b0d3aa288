"""Writers of corpus files: the same rows give the same bytes, and what other readers make of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dechrome.batch import addresses
from dechrome.batch.readers import read_chunk, split_input
from dechrome.batch.records import Fields, Input, InputFormat, Record
from dechrome.batch.writers import (
    OutputFormat,
    default_format,
    encode_rows,
    finish_output,
    output_target,
    packing_of,
)

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
zstandard = pytest.importorskip("zstandard")

Rows = Sequence[Mapping[str, Any]]

ROWS: Rows = [
    {"id": 1, "url": "https://a.example/", "text": "Ein Fuchs lief über den Hügel.\nUnd der Hund schlief."},
    {"id": 2, "url": None, "text": "lone \ud800 surrogate", "extra": {"a": [1, 2.5, None]}},
    {"id": 3, "text": ""},
]


def finish(folder: Path, chunks: Sequence[bytes], form: OutputFormat, name: str, source: Input | None = None) -> Path:
    part = folder / f"{name}.part"
    part.write_bytes(b"".join(chunks))
    finish_output(part, folder / name, form, source)
    assert not part.exists()
    assert [path.name for path in folder.iterdir() if path.name.startswith(name)] == [name]
    return folder / name


def test_outputs_are_named_after_their_inputs() -> None:
    assert [default_format(form).value for form in InputFormat] == ["text", "jsonl", "parquet", "wet"]
    names = {
        (OutputFormat.JSONL, "a/b.ndjson.zst"): "a/b.ndjson.zst",
        (OutputFormat.JSONL, "b.parquet"): "b.jsonl",
        (OutputFormat.JSONL, "CC.warc.wet.gz"): "CC.jsonl.gz",
        (OutputFormat.PARQUET, "a.jsonl.gz"): "a.parquet",
        (OutputFormat.TEXT, "a.jsonl.gz"): "a.txt.gz",
        (OutputFormat.WET, "CC.warc"): "CC.warc.wet",
        (OutputFormat.WET, "CC.wet.gz"): "CC.warc.wet.gz",
        (OutputFormat.DOLMA, "documents/x/a.jsonl.gz"): "attributes/dechrome/x/a.jsonl.gz",
        (OutputFormat.DOLMA, "a.parquet"): "attributes/dechrome/a.jsonl.gz",
    }
    assert {key: output_target(*key) for key in names} == names


@pytest.mark.parametrize("compression", ["", "gz", "zst"])
def test_json_lines_come_back_as_they_were(tmp_path: Path, compression: str) -> None:
    chunks = [
        encode_rows(ROWS, OutputFormat.JSONL, compression),
        encode_rows(ROWS[:1], OutputFormat.JSONL, compression),
    ]
    assert encode_rows(ROWS, OutputFormat.JSONL, compression) == chunks[0]
    name = f"a.jsonl.{compression}".rstrip(".")
    path = finish(tmp_path, chunks, OutputFormat.JSONL, name)
    size, stamp = addresses.stat(str(path))
    source = Input(str(path), InputFormat.JSONL, name, size, stamp)
    items = [item for chunk in split_input(source) for item in read_chunk(chunk, Fields())]
    assert [dict(item.fields) for item in items if isinstance(item, Record)] == [*ROWS, ROWS[0]]
    if compression == "gz":
        assert gzip.decompress(path.read_bytes()).count(b"\n") == 4


def test_gzip_members_hold_no_time() -> None:
    assert encode_rows(ROWS, OutputFormat.JSONL, "gz")[4:8] == bytes(4)


def test_what_json_has_no_type_for_is_written_as_text() -> None:
    row = {
        "bytes": "é".encode(),
        "binary": b"\xff\x00",
        "time": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "wait": timedelta(seconds=1.5),
        "price": Decimal("1.10"),
        "numbers": [float("nan"), float("inf"), 1.5],
        "uuid": UUID(int=1),
        "pairs": {1: ("a", b"b")},
    }
    line = encode_rows([row], OutputFormat.JSONL)
    assert json.loads(line, parse_constant=pytest.fail) == {
        "bytes": "é",
        "binary": "data:;base64,/wA=",
        "time": "2026-01-02T03:04:05.000006+00:00",
        "day": "2026-01-02",
        "wait": 1.5,
        "price": "1.10",
        "numbers": [None, None, 1.5],
        "uuid": "00000000-0000-0000-0000-000000000001",
        "pairs": {"1": ["a", "b"]},
    }


def test_text_is_each_text_and_a_blank_line(tmp_path: Path) -> None:
    data = encode_rows(ROWS, OutputFormat.TEXT)
    assert data.decode() == f"{ROWS[0]['text']}\n\nlone ? surrogate\n\n\n\n"
    assert encode_rows([{"clean": "x"}], OutputFormat.TEXT, fields=Fields(output="clean")) == b"x\n\n"
    assert gzip.decompress(finish(tmp_path, [], OutputFormat.TEXT, "a.txt.gz").read_bytes()) == b""


def test_no_rows_are_no_bytes() -> None:
    assert {encode_rows([], form, "gz") for form in OutputFormat} == {b""}


NANOSECONDS = [("t", pyarrow.timestamp("ns")), ("w", pyarrow.duration("ns"))]
DEEP = pyarrow.list_(pyarrow.struct(NANOSECONDS))
TYPED = pyarrow.table(
    {
        "id": pyarrow.array(["a", "b", "c", "d"]),
        "text": pyarrow.array(["one", "two", None, "four"], pyarrow.large_string()),
        "nested": pyarrow.array([{"a": [1, None], "b": {"c": "x"}}, None, {"a": [], "b": None}, None]),
        "time": pyarrow.array([1000, 2000, None, 0], pyarrow.timestamp("ns", "UTC")),
        "fine": pyarrow.array([1, 2, None, 0], pyarrow.timestamp("ns", "Europe/Berlin")),
        "price": pyarrow.array([Decimal("1.50"), None, Decimal("2.00"), None], pyarrow.decimal128(9, 2)),
        "deep": pyarrow.array([[{"t": 1, "w": 5}], [], None, [None]], DEEP),
        "clock": pyarrow.array([1000, None, 0, 1], pyarrow.time64("ns")),
        "wait": pyarrow.array([1, None, 0, 1000], pyarrow.duration("ns")),
        "host": pyarrow.array(["a.example", None, "a.example", "b"]).dictionary_encode(),
        "tags": pyarrow.array([[("k", 1)], [], None, None], pyarrow.map_(pyarrow.string(), pyarrow.int16())),
        "small": pyarrow.array([1, None, 3, 4], pyarrow.int8()),
        "nothing": pyarrow.array([None] * 4, pyarrow.float32()),
        "raw": pyarrow.array([b"\xff", None, b"", b"x"], pyarrow.binary()),
    }
)


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_parquet_fields_keep_their_types_and_values(tmp_path: Path, size: int) -> None:
    path = tmp_path / "in.parquet"
    parquet.write_table(TYPED, path, row_group_size=3)
    source = Input(str(path), InputFormat.PARQUET, path.name, *addresses.stat(str(path)))
    chunks = []
    for chunk in split_input(source, 0, size):
        items = read_chunk(chunk, Fields())
        rows = [{**item.fields, "text": "clean", "quality": 1} for item in items if isinstance(item, Record)]
        chunks.append(encode_rows(rows, OutputFormat.PARQUET, chunk=chunk))
    written = parquet.read_table(finish(tmp_path, chunks, OutputFormat.PARQUET, "out.parquet", source))
    known = TYPED.filter(pyarrow.compute.is_valid(TYPED["text"]))  # the row without a page is broken
    assert written.schema.names == [*TYPED.schema.names, "quality"]
    assert written.drop_columns(["text", "quality"]).equals(known.drop_columns(["text"]))
    assert written.schema.field("text").type == pyarrow.large_string()
    assert written["text"].to_pylist() == ["clean"] * 3


def write_chunks(folder: Path, *chunks: Rows) -> Any:
    encoded = [encode_rows(rows, OutputFormat.PARQUET) for rows in chunks]
    return parquet.read_table(finish(folder, encoded, OutputFormat.PARQUET, "a.parquet"))


def test_types_of_chunks_are_joined(tmp_path: Path) -> None:
    table = write_chunks(
        tmp_path,
        [{"a": None, "n": 1, "s": {"x": 1}, "l": [], "mixed": 1, "nothing": None}],
        [{"a": "x", "n": 2.5, "s": {"y": "z"}, "l": [1], "mixed": "two", "late": True, "nothing": None}],
        [{"n": None, "s": None, "mixed": {"k": [3]}}],
    )
    assert table.to_pylist() == [
        {"a": None, "n": 1.0, "s": {"x": 1, "y": None}, "l": [], "mixed": "1", "nothing": None, "late": None},
        {"a": "x", "n": 2.5, "s": {"x": None, "y": "z"}, "l": [1], "mixed": '"two"', "nothing": None, "late": True},
        {"a": None, "n": None, "s": None, "l": None, "mixed": '{"k": [3]}', "nothing": None, "late": None},
    ]
    assert table.schema.field("n").type == pyarrow.float64()
    assert table.schema.field("nothing").type == pyarrow.string()


def test_values_without_a_common_type_are_json(tmp_path: Path) -> None:
    rows = [
        {"m": 1, "big": 2**70, "empty": {}, "t": "a"},
        {"m": "x", "big": 1, "empty": {}, "t": "\ud83d\ude00 \ud800"},
    ]
    table = write_chunks(tmp_path, rows, [{"m": "plain"}])
    assert table["m"].to_pylist() == ["1", '"x"', '"plain"']
    assert table["big"].to_pylist() == [str(2**70), "1", None]
    assert table["empty"].to_pylist() == ["{}", "{}", None]
    assert table["t"].to_pylist() == ["a", "😀 �", None]


def test_spans_have_names_in_parquet(tmp_path: Path) -> None:
    spans = [(0, 3, "content", None, 0.9), (4, 9, "chrome", "share", 0.8)]
    table = write_chunks(tmp_path, [{"text": "x", "spans": spans}, {"text": "y", "spans": []}])
    assert table["spans"].to_pylist()[0][1] == {
        "start": 4,
        "end": 9,
        "label": "chrome",
        "kind": "share",
        "confidence": 0.8,
    }


def test_parquet_is_written_in_row_groups_and_the_same_every_time(tmp_path: Path) -> None:
    chunks = [
        encode_rows([{"n": n, "text": "x" * 10} for n in range(k, k + 1000)], OutputFormat.PARQUET) for k in range(120)
    ]
    one = finish(tmp_path, chunks, OutputFormat.PARQUET, "a.parquet")
    two = finish(tmp_path, chunks, OutputFormat.PARQUET, "b.parquet")
    assert one.read_bytes() == two.read_bytes()
    metadata = parquet.ParquetFile(one).metadata
    assert [metadata.row_group(group).num_rows for group in range(3)] == [50_000, 50_000, 20_000]


def test_parquet_of_no_rows_has_the_columns_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    parquet.write_table(TYPED.slice(0, 0), path)
    source = Input(str(path), InputFormat.PARQUET, path.name, *addresses.stat(str(path)))
    assert list(split_input(source)) == []
    written = parquet.read_table(finish(tmp_path, [], OutputFormat.PARQUET, "a.parquet", source))
    assert written.schema.names == TYPED.schema.names
    assert parquet.read_table(finish(tmp_path, [], OutputFormat.PARQUET, "b.parquet")).num_rows == 0


@pytest.mark.parametrize("compression", ["", "gz", "zst"])
def test_wet_is_read_by_fastwarc_and_by_us(tmp_path: Path, compression: str) -> None:
    warc = pytest.importorskip("fastwarc.warc")
    rows: Rows = [
        {"id": "<urn:uuid:1>", "url": "https://a.example/ü", "date": "2026-01-01T00:00:00Z", "text": "Füchse\nlaufen"},
        {"id": "line\r\nInjected: yes", "url": None, "text": "\ud800"},
        {"text": ""},
    ]
    data = encode_rows(rows, OutputFormat.WET, compression)
    assert data == encode_rows(rows, OutputFormat.WET, compression)
    path = finish(tmp_path, [data], OutputFormat.WET, f"a.warc.wet.{compression}".rstrip("."))
    records = []
    for record in warc.ArchiveIterator(str(path)):
        assert record.verify_block_digest()
        records.append((dict(record.headers.items()), record.reader.read(1000)))
    assert [content for _, content in records] == ["Füchse\nlaufen".encode(), b"?", b""]
    headers = records[0][0]
    assert (headers["WARC-Type"], headers["Content-Type"]) == ("conversion", "text/plain")
    assert (headers["WARC-Refers-To"], headers["WARC-Target-URI"]) == ("<urn:uuid:1>", "https://a.example/ü")
    digest = base64.b32encode(hashlib.sha1("Füchse\nlaufen".encode()).digest()).decode()
    assert headers["WARC-Block-Digest"] == f"sha1:{digest}"
    assert records[1][0]["WARC-Refers-To"] == "line Injected: yes"
    assert "Injected" not in records[1][0]
    assert len({head["WARC-Record-ID"] for head, _ in records}) == 3
    source = Input(str(path), InputFormat.WARC, path.name, *addresses.stat(str(path)))
    items = [item for chunk in split_input(source) for item in read_chunk(chunk, Fields())]
    assert [item.text for item in items if isinstance(item, Record)] == ["Füchse\nlaufen".encode(), b"?", b""]


def test_dolma_attributes_have_a_row_for_every_document() -> None:
    rows: Rows = [
        {
            "id": "d1",
            "source": "crawl",
            "text": "ignored",
            "spans": [
                [0, 9, "content", None, 0.9, 0.9],
                [10, 20, "chrome", "cookie_notice", 0.8, 0.1],
                [21, 25, "image", None, 0.7, 0.2],
            ],
        },
        {"id": "d2", "spans": []},
    ]
    data = encode_rows(rows, OutputFormat.DOLMA, packing_of(OutputFormat.DOLMA, "a.jsonl"), model="blocks v1/2")
    assert [json.loads(line) for line in gzip.decompress(data).splitlines()] == [
        {
            "id": "d1",
            "source": "crawl",
            "attributes": {
                "dechrome__blocks_v1_2__content_probability": [[0, 9, 0.9], [10, 20, 0.1], [21, 25, 0.2]],
                "dechrome__blocks_v1_2__content": [[0, 9, 0.9]],
                "dechrome__blocks_v1_2__cookie_notice": [[10, 20, 0.8]],
                "dechrome__blocks_v1_2__image": [[21, 25, 0.7]],
            },
        },
        {"id": "d2", "attributes": {"dechrome__blocks_v1_2__content_probability": []}},
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
ANY_ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "text", "spans"]), VALUES), max_size=4)


@given(chunks=st.lists(ANY_ROWS, max_size=4))
@example(chunks=[[{"b": False}], [{"b": ["", b"\x80"]}]])  # bytes among texts
@settings(max_examples=200, deadline=None)
def test_whatever_rows_hold_is_written(tmp_path_factory: pytest.TempPathFactory, chunks: list[Rows]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    count = sum(map(len, chunks))
    encoded = [encode_rows(rows, OutputFormat.PARQUET) for rows in chunks]
    written = parquet.read_table(finish(folder, encoded, OutputFormat.PARQUET, "a.parquet"))
    assert written.num_rows == count
    lines = b"".join(encode_rows(rows, OutputFormat.JSONL) for rows in chunks).splitlines()
    assert [set(json.loads(line, parse_constant=pytest.fail)) for line in lines] == [
        {*row} for c in chunks for row in c
    ]


@given(rows=st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.lists(st.text()))))
@settings(deadline=None)
def test_lines_of_json_are_read_as_they_were_written(rows: list[dict[str, Any]]) -> None:
    lines = encode_rows(rows, OutputFormat.JSONL).split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == rows


def test_what_never_had_a_value_is_text_in_parquet(tmp_path: Path) -> None:
    rows: Rows = [{"problems": [], "extra": {"a": None, "b": [{"c": None}]}, "gone": None}]
    path = finish(tmp_path, [encode_rows(rows, OutputFormat.PARQUET)] * 2, OutputFormat.PARQUET, "a.parquet")
    table = parquet.read_table(path)
    assert "null" not in str(table.schema)
    assert table.schema.field("problems").type.value_type == pyarrow.string()
    assert table.to_pylist() == [*rows, *rows]
    later = encode_rows([{"problems": ["empty"]}], OutputFormat.PARQUET)
    path = finish(tmp_path, [encode_rows(rows, OutputFormat.PARQUET), later], OutputFormat.PARQUET, "b.parquet")
    assert parquet.read_table(path)["problems"].to_pylist() == [[], ["empty"]]
