"""WARC and WET. Packed record by record, as the standard says: by ranges of the packed file; else as a stream.

Packed record by record, a position is a byte of the file, and the splitting process unpacks nothing: a worker finds
the first member in its range that begins as a record does. (A packed WARC inside a WARC, stored without compression
where a range begins, would be taken for records of this file.) A file that is packed as a whole, or not at all, is
unpacked and cut at records by the splitting process; there a position is a byte of the unpacked file, and behind
damage one more for each damage.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import BinaryIO, Final

from dechrome.batch.addresses import STDIN, is_private, open_input, peek, read_bytes
from dechrome.batch.compression import Damage, Member, compression_of, dictionary_size, read_dictionary, unpack
from dechrome.batch.formats import MAX_RECORD
from dechrome.batch.readers.shares import add_shares
from dechrome.batch.readers.warc_records import MAX_HEADER, Extent, find_extent, find_last_extent, parse_record
from dechrome.batch.records import Broken, Chunk, Input, Passed, Record

_PLAIN: Final = b"WARC/"
_PACKING: Final = 4  # times that a packed file is smaller than its records, about; chunks are cut by that
_LOOKED_AT: Final = 3  # members at the start of a file, to see whether each holds one record
_LOOKED_THROUGH: Final = 4 << 20  # unpacked bytes of one of them
_TOO_LARGE: Final = f"a record of more than {MAX_RECORD >> 20} MiB"

_Event = bytes | Member | Damage


def split_warc(source: Input, start: int, chunk_bytes: int, max_record: int = MAX_RECORD) -> Iterator[Chunk]:
    """Cut a WARC file into chunks of about ``chunk_bytes`` unpacked bytes, from ``start`` on."""
    private = is_private(source.address)
    with open_input(source.address) as stream:
        compression = compression_of(peek(stream, 64), source.address, _PLAIN)
        dictionary = None
        if source.address != STDIN and stream.seekable():
            dictionary = _packing_of(source)[1]
            by_record = bool(compression) and _is_by_record(unpack(stream, compression, dictionary=dictionary))
            stream.seek(0)
            if by_record:
                step = max(1, chunk_bytes // _PACKING)
                events = unpack(stream, compression, dictionary=dictionary)
                yield from _cut_members(source, events, step, start) if private else _cut_range(source, step, start)
                return
        events = unpack(stream, compression, dictionary=dictionary)
        chunks = _cut_records(source, events, chunk_bytes, max_record)
        for chunk in add_shares(chunks, stream, source.size):
            if chunk.start >= start:
                yield chunk


def read_warc(chunk: Chunk, max_record: int = MAX_RECORD) -> Iterator[Record | Broken | Passed]:
    """Read the records of a chunk."""
    source = chunk.source
    dictionary = None
    if chunk.damage:
        yield Broken(source.address, chunk.start, chunk.damage)
        return
    if chunk.data is None:
        compression, dictionary = _packing_of(source)
        stream: BinaryIO = open_input(source.address, chunk.start, ahead=max(1 << 16, chunk.stop - chunk.start))
    else:
        name = source.address if is_private(source.address) and not chunk.start else ""
        compression = compression_of(chunk.data[:64], name, _PLAIN)
        if not compression:
            yield from _read_records(source.address, chunk.data, chunk.start)
            return
        stream = io.BytesIO(chunk.data)
    with stream:
        events = unpack(
            stream,
            compression,
            position=chunk.start,
            stop=chunk.stop,
            searching=chunk.start > 0 and chunk.data is None,
            starts=_starts_record,
            dictionary=dictionary,
        )
        yield from _read_members(chunk, events, max_record)


@lru_cache(maxsize=1)
def _packing_of(source: Input) -> tuple[str, bytes | None]:
    """Return how a file is packed, and the dictionary that it begins with."""
    head = read_bytes(source.address, 0, 64)
    compression = compression_of(head, source.address, _PLAIN)
    size = dictionary_size(head)
    return compression, read_dictionary(read_bytes(source.address, 0, size)) if size else None


def _is_by_record(events: Iterable[_Event]) -> bool:
    """Return whether each of the first members of a file holds one record; damaged ones do not count."""
    seen = 0
    held = bytearray()
    for event in events:
        if isinstance(event, bytes):
            held += event
            if len(held) > _LOOKED_THROUGH:
                extent = find_last_extent(held, 0)
                return extent.good and extent.stop > _LOOKED_THROUGH
            continue
        if isinstance(event, Member) and held:
            if not _is_record(held):
                return False
            seen += 1
            if seen == _LOOKED_AT:
                return True
        elif isinstance(event, Damage) and find_last_extent(held, 0).stop < len(held):
            return False  # more than one record before the damage
        held = bytearray()
    return not held or _is_record(held)


def _is_record(data: bytearray) -> bool:
    """Return whether some bytes are one record and nothing else."""
    extent = find_last_extent(data, 0)
    return extent.good and extent.stop <= len(data) and not data[extent.stop :].strip(b"\r\n")


def _cut_range(source: Input, step: int, start: int) -> Iterator[Chunk]:
    for begin in range(start, source.size, step):
        stop = min(begin + step, source.size)
        yield Chunk(source, begin, stop, share=(stop - begin) / source.size)


def _cut_members(source: Input, events: Iterable[_Event], step: int, start: int) -> Iterator[Chunk]:
    """Cut a packed file that only this process can read, at its members: their bytes as they are."""
    begin = 0
    stops = (event.offset for event in events if isinstance(event, Member))
    for stop in (*stops, source.size):
        if stop >= begin + step or begin < stop == source.size:
            if begin >= start:
                data = read_bytes(source.address, begin, stop)
                yield Chunk(source, begin, stop, data, share=(stop - begin) / source.size)
            begin = stop


def _cut_records(source: Input, events: Iterable[_Event], size: int, max_record: int) -> Iterator[Chunk]:
    """Cut an unpacked stream behind the record that fills a chunk."""
    held = bytearray()
    start = whole = 0  # of the chunk in the stream; how much of what is held are whole records
    passed = 0  # bytes of a record that is too large to be held, still to come
    for event in events:
        if isinstance(event, Member):
            continue
        if isinstance(event, Damage):
            if whole:
                yield Chunk(source, start, start + whole, bytes(held[:whole]))
            stop = start + len(held) + 1
            reason = f"{event.reason}, at byte {event.offset} of the packed file"
            yield Chunk(source, start + whole, stop, damage=reason)
            held, start, whole, passed = bytearray(), stop, 0, 0
            continue
        held += event[passed:]
        start, passed = start + min(passed, len(event)), max(0, passed - len(event))
        while (extent := find_extent(held, whole)) is not None and extent.stop <= len(held):
            whole = extent.stop
            if whole >= size:
                yield Chunk(source, start, start + whole, bytes(held[:whole]))
                del held[:whole]
                start, whole = start + whole, 0
        too_large = extent is not None and extent.stop - extent.start > max_record
        if too_large or len(held) - whole > max_record + MAX_HEADER:
            if whole:
                yield Chunk(source, start, start + whole, bytes(held[:whole]))
            stop = start + (extent.stop if extent is not None else len(held))
            yield Chunk(source, start + whole, stop, damage=_TOO_LARGE)
            passed = max(0, stop - start - len(held))
            start, held, whole = stop - passed, bytearray(), 0
    if held.strip(b"\r\n"):
        yield Chunk(source, start, start + len(held), bytes(held))


def _read_members(chunk: Chunk, events: Iterable[_Event], max_record: int) -> Iterator[Record | Broken | Passed]:
    """Read the records of the members that start in a chunk: when the member has been unpacked without damage."""
    address = chunk.source.address
    offset, held = chunk.start, bytearray()
    for event in events:
        if isinstance(event, bytes):
            if len(held) <= max_record + MAX_HEADER:
                held += event
            continue
        if isinstance(event, Damage) and event.offset == offset:
            held = bytearray()  # what could be unpacked of it is no whole record
        yield from _read_member(address, offset, held, max_record)
        offset, held = event.offset, bytearray()
        if isinstance(event, Damage):
            yield Broken(address, event.offset, event.reason)
        elif event.offset >= chunk.stop:
            return
    yield from _read_member(address, offset, held, max_record)


def _read_member(address: str, offset: int, data: bytearray, max_record: int) -> Iterator[Record | Broken | Passed]:
    if len(data) > max_record + MAX_HEADER:
        yield Broken(address, offset, _TOO_LARGE)
        return
    for item in _read_records(address, bytes(data), 0):
        yield item._replace(offset=offset)


def _read_records(address: str, data: bytes, start: int) -> Iterator[Record | Broken | Passed]:
    at = 0
    while (extent := find_last_extent(data, at)).start < len(data):
        at = min(extent.stop, len(data))
        yield _read_record(address, start, data, extent)


def _read_record(address: str, start: int, data: bytes, extent: Extent) -> Record | Broken | Passed:
    offset = start + extent.start
    if not extent.good:
        return Broken(address, offset, "no WARC record starts here")
    if extent.stop > len(data):
        return Broken(address, offset, "cut off inside a record")
    return parse_record(address, offset, data[extent.start : extent.stop])


def _starts_record(data: bytes) -> bool:
    return _PLAIN.startswith(data[: len(_PLAIN)])  # little may be left of a file that was cut off
