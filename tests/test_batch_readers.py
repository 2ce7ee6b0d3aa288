"""Readers of corpus files: every record once and in order, whatever the chunks, and on behind damage."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dechrome.batch import addresses
from dechrome.batch.readers import format_of, read_chunk, split_input
from dechrome.batch.readers.jsonl import read_jsonl, split_jsonl
from dechrome.batch.readers.warc import read_warc, split_warc
from dechrome.batch.records import Broken, Fields, Input, InputFormat, Passed, Record
from dechrome.errors import InputError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
zstandard = pytest.importorskip("zstandard")
pytest.importorskip("fsspec")

FIELDS = Fields()
Item = Record | Broken | Passed


def input_of(path: Path, form: InputFormat) -> Input:
    size, stamp = addresses.stat(str(path))
    return Input(str(path), form, path.name, size, stamp)


def read(source: Input, chunk_bytes: int = 1 << 20, start: int = 0) -> list[Item]:
    return [item for chunk in split_input(source, start, chunk_bytes) for item in read_chunk(chunk, FIELDS)]


def rows_of(items: list[Item]) -> list[Any]:
    return [dict(item.fields) if isinstance(item, Record) else type(item).__name__ for item in items]


def zst(data: bytes) -> bytes:
    packed: bytes = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": zst,
}

LINES = [
    json.dumps({"id": 1, "html": "<p>Ein Fuchs lief über den Hügel."}, ensure_ascii=False),
    "",
    '{"id": 2, "text": "lone \\ud800 surrogate"}',
    '{"id": 3, "text": "cut off',
    "[1, 2]",
    "   ",
    "\0\0\0\0",
    '{"id": 4, "text": "' + "long " * 50 + '"}\r',
    '{"id": 5, "body": "no page"}',
    '{"id": 6, "text": "the last, without a line end"}',
]
JSONL = "\n".join(LINES).encode()


def test_formats_are_known_by_their_suffixes() -> None:
    names = "a.jsonl a.ndjson a.json.gz a.jsonl.gz a.jsonl.zst a.ndjson.gz a.json.zst a.JSONL.GZ".split()
    assert {format_of(name) for name in names} == {InputFormat.JSONL}
    names = "a.warc a.warc.gz a.warc.zst a.wet a.wet.gz a.warc.wet.gz a.warc.wet".split()
    assert {format_of(name) for name in names} == {InputFormat.WARC}
    assert format_of("s3://bucket/part-0.parquet") is InputFormat.PARQUET
    assert {format_of(name) for name in ("a.html", "a.txt.gz", "a.json", "jsonl", "a.gz")} == {None}


@pytest.mark.parametrize("suffix", PACKERS)
def test_json_lines_are_read_with_their_offsets(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(PACKERS[suffix](b"\xef\xbb\xbf" + JSONL))
    items = read(input_of(path, InputFormat.JSONL))
    kinds = [type(item).__name__[0] for item in items]
    assert "".join(kinds) == "RRBBBRBR"
    data = b"\xef\xbb\xbf" + JSONL
    offsets = [0, *(data.index(mark) for mark in (b'{"id": 2', b'{"id": 3', b"[1", b"\0", b'{"id": 4'))]
    assert [item.offset for item in items][:6] == offsets
    assert isinstance(items[1], Record)
    assert items[1].text == "lone \ud800 surrogate"
    assert isinstance(items[0], Record)
    assert items[0].html == "<p>Ein Fuchs lief über den Hügel."
    reasons = [item.reason for item in items if isinstance(item, Broken)]
    assert [reason.partition(":")[0] for reason in reasons] == [
        "invalid JSON",
        "a line is a JSON object, not list",
        "a line of 4 NUL bytes",
        "no page",
    ]


def test_invalid_utf8_deep_nesting_and_huge_numbers_are_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [b'{"text": "\xff"}', b'{"text": ' + b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}", b'{"text": "good"}']
    path.write_bytes(b"\n".join(lines))
    items = read(input_of(path, InputFormat.JSONL))
    assert [type(item) for item in items] == [Broken, Broken, Broken, Record]
    assert [item.reason for item in items if isinstance(item, Broken)] == [
        "invalid UTF-8 at byte 10 of the line",
        "invalid JSON: nested too deeply",
        "invalid JSON: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits;"
        " use sys.set_int_max_str_digits() to increase the limit",
    ]


@pytest.mark.parametrize("suffix", PACKERS)
def test_json_lines_read_through_chunks_of_any_size_and_from_any_chunk_are_the_same(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(PACKERS[suffix](JSONL))
    source = input_of(path, InputFormat.JSONL)
    whole = read(source)
    for size in range(1, len(JSONL) + 2):
        chunks = list(split_input(source, 0, size))
        assert [item for chunk in chunks for item in read_chunk(chunk, FIELDS)] == whole
        assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks[:-1])]
        for number in range(0, len(chunks), 7):
            assert list(split_input(source, chunks[number].stop, size)) == chunks[number + 1 :]


@given(
    lines=st.lists(st.text(alphabet="ab\r\0 {}", max_size=9).map(lambda text: text.encode()), max_size=12),
    size=st.integers(1, 40),
    end=st.booleans(),
    maximum=st.integers(3, 9),
    packed=st.sampled_from(["", ".gz"]),
)
@settings(max_examples=150, deadline=None)
def test_every_line_comes_out_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, end: bool, maximum: int, packed: str
) -> None:
    data = b"\n".join(lines) + (b"\n" if end else b"")
    path = tmp_path_factory.mktemp("lines") / f"a.jsonl{packed}"
    path.write_bytes(PACKERS[packed](data))
    source = input_of(path, InputFormat.JSONL)
    chunks = split_jsonl(source, 0, size, maximum)
    offsets = [item.offset for chunk in chunks for item in read_jsonl(chunk, FIELDS, maximum)]
    expected, offset = [], 0
    for line in io.BytesIO(data):
        if line.strip() or len(line) > maximum:
            expected.append(offset)
        offset += len(line)
    assert offsets == expected


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_line_that_is_too_long_is_broken_and_the_rest_goes_on(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    first, last = b'{"text": "first"}\n', b'{"text": "last"}\n'
    path.write_bytes(PACKERS[suffix](first + b'{"text": "' + b"x" * 3_000_000 + b'"}\n' + last))
    source = input_of(path, InputFormat.JSONL)
    for size in (1000, 1 << 22):
        chunks = split_jsonl(source, 0, size, 1 << 20)
        items = [item for chunk in chunks for item in read_jsonl(chunk, FIELDS, 1 << 20)]
        assert [type(item) for item in items] == [Record, Broken, Record]
        assert [item.offset for item in items] == [0, len(first), len(first) + 3_000_013]


def test_splitting_a_packed_file_holds_no_more_than_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb") as stream:
        for number in range(200):
            stream.write(json.dumps({"id": number, "text": "ab " * 30_000}).encode() + b"\n")
        stream.write(b'"' + b"x" * 30_000_000)
    source = input_of(path, InputFormat.JSONL)
    tracemalloc.start()
    try:
        sizes = [len(chunk.data or b"") for chunk in split_jsonl(source, 0, 1 << 20, 4 << 20)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) > 18_000_000
    assert max(sizes) < 2 << 20
    assert peak < 20 << 20


@pytest.mark.parametrize("place", range(0, 100, 9))
@pytest.mark.parametrize("kind", ["flipped", "zeroed", "cut"])
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_damage_in_a_packed_file_is_reported_and_other_members_are_read(
    tmp_path: Path, suffix: str, kind: str, place: int
) -> None:
    rng = random.Random(place)
    texts = ["".join(rng.choices("abcdefgh ", k=rng.randint(50, 3000))) for _ in range(60)]
    rows = [json.dumps({"id": number, "text": text}).encode() + b"\n" for number, text in enumerate(texts)]
    members = [PACKERS[suffix](b"".join(rows[first : first + 6])) for first in range(0, 60, 6)]
    data = bytearray(b"".join(members))
    at = len(data) * place // 100
    if kind == "flipped":
        data[at] ^= 0x55
    elif kind == "zeroed":
        data[at : at + 40] = bytes(40)
    else:
        del data[at:]
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(data)
    source = input_of(path, InputFormat.JSONL)
    items = read(source)
    good = {item.fields["id"] for item in items if isinstance(item, Record) and item.text == texts[item.fields["id"]]}
    broken = [item for item in items if isinstance(item, Broken)]
    assert len(good) >= (48 if kind != "cut" else 60 * place // 100 - 13)  # at most two members are hurt
    assert broken or len(good) == 60 or (kind, place) == ("cut", 0)
    if kind == "cut" and at not in {sum(map(len, members[:n])) for n in range(10)}:
        assert "cut off" in broken[-1].reason
    for size in (100, 3000):
        chunks = list(split_input(source, 0, size))
        assert rows_of([i for chunk in chunks for i in read_chunk(chunk, FIELDS)]) == rows_of(items)
        middle = len(chunks) // 2
        assert list(split_input(source, chunks[middle].start if chunks else 0, size)) == chunks[middle:]


TYPED = pyarrow.table(
    {
        "id": pyarrow.array([f"row {n}" for n in range(25)]),
        "html": pyarrow.array([b"<p>page \xe9" if n % 2 else None for n in range(25)], pyarrow.binary()),
        "text": pyarrow.array(["text" if n % 2 == 0 else None for n in range(25)], pyarrow.large_string()),
        "nested": pyarrow.array([{"a": [n, None], "b": {"c": "x"}} for n in range(25)]),
        "time": pyarrow.array([n * 1000 for n in range(25)], pyarrow.timestamp("ns", "UTC")),
        "fine": pyarrow.array(list(range(25)), pyarrow.timestamp("ns")),
        "price": pyarrow.array([f"{n}.50" for n in range(25)]).cast(pyarrow.decimal128(9, 2)),
        "host": pyarrow.array(["a.example", None, "b.example", "c", "d"] * 5).dictionary_encode(),
        "tags": pyarrow.array([[("k", n)] for n in range(25)], pyarrow.map_(pyarrow.string(), pyarrow.int16())),
        "nothing": pyarrow.nulls(25),
    }
)


def write_parquet(path: Path, table: Any, group: int, **options: Any) -> Input:
    parquet.write_table(table, path, row_group_size=group, **options)
    return input_of(path, InputFormat.PARQUET)


@pytest.mark.parametrize("group", [1, 4, 25])
@pytest.mark.parametrize("size", [1, 100, 1000, 1 << 20])
def test_parquet_rows_are_read_once_whatever_the_row_groups_and_chunks(tmp_path: Path, group: int, size: int) -> None:
    source = write_parquet(tmp_path / "a.parquet", TYPED, group)
    chunks = list(split_input(source, 0, size))
    items = [item for chunk in chunks for item in read_chunk(chunk, FIELDS)]
    assert [item.offset for item in items] == list(range(25))
    assert [item.id for item in items if isinstance(item, Record)] == [f"row {n}" for n in range(25)]
    assert isinstance(items[1], Record)
    assert items[1].html == b"<p>page \xe9"
    assert items[1].fields["nested"] == {"a": [1, None], "b": {"c": "x"}}
    assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks[:-1])]
    for number, chunk in enumerate(chunks):
        assert list(split_input(source, chunk.stop, size)) == chunks[number + 1 :]


def test_a_damaged_row_group_is_broken_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rng = random.Random(5)
    texts = ["".join(rng.choices("abcdefgh ", k=500)) for _ in range(40)]
    write_parquet(path, pyarrow.table({"text": texts}), 10, write_page_checksum=True, use_dictionary=False)
    column = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    source = input_of(path, InputFormat.PARQUET)
    for size in (2000, 1 << 20):
        items = read(source, size)
        assert [item.offset for item in items] == [*range(10), 10, *range(20, 40)]
        broken = [item for item in items if isinstance(item, Broken)]
        assert [item.offset for item in broken] == [10]
        assert broken[0].reason.startswith("10 rows cannot be read: ")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", b"no Parquet at all"])
def test_a_file_that_is_no_parquet_is_broken(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(data)
    source = input_of(path, InputFormat.PARQUET)
    chunks = list(split_input(source))
    items = [item for chunk in chunks for item in read_chunk(chunk, FIELDS)]
    assert [(type(item), item.offset) for item in items] == [(Broken, 0)]
    assert list(split_input(source, chunks[0].stop)) == []


def test_a_row_with_invalid_utf8_is_broken_alone(tmp_path: Path) -> None:
    values = [b"good", b"bad \xff", b"good"]
    texts = pyarrow.Array.from_buffers(pyarrow.string(), 3, pyarrow.array(values, pyarrow.binary()).buffers())
    source = write_parquet(tmp_path / "a.parquet", pyarrow.table({"text": texts}), 3)
    assert [type(item) for item in read(source)] == [Record, Broken, Record]


def test_a_large_row_group_is_cut_by_its_bytes_and_rows(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["x" * 1000 + str(n) for n in range(3000)]})
    source = write_parquet(tmp_path / "a.parquet", table, 3000, use_dictionary=False)
    sizes = [chunk.stop - chunk.start for chunk in split_input(source, 0, 100_000)]
    assert sum(sizes) == 3000
    assert 80 <= max(sizes) <= 110
    small = pyarrow.table({"text": ["x"] * 3000})
    source = write_parquet(tmp_path / "b.parquet", small, 3000)
    assert [chunk.stop - chunk.start for chunk in split_input(source)] == [1000, 1000, 1000]


def record(number: int, body: bytes, headers: str = "Content-Type: text/html; charset=latin-1", **warc: str) -> bytes:
    status = warc.pop("status", "200 OK")
    kind = warc.pop("kind", "response")
    if kind == "response":
        body = f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body
        content_type = "application/http; msgtype=response"
    else:
        content_type = headers.partition(": ")[2]
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{number:032x}>",
        f"WARC-Target-URI: https://a.example/{number}",
        "WARC-Date: 2026-01-01T00:00:00Z",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body + b"\r\n\r\n"


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


PAGE = "<p>Ein Fuchs lief über".encode("latin-1")
RECORDS = [
    record(0, b"software: a test", "Content-Type: application/warc-fields", kind="warcinfo"),
    record(1, PAGE),
    record(2, b"GET / HTTP/1.1\r\n\r\n", "Content-Type: application/http; msgtype=request", kind="request"),
    record(3, gzip.compress(PAGE), "Content-Type: text/html; charset=latin-1\r\nContent-Encoding: gzip"),
    record(4, PAGE, "Content-Type: text/html; charset=latin-1\r\nContent-Encoding: gzip"),
    record(5, chunked(PAGE), "Content-Type: application/xhtml+xml; charset=latin-1\r\nTransfer-Encoding: chunked"),
    record(6, b"plain", "Content-Type: text/plain"),
    record(7, b"\x89PNG", "Content-Type: image/png"),
    record(8, b"gone", status="404 Not Found"),
    record(9, "WET töxt\nWARC/1.0\r\nline".encode(), "Content-Type: text/plain", kind="conversion"),
    record(10, b"<p>resource", "Content-Type: text/html", kind="resource"),
    record(11, b"no gzip", "Content-Type: text/html\r\nContent-Encoding: gzip"),
    record(12, PAGE, "Server: nameless"),
]
WARC_RESULT = "0P 1H 2P 3H 4H 5H 6T 7P 8P 9T 10H 11B 12H".split()


def mark(item: Item) -> str:
    if isinstance(item, Record):
        return "T" if item.text is not None else "H"
    return type(item).__name__[0]


WARC_PACKINGS: dict[str, Callable[[list[bytes]], bytes]] = {
    ".warc": b"".join,
    ".warc.gz": lambda records: b"".join(gzip.compress(data, mtime=0) for data in records),
    ".warc.zst": lambda records: b"".join(map(zst, records)),
    ".solid.warc.gz": lambda records: gzip.compress(b"".join(records), mtime=0),
    ".solid.warc.zst": lambda records: zst(b"".join(records)),
    ".blocks.warc.gz": lambda records: b"".join(
        gzip.compress(b"".join(records)[at : at + 700], mtime=0) for at in range(0, len(b"".join(records)), 700)
    ),
}


@pytest.mark.parametrize("suffix", WARC_PACKINGS)
def test_warc_records_become_pages_text_or_are_passed_over(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(WARC_PACKINGS[suffix](RECORDS))
    items = read(input_of(path, InputFormat.WARC))
    assert [f"{number}{mark(item)}" for number, item in enumerate(items)] == WARC_RESULT
    for number in (1, 3, 4, 5):
        page = items[number]
        assert isinstance(page, Record)
        assert (page.html, page.charset, page.url) == (PAGE, "latin-1", f"https://a.example/{number}")
        assert page.id == page.fields["id"] == f"<urn:uuid:{number:032x}>"
    assert [item.reason for item in items if isinstance(item, Passed)] == [
        "WARC record of type warcinfo",
        "WARC record of type request",
        "content type image/png",
        "HTTP status 404",
    ]
    packed = suffix in (".warc.gz", ".warc.zst")
    members = [len(WARC_PACKINGS[suffix]([data])) if packed else len(data) for data in RECORDS]
    assert [item.offset for item in items] == [sum(members[:number]) for number in range(len(members))]


@pytest.mark.parametrize("suffix", WARC_PACKINGS)
def test_warc_records_come_out_once_and_in_order_through_chunks_of_any_size(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(WARC_PACKINGS[suffix](RECORDS))
    source = input_of(path, InputFormat.WARC)
    whole = read(source)
    for size in [1, *range(40, 4 * path.stat().st_size + 40, 61)]:
        chunks = list(split_input(source, 0, size))
        assert [item for chunk in chunks for item in read_chunk(chunk, FIELDS)] == whole
        middle = len(chunks) // 2
        assert list(split_input(source, chunks[middle].start, size)) == chunks[middle:]


@pytest.mark.parametrize("place", range(4, 100, 8))
@pytest.mark.parametrize("kind", ["flipped", "zeroed", "junk", "cut"])
@pytest.mark.parametrize("suffix", WARC_PACKINGS)
def test_damage_in_a_warc_file_is_reported_and_the_rest_goes_on(
    tmp_path: Path, suffix: str, kind: str, place: int
) -> None:
    pytest.importorskip("fastwarc")
    rng = random.Random(place)
    bodies = ["<p>" + "".join(rng.choices("abcdefgh ", k=rng.randint(50, 3000))) for _ in range(30)]
    data = bytearray(WARC_PACKINGS[suffix]([record(n, body.encode()) for n, body in enumerate(bodies)]))
    at = len(data) * place // 100
    if kind == "flipped":
        data[at] ^= 0x55
    elif kind == "zeroed":
        data[at : at + 60] = bytes(60)
    elif kind == "junk":
        data[at:at] = rng.randbytes(500)
    else:
        del data[at:]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    source = input_of(path, InputFormat.WARC)
    items = read(source)
    good = [item for item in items if isinstance(item, Record) and item.html in {body.encode() for body in bodies}]
    broken = [item for item in items if isinstance(item, Broken)]
    packed = suffix != ".warc"
    if kind == "cut":
        assert "cut off" in broken[-1].reason
        assert len(good) >= 30 * place // 100 - 8 or suffix == ".solid.warc.zst"  # it is one block
    elif "solid" not in suffix:
        assert len(good) >= 27
        assert broken or len(good) == 30 or not packed
    for size in (100, 997, 4000):
        chunks = list(split_input(source, 0, size))
        again = [item for chunk in chunks for item in read_chunk(chunk, FIELDS)]
        assert [(type(item), item.offset) for item in again] == [(type(item), item.offset) for item in items]


def test_headers_of_servers_and_crawlers_are_read_leniently(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    brotli = b"\x8b\n\x80" + PAGE + b"\x03"  # short enough to be stored as it is
    with_br = record(0, brotli, "Content-Type: text/html\r\nContent-Encoding: br")
    head, _, response = record(1, PAGE).replace(b"\r\n", b"\n").partition(b"\n\n")
    with_lf = re.sub(rb"\d+$", b"%d" % len(response.removesuffix(b"\n\n")), head) + b"\n\n" + response
    with_junk = record(2, PAGE, "no header at all\r\nX: \u00fc\r\n folded\r\nContent-Type:text/html")
    in_brackets = record(3, PAGE).replace(b"https://a.example/3", b"<https://a.example/3>")
    unknown = record(4, PAGE[3:], "Content-Type: text/html\r\nContent-Encoding: pack200")
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join([with_br, with_lf, with_junk, in_brackets, unknown]))
    items = read(input_of(path, InputFormat.WARC))
    assert [mark(item) for item in items] == ["H", "H", "H", "H", "B"]
    assert [item.html for item in items if isinstance(item, Record)] == [PAGE] * 4
    assert [item.url for item in items if isinstance(item, Record)] == [f"https://a.example/{n}" for n in range(4)]


def test_a_warc_file_with_a_dictionary_is_read(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    records = [record(n, b"<p>some words that every page has, and number %d" % n) for n in range(50)]
    dictionary = zstandard.train_dictionary(2000, records * 20)
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    content = zst(dictionary.as_bytes())
    first = b"\x5d\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
    path = tmp_path / "a.warc.zst"
    path.write_bytes(first + b"".join(packer.compress(data) for data in records))
    source = input_of(path, InputFormat.WARC)
    for size in (1 << 20, 4000, 333):
        assert [mark(item) for item in read(source, size)] == ["H"] * 50
    path.write_bytes(b"".join(packer.compress(data) for data in records))
    items = read(input_of(path, InputFormat.WARC))
    assert {type(item) for item in items} == {Broken}
    assert "dictionary" in next(item.reason for item in items if isinstance(item, Broken))


@pytest.mark.parametrize("suffix", WARC_PACKINGS)
def test_a_warc_record_that_is_too_large_is_broken_and_the_rest_goes_on(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(WARC_PACKINGS[suffix]([RECORDS[1], record(2, b"<p>" + b"x" * 3_000_000), RECORDS[3]]))
    source = input_of(path, InputFormat.WARC)
    for size in (1 << 10, 1 << 22):
        chunks = split_warc(source, 0, size, 1 << 20)
        assert [mark(item) for chunk in chunks for item in read_warc(chunk, 1 << 20)] == ["H", "B", "H"]


REMOTE = {"a.jsonl": JSONL, "b/c.jsonl.gz": gzip.compress(JSONL), "b/d.warc.gz": WARC_PACKINGS[".warc.gz"](RECORDS)}
REMOTE |= {"b/e.warc": b"".join(RECORDS), "b/f.warc.zst": WARC_PACKINGS[".warc.zst"](RECORDS), "b/page.html": b"<p>"}


def read_remote(folder: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    files = {**REMOTE, "g.parquet": b""}
    parquet.write_table(TYPED, tmp_path / "g.parquet", row_group_size=10)
    files["g.parquet"] = (tmp_path / "g.parquet").read_bytes()
    for name, data in files.items():
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(data)
        addresses.upload(local / name, f"{folder}/{name}")
    found = addresses.expand(folder)
    assert found == sorted(f"{folder}/{name}" for name in files if name != "b/page.html")
    assert addresses.expand(f"{folder}/b/*.warc*") == [
        f"{folder}/b/{name}" for name in ("d.warc.gz", "e.warc", "f.warc.zst")
    ]
    assert addresses.expand(f"{folder}/b/page.html") == [f"{folder}/b/page.html"]
    assert addresses.expand(folder, lambda name: name.endswith(".html")) == [f"{folder}/b/page.html"]
    assert addresses.read_bytes(f"{folder}/a.jsonl", 3, 9) == JSONL[3:9]
    private = addresses.is_private(folder)
    for address in found:
        form = format_of(address)
        assert form is not None
        size, stamp = addresses.stat(address)
        assert size
        assert stamp
        name = address.removeprefix(f"{folder}/")
        source = Input(address, form, name, size, stamp)
        path = local / name
        for chunk_bytes in (500, 1 << 20):
            chunks = list(split_input(source, 0, chunk_bytes))
            assert all(chunk.data is not None for chunk in chunks) or not private
            items = [item for chunk in chunks for item in read_chunk(chunk, FIELDS)]
            expected = [item._replace(source=address) for item in read(Input(str(path), form, name, size), chunk_bytes)]
            assert items == expected
            middle = len(chunks) // 2
            assert list(split_input(source, chunks[middle].start, chunk_bytes)) == chunks[middle:]


def test_files_in_fsspecs_memory_travel_with_their_chunks(tmp_path: Path) -> None:
    read_remote("memory://corpus", tmp_path)


@pytest.mark.engines
def test_files_on_s3_are_read_by_the_workers(bucket: str, tmp_path: Path) -> None:
    read_remote(f"{bucket}/read", tmp_path)
    source = Input(f"{bucket}/read/a.jsonl", InputFormat.JSONL, "a.jsonl", len(JSONL))
    assert {chunk.data for chunk in split_input(source, 0, 100)} == {None}


def test_a_changed_file_has_another_stamp(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{}")
    addresses.upload(tmp_path / "a.jsonl", "memory://stamps/a.jsonl")
    first = addresses.stat("memory://stamps/a.jsonl")
    addresses.upload(tmp_path / "a.jsonl", "memory://stamps/a.jsonl")
    assert addresses.stat("memory://stamps/a.jsonl") != first


@pytest.mark.parametrize("address", ["missing.jsonl", "memory://missing.jsonl", "nosuchscheme://a/b.jsonl"])
def test_what_is_not_there_is_an_input_error(address: str, tmp_path: Path) -> None:
    address = address if "://" in address else str(tmp_path / address)
    with pytest.raises(InputError, match=r"missing\.jsonl|nosuchscheme"):
        addresses.stat(address)
    with pytest.raises(InputError):
        list(split_input(Input(address, InputFormat.JSONL, "a.jsonl", 10)))
    with pytest.raises(InputError):
        addresses.read_bytes(address)
    if "://" in address:
        with pytest.raises(InputError):
            addresses.expand(address)


def test_standard_input_is_read_once_as_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, form, data in [
        ("in.jsonl", InputFormat.JSONL, JSONL),
        ("in.jsonl.gz", InputFormat.JSONL, gzip.compress(JSONL)),
        ("in.warc.gz", InputFormat.WARC, WARC_PACKINGS[".warc.gz"](RECORDS)),
    ]:
        (tmp_path / name).write_bytes(data)
        expected = [item._replace(source="-") for item in read(input_of(tmp_path / name, form))]
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        with open(reading) as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            items = read(Input("-", form, name), 100)
        assert [item._replace(offset=0) for item in items] == [item._replace(offset=0) for item in expected]
        with (tmp_path / name).open() as stream:  # as with <, not |
            monkeypatch.setattr(sys, "stdin", stream)
            assert read(Input("-", form, name), 100) == items


@pytest.mark.parametrize(
    ("missing", "name", "form"),
    [
        ("pyarrow", "a.parquet", InputFormat.PARQUET),
        ("zstandard", "a.jsonl.zst", InputFormat.JSONL),
        ("fastwarc", "a.warc", InputFormat.WARC),
        ("fsspec", "memory://a.jsonl", InputFormat.JSONL),
    ],
)
def test_a_missing_package_is_named_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, name: str, form: InputFormat
) -> None:
    path = tmp_path / name.rpartition("/")[2]
    path.write_bytes(zst(JSONL) if name.endswith(".zst") else RECORDS[1] if form is InputFormat.WARC else b"PAR1")
    for module in [module for module in sys.modules if module.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    address = name if "://" in name else str(path)
    with pytest.raises(InputError, match=rf"needs {missing}: pip install 'dechrome\[corpus\]'"):
        read(Input(address, form, path.name, path.stat().st_size))


def test_importing_the_readers_and_writers_imports_no_extra() -> None:
    code = (
        "import sys, dechrome.batch.addresses, dechrome.batch.readers.jsonl, dechrome.batch.readers.parquet,"
        " dechrome.batch.readers.warc, dechrome.batch.writers.parquet, dechrome.batch.writers.wet;"
        "print(*{'pyarrow', 'fastwarc', 'fsspec', 'zstandard'} & {*sys.modules})"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.strip() == ""


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst", "parquet", "warc", "warc.gz"])
def test_the_shares_of_all_chunks_make_a_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        parquet.write_table(TYPED, path, row_group_size=7)
    elif "warc" in suffix:
        path.write_bytes(WARC_PACKINGS[f".{suffix}"](RECORDS))
    else:
        path.write_bytes(PACKERS[suffix.removeprefix("jsonl")](JSONL))
    form = format_of(path.name)
    assert form is not None
    assert sum(chunk.share for chunk in split_input(input_of(path, form), 0, 300)) == pytest.approx(1)


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst", ".warc.gz", ".warc.zst", ".solid.warc.gz"])
def test_a_packed_file_that_unpacks_to_very_much_takes_little_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if "warc" in suffix:
        pytest.importorskip("fastwarc")
        path.write_bytes(WARC_PACKINGS[suffix]([RECORDS[1], record(2, bytes(60_000_000)), RECORDS[3]]))
    else:
        path.write_bytes(
            PACKERS[suffix.removeprefix(".jsonl")](b'{"text": "a"}\n' + bytes(60_000_000) + b'\n{"text": "b"}')
        )
    form = format_of(path.name)
    assert form is not None
    split, read_one = (
        (split_warc, read_warc) if form is InputFormat.WARC else (split_jsonl, partial(read_jsonl, fields=FIELDS))
    )
    source = input_of(path, form)
    tracemalloc.start()
    try:
        chunks = split(source, 0, 1 << 20, 1 << 20)
        kinds = [type(item) for chunk in chunks for item in read_one(chunk, max_record=1 << 20)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kinds == [Record, Broken, Record]
    assert peak < 24 << 20


def test_frames_to_be_skipped_are_skipped_however_large_they_say_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    skipped = b"\x50\x2a\x4d\x18" + (300_000).to_bytes(4, "little") + bytes(300_000)
    path.write_bytes(zst(b'{"text": "a"}\n') + skipped + zst(b'{"text": "b"}\n'))
    assert [type(item) for item in read(input_of(path, InputFormat.JSONL))] == [Record, Record]
    path.write_bytes(zst(b'{"text": "a"}\n') + b"\x5f\x2a\x4d\x18\xff\xff\xff\xff" + zst(b'{"text": "b"}\n'))
    items = read(input_of(path, InputFormat.JSONL))
    assert [type(item) for item in items] == [Record, Broken, Record]
