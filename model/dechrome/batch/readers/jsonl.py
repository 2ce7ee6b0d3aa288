"""JSON lines: plain files by ranges of bytes, packed ones as a stream that the splitting process unpacks.

A position is a byte of the unpacked file; behind damage, one more for each damage, since how much is lost cannot be
known. A line belongs to the chunk in which it starts.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from dechrome.batch.addresses import is_private, open_input, peek
from dechrome.batch.compression import Damage, Member, compression_of, unpack
from dechrome.batch.formats import MAX_RECORD
from dechrome.batch.readers.shares import add_shares
from dechrome.batch.records import Broken, Chunk, Fields, Input, Record, make_record

_TAIL: Final = 256 << 10  # bytes read at a time to find the end of a range's last line
_TOO_LONG: Final = f"a line of more than {MAX_RECORD >> 20} MiB"
_BOM: Final = b"\xef\xbb\xbf"


def split_jsonl(source: Input, start: int, chunk_bytes: int, max_record: int = MAX_RECORD) -> Iterator[Chunk]:
    """Cut a file of JSON lines into chunks of about ``chunk_bytes`` unpacked bytes, from ``start`` on."""
    private = is_private(source.address)
    with open_input(source.address) as stream:
        compression = compression_of(peek(stream, 64), source.address, b"{")
        if compression or private:
            chunks = _cut(source, unpack(stream, compression), chunk_bytes, max_record)
            for chunk in add_shares(chunks, stream, source.size):
                if chunk.start >= start:
                    yield chunk
            return
    for begin in range(start, source.size, chunk_bytes):
        stop = min(begin + chunk_bytes, source.size)
        yield Chunk(source, begin, stop, share=(stop - begin) / source.size)


def read_jsonl(chunk: Chunk, fields: Fields, max_record: int = MAX_RECORD) -> Iterator[Record | Broken]:
    """Read the lines of a chunk."""
    address = chunk.source.address
    if chunk.damage:
        yield from _read_damaged(chunk, fields)
        return
    lines = _lines_in(chunk.data, chunk.start) if chunk.data is not None else _lines_of_range(chunk, max_record)
    for line in lines:
        if len(line.data) > max_record:
            yield Broken(address, line.offset, _TOO_LONG)
            continue
        item = _parse(address, line, fields)
        if item is not None:
            yield item


class _Line(NamedTuple):
    offset: int
    data: bytes


def _cut(source: Input, events: Iterable[bytes | Member | Damage], size: int, max_record: int) -> Iterator[Chunk]:
    """Cut a stream behind the first line end at or after ``size`` bytes of each chunk."""
    held = bytearray()  # the chunk so far; while skipping, nothing
    start = 0  # of the chunk
    skipped = 0  # bytes of a line that is too long to be held
    for event in events:
        if isinstance(event, Member):
            continue
        if isinstance(event, Damage):
            whole = held.rfind(b"\n") + 1
            if whole:
                yield Chunk(source, start, start + whole, _take(held, whole))
                start += whole
            tail = bytes(held)
            stop = start + len(tail) + skipped + 1
            yield Chunk(source, start, stop, tail, damage=f"{event.reason}, at byte {event.offset} of the packed file")
            held, start, skipped = bytearray(), stop, 0
            continue
        if skipped:
            end = event.find(b"\n") + 1
            if not end:
                skipped += len(event)
                continue
            yield Chunk(source, start, start + skipped + end, damage=_TOO_LONG)
            start, skipped, event = start + skipped + end, 0, event[end:]
        searched = len(held)
        held += event
        while (end := held.find(b"\n", max(size - 1, searched)) + 1) > 0:
            yield Chunk(source, start, start + end, _take(held, end))
            start, searched = start + end, 0
        if len(held) > max_record:
            whole = held.rfind(b"\n") + 1
            if len(held) - whole > max_record:
                if whole:
                    yield Chunk(source, start, start + whole, _take(held, whole))
                start, skipped, held = start + whole, len(held), bytearray()
    if skipped:
        yield Chunk(source, start, start + skipped, damage=_TOO_LONG)
    elif held:
        yield Chunk(source, start, start + len(held), bytes(held))


def _take(held: bytearray, size: int) -> bytes:
    with memoryview(held) as view:
        taken = bytes(view[:size])
    del held[:size]
    return taken


def _read_damaged(chunk: Chunk, fields: Fields) -> Iterator[Record | Broken]:
    """Read the line before damage, if it is a whole one."""
    address = chunk.source.address
    before = chunk.data or b""
    item = _parse(address, _Line(chunk.start, before), fields)
    if isinstance(item, Record):
        yield item
    yield Broken(address, chunk.start + (len(before) if isinstance(item, Record) else 0), chunk.damage)


def _lines_in(data: bytes, start: int) -> Iterator[_Line]:
    for line in io.BytesIO(data):
        yield _Line(start, line)
        start += len(line)


def _lines_of_range(chunk: Chunk, max_record: int) -> Iterator[_Line]:
    """Read the lines that start in a range of a plain file; of one that is too long, its beginning."""
    before = min(1, chunk.start)  # whether a line starts where the range does, the byte before it says
    with open_input(chunk.source.address, chunk.start - before, ahead=_TAIL) as stream:
        data = stream.read(chunk.stop - chunk.start + before)
        first = data.find(b"\n") + 1 if before else 0
        if (before and not first) or first == len(data):
            return
        last = data.rfind(b"\n") + 1
        yield from _lines_in(data[first : max(first, last)], chunk.start - before + first)
        line = bytearray(data[max(first, last) :])
        if not line:
            return
        offset = chunk.start - before + len(data) - len(line)
        del data
        while len(line) <= max_record + 1 and (more := stream.read(_TAIL)):
            end = more.find(b"\n") + 1
            line += more[:end] if end else more
            if end:
                break
        yield _Line(offset, bytes(line))


def _parse(address: str, line: _Line, fields: Fields) -> Record | Broken | None:
    data = line.data.removeprefix(_BOM) if not line.offset else line.data
    if not data.strip():
        return None
    try:
        row = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Broken(address, line.offset, _describe(data, error))
    if not isinstance(row, dict):
        return Broken(address, line.offset, f"a line is a JSON object, not {type(row).__name__}")
    return make_record(address, line.offset, row, fields)


def _describe(data: bytes, error: Exception) -> str:
    if not data.strip(b"\0\r\n"):
        return f"a line of {len(data.rstrip())} NUL bytes"
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start} of the line"
    if isinstance(error, RecursionError):
        return "invalid JSON: nested too deeply"
    return f"invalid JSON: {error}"
