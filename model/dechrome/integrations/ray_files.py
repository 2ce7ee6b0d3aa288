"""Corpus files as rows of Ray Data: chunks of JSON lines or Parquet, which are read, cleaned and written.

A chunk is a row: its ``source``, its ``offset`` (of JSON lines the byte of the unpacked file at which it starts, of
Parquet the row) and its ``data``, lines or Arrow's stream format. A ``problem`` stands for one that cannot be read.
Records of any shape fit in one dataset this way, and none becomes what it was not.
"""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from ray.data.block import BlockAccessor
from ray.data.datasource import Datasink, WriteResult

from dechrome.batch.cleaning import Options, Status, clean_items
from dechrome.batch.records import Broken, Fields, Record, make_record
from dechrome.errors import InputError
from dechrome.integrations.rows import REASON, STATUS, model_of
from dechrome.integrations.tables import clean_table

CHUNK_BYTES: Final = 1 << 20  # of JSON lines in a chunk
CHUNK_ROWS: Final = 128  # of Parquet in a chunk
BLOCK_BYTES: Final = 8 << 20  # of chunks that an actor gets at a time: some hundred pages
FILE_BYTES: Final = 256 << 20  # of chunks in an output file, about
STATE: Final = "_dechrome"  # the folder in the output for all but records
PARQUET: Final = ".parquet"
_PACKED: Final = (".gz", ".zst")
_SUFFIXES: Final = {PARQUET} | {f".{name}{packed}" for name in ("jsonl", "ndjson") for packed in ("", *_PACKED)}
_CHUNK: Final = pa.schema({"source": pa.string(), "offset": pa.int64(), "data": pa.binary(), "problem": pa.string()})
_CLEANED: Final = pa.schema(
    {"suffix": pa.string(), "data": pa.binary(), "lost": pa.binary()} | {status.value: pa.int64() for status in Status}
)


def find_files(paths: Sequence[str]) -> list[str]:
    """Return the files of JSON lines and of Parquet among files and in folders.

    Raises:
        InputError: a file is missing or of another format, or there is none in a folder.
    """
    files: list[str] = []
    for path in paths:
        system, place = locate(path)
        info = system.get_file_info(place)
        found = [place]
        if info.type is pafs.FileType.Directory:
            found = sorted(item.path for item in system.get_file_info(pafs.FileSelector(place, recursive=True)))
        wanted = [path.removesuffix(place) + name for name in found if suffix_of(name) in _SUFFIXES]
        if info.type is pafs.FileType.NotFound or not wanted:
            raise InputError(
                f"{path}: no file of JSON lines (.jsonl, .ndjson, also .gz and .zst) or Parquet (.parquet)"
            )
        files += wanted
    return files


def suffix_of(name: str) -> str:
    """Return how a file's name ends: what it holds and how it is packed.

    >>> suffix_of("crawl/part.1.jsonl.gz")
    '.jsonl.gz'
    """
    return "".join(Path(name.lower()).suffixes[-2 if name.lower().endswith(_PACKED) else -1 :])


def locate(address: str) -> tuple[Any, str]:
    """Return Arrow's file system for an address, and the path in it.

    Raises:
        InputError: Arrow knows no such file system.
    """
    try:
        system, path = pafs.FileSystem.from_uri(address if "://" in address else str(Path(address).resolve()))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{address} cannot be opened: {error}") from error
    return system, path


def read_chunks(files: pa.Table) -> Iterator[pa.Table]:
    """Read files, a row with the ``source`` of each, as chunks, a table each. Damage ends its file."""
    for source in files.column("source").to_pylist():
        chunk = {"source": source, "offset": 0}
        try:
            for data, step in _read_parquet(source) if suffix_of(source) == PARQUET else _read_lines(source):
                yield pa.Table.from_pylist([chunk | {"data": data}], schema=_CHUNK)
                chunk["offset"] += step
        except (pa.ArrowException, OSError, ValueError) as error:
            yield pa.Table.from_pylist([chunk | {"problem": f"cannot be read from here on: {error}"}], schema=_CHUNK)


def clean_chunks(chunks: pa.Table, options: Options) -> pa.Table:
    """Clean chunks: ``data`` is what was kept, ``lost`` the lines of the quarantine; and the numbers of records."""
    return pa.Table.from_pylist([_clean_chunk(chunk, options) for chunk in chunks.to_pylist()], schema=_CLEANED)


class ChunkSink(Datasink):  # type: ignore[misc]
    """Writes cleaned chunks into the folder ``out``: a file of each format for a task, named by the task's number."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.counts: Counter[str] = Counter()

    @property
    def min_bytes_per_write(self) -> int:
        """How much a task writes at least, where there is as much."""
        return FILE_BYTES

    def write(self, blocks: Iterable[Any], ctx: Any) -> dict[str, int]:
        """Write what was kept and what was quarantined; return the numbers of records."""
        stem = f"part-{ctx.task_idx:05d}"
        chunks = [row for block in blocks for row in BlockAccessor.for_block(block).to_arrow().to_pylist()]
        kept: dict[str, list[bytes]] = {}
        for chunk in chunks:
            if chunk["data"]:
                kept.setdefault(chunk["suffix"], []).append(chunk["data"])
        for suffix, parts in kept.items():
            if suffix == PARQUET:
                _write_parquet(f"{self.out}/{stem}", parts)
            else:
                write_file(f"{self.out}/{stem}{suffix}", parts)
        if lost := [chunk["lost"] for chunk in chunks if chunk["lost"]]:
            write_file(f"{self.out}/{STATE}/{stem}.lost", lost)
        return {status.value: sum(chunk[status.value] for chunk in chunks) for status in Status}

    def on_write_complete(self, write_result: WriteResult) -> None:
        """Add up the numbers of all tasks."""
        self.counts = sum(map(Counter, write_result.write_returns), Counter())


def write_file(address: str, parts: Iterable[bytes]) -> None:
    """Write a file, packed as its name says."""
    system, path = locate(address)
    with system.open_output_stream(path) as stream:
        for part in parts:
            stream.write(part)


def begin_output(out: str) -> None:
    """Make the output folder.

    Raises:
        InputError: there is something in it.
    """
    system, path = locate(out)
    if system.get_file_info(pafs.FileSelector(path, allow_not_found=True)):
        raise InputError(f"{out} is not empty: a job begins with an empty folder, and is not resumed")
    system.create_dir(f"{path}/{STATE}", recursive=True)


def finish_output(out: str, report: str) -> None:
    """Join the tasks' lines of quarantine, and say that the job is done."""
    system, path = locate(f"{out}/{STATE}")
    found = sorted(item.path for item in system.get_file_info(pafs.FileSelector(path)) if item.path.endswith(".lost"))
    with system.open_output_stream(f"{path}/quarantine.jsonl") as stream:
        for part in found:
            with system.open_input_stream(part) as lines:
                shutil.copyfileobj(lines, stream)
    for part in found:
        system.delete_file(part)
    write_file(f"{out}/{STATE}/report.json", [report.encode()])


def _read_lines(source: str) -> Iterator[tuple[bytes, int]]:
    """Yield runs of whole lines, and their sizes."""
    system, path = locate(source)
    rest = b""
    with system.open_input_stream(path) as stream:
        while block := stream.read(CHUNK_BYTES):
            rest += block
            end = rest.rfind(b"\n") + 1
            if end:
                yield rest[:end], end
                rest = rest[end:]
    if rest:
        yield rest, len(rest)


def _read_parquet(source: str) -> Iterator[tuple[bytes, int]]:
    """Yield runs of rows in Arrow's stream format, and how many they are."""
    system, path = locate(source)
    with system.open_input_file(path) as stream:
        for batch in pq.ParquetFile(stream).iter_batches(batch_size=CHUNK_ROWS):
            yield _to_stream(pa.Table.from_batches([batch])), batch.num_rows


def _clean_chunk(chunk: Mapping[str, Any], options: Options) -> dict[str, Any]:
    suffix = suffix_of(chunk["source"])
    if chunk["problem"]:
        lost = _to_lost(None, chunk["source"], chunk["offset"], chunk["problem"])
        new: dict[str, Any] = {"lost": lost, Status.QUARANTINED: 1}
    else:
        new = _clean_rows(chunk, options) if suffix == PARQUET else _clean_lines(chunk, options)
    return {"suffix": suffix} | dict.fromkeys(Status, 0) | new


def _clean_lines(chunk: Mapping[str, Any], options: Options) -> dict[str, Any]:
    cleaned = list(clean_items(_parse_lines(chunk, options.fields), options, model_of(options)))
    data = b"".join(_to_line(one.record) for one in cleaned if one.status is Status.KEPT)
    lost = b"".join(
        _to_lost(one.id, one.source, one.offset, one.reason) for one in cleaned if one.status is Status.QUARANTINED
    )
    return Counter(one.status for one in cleaned) | {"data": data, "lost": lost}


def _clean_rows(chunk: Mapping[str, Any], options: Options) -> dict[str, Any]:
    table = pa.ipc.open_stream(chunk["data"]).read_all()
    ids = (
        table.column(options.fields.id).to_pylist() if options.fields.id in table.column_names else [None] * len(table)
    )
    table = clean_table(table, options)
    statuses, reasons = (table.column(name).to_pylist() for name in (STATUS, REASON))
    kept = table.filter(pc.equal(table.column(STATUS), Status.KEPT.value)).drop_columns([STATUS, REASON])
    lost = (
        _to_lost(None if name is None else str(name), chunk["source"], chunk["offset"] + row, reason)
        for row, (name, status, reason) in enumerate(zip(ids, statuses, reasons, strict=True))
        if status == Status.QUARANTINED
    )
    return Counter(statuses) | {"data": _to_stream(kept) if len(kept) else b"", "lost": b"".join(lost)}


def _parse_lines(chunk: Mapping[str, Any], fields: Fields) -> Iterator[Record | Broken]:
    source, offset = chunk["source"], chunk["offset"]
    for line in io.BytesIO(chunk["data"]):
        if line.strip():
            yield _parse(source, offset, line, fields)
        offset += len(line)


def _parse(source: str, offset: int, line: bytes, fields: Fields) -> Record | Broken:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return Broken(source, offset, f"invalid JSON: {error}")
    if not isinstance(row, dict):
        return Broken(source, offset, f"a line is a JSON object, not {type(row).__name__}")
    return make_record(source, offset, row, fields)


def _to_line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"  # lone surrogates


def _to_lost(name: str | None, source: str, offset: int, reason: str) -> bytes:
    return _to_line({"id": name, "source": source, "offset": offset, "reason": reason})


def _to_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _write_parquet(stem: str, streams: Sequence[bytes]) -> None:
    """Write a file for each run of tables that have the same columns."""
    tables = (pa.ipc.open_stream(data).read_all() for data in streams)
    for number, (_, run) in enumerate(groupby(tables, lambda table: table.schema)):
        system, path = locate(f"{stem}{f'-{number}' if number else ''}{PARQUET}")
        with system.open_output_stream(path) as stream:
            pq.write_table(pa.concat_tables(run), stream, compression="zstd")
