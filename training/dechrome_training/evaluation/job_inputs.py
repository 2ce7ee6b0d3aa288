"""What corpus jobs are measured on: pages of a set, their text, synthetic and hostile records, written to files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from dechrome.encoding import decode_html
from dechrome.html_blocks import split_html
from dechrome_training.corpus import read_parquet


def write_gzip(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write records as JSON lines, packed."""
    with gzip.open(path, "wt", encoding="utf-8", errors="replace", compresslevel=6) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_repeated(path: Path, rows: list[dict[str, Any]], count: int) -> None:
    """Write records over and over until they are so many; those of one round are packed once."""
    rounds, rest = divmod(count, len(rows))
    with path.open("wb") as stream:
        for part, times in ((rows, rounds), (rows[:rest], 1)):
            write_gzip(path.with_name("part.gz"), part if times else [])
            packed = path.with_name("part.gz").read_bytes()
            for _ in range(times):
                stream.write(packed)


def read_gzip(path: Path) -> Iterator[dict[str, Any]]:
    """Read packed JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write records as Parquet, 200 in a row group."""
    import pyarrow
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=200)


def html_rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a set, as HTML."""
    for page in read_parquet(data / f"{name}.parquet"):
        if page.html:
            yield {"id": page.id, "url": page.url, "html": page.html}


def text_rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield all visible lines of each page of a set."""
    for row in html_rows(data, name):
        blocks = split_html(decode_html(row["html"].encode("utf-8", "replace"))[0]).blocks
        yield {"id": row["id"], "text": "\n".join(block.text for block in blocks)}


def synthetic_rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield short texts that differ."""
    for number in range(count):
        body = "The ferry leaves the old harbour at noon. " * (1 + number % 5)
        yield {"id": number, "text": f"Home\nNews\n{body}It is trip {number}.\nWe use cookies.\nAccept all"}


def rows_of(rows: Iterable[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """Repeat records until their text has ``size`` bytes."""
    known = list(rows)
    total = 0
    for row in cycle(known):
        if total >= size:
            return
        total += len(row["text"].encode("utf-8", "replace"))
        yield row


def hostile_pages() -> Iterator[tuple[str, str]]:
    """Yield pages of the sorts that make C parsers slow or lose text."""
    yield "deep", "<div>" * 100_000 + "deep"
    yield "attributes", "<p " + " ".join(f"a{number}=x" for number in range(50_000)) + ">many"
    yield "options", "<select>" + "<option>x" * 100_000
    yield "line", "word " * 2_000_000
    yield "surrogates", "<p>a \ud800 b" * 1000
    yield "nothing", ""
    yield "binary", "\0\x01\x02" * 100_000
    yield "inline", "<b><i>" * 50_000 + "x"
    yield "tables", "<table><tr><td>" * 5_000 + "x"
    yield "attribute", '<p title="' + "x" * 5_000_000 + '">long'
