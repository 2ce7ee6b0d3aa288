"""Files packed with gzip or Zstandard, unpacked as a stream: member by member, and on behind damage.

A gzip file is a row of members (RFC 1952), a Zstandard file a row of frames (RFC 8878); both are members here. Where
one cannot be unpacked, or what stands there is none, the next one that can is searched for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, Final, NamedTuple

from dechrome.batch.decoders import GZIP, ZSTD, Decoder, DecodingError, Gzip, Window, Zstd, is_skippable
from dechrome.batch.extras import import_extra
from dechrome.batch.formats import split_suffix

_LEVEL: Final = 5  # of gzip; on text, 6 takes 1.6 times as long for 1% less, 4 takes 0.6 times as long for 3% more
_KEPT: Final = 4 << 20  # packed bytes of a member that are looked through again when it is found damaged

_BOM: Final = b"\xef\xbb\xbf"
_MAX_DICTIONARY: Final = 16 << 20  # bytes; those in use have some 100 KiB

_DICTIONARY: Final = b"\x5d\x2a\x4d\x18"  # https://iipc.github.io/warc-specifications/specifications/warc-zstd/


class Member(NamedTuple):
    """A member begins at byte ``offset`` of the packed file."""

    offset: int


class Damage(NamedTuple):
    """The member at byte ``offset`` of the packed file, or what stands there instead, cannot be read further."""

    offset: int
    reason: str


def compression_of(head: bytes, name: str, plain: bytes) -> str:
    """Return how a file is packed (``gz``, ``zst`` or not) by its first bytes; where they are damaged, by its name.

    ``plain`` is what a file that is not packed begins with: names are wrong, too.

    >>> compression_of(b"{}", "a.jsonl.gz", b"{"), compression_of(b"....", "a.jsonl.gz", b"{")
    ('', 'gz')
    """
    if head.startswith(GZIP):
        return "gz"
    if head.startswith(ZSTD) or is_skippable(head):
        return "zst"
    return "" if not head or head.removeprefix(_BOM).lstrip().startswith(plain) else split_suffix(name)[2]


def pack(data: bytes, compression: str) -> bytes:
    """Pack bytes as one member, the same bytes the same way every time."""
    if compression == "gz":
        packer = zlib.compressobj(_LEVEL, wbits=31)  # writes no time
        return packer.compress(data) + packer.flush()
    if compression == "zst":
        packed: bytes = import_extra("zstandard", "Writing .zst").ZstdCompressor(level=3).compress(data)
        return packed
    return data


def dictionary_size(head: bytes) -> int:
    """Return the size of the frame with a dictionary that a ``.warc.zst`` begins with, 0 where there is none."""
    size = struct.unpack("<I", head[4:8])[0] if head.startswith(_DICTIONARY) and len(head) >= 8 else 0
    return 8 + size if 0 < size <= _MAX_DICTIONARY else 0


def read_dictionary(frame: bytes) -> bytes | None:
    """Return the dictionary in the first frame of a ``.warc.zst``, ``None`` where it is damaged."""
    content = frame[8:]
    if not content.startswith(ZSTD):
        return content
    zstandard = import_extra("zstandard", "Reading .zst")
    try:
        with zstandard.ZstdDecompressor().stream_reader(content) as reader:
            return bytes(reader.read(_MAX_DICTIONARY))
    except zstandard.ZstdError:
        return None


def unpack(
    stream: BinaryIO,
    compression: str,
    *,
    position: int = 0,
    stop: int | None = None,
    searching: bool = False,
    starts: Callable[[bytes], bool] = bool,
    dictionary: bytes | None = None,
) -> Iterator[bytes | Member | Damage]:
    """Unpack a stream that stands at byte ``position`` of its file: each member's offset, then its bytes.

    ``searching`` passes over what stands before the first member that can be found. With ``stop``, nothing is
    searched for from there on, and the first member at or behind it is only named, if it is one: then its unpacked
    bytes begin as ``starts`` demands. So two readers of neighbouring ranges see every member and all damage once.
    """
    window = Window(stream, position)
    if not compression:
        yield Member(position)
        while window.fill():
            yield window.take()
        return
    codec = Gzip() if compression == "gz" else Zstd(dictionary)
    while True:
        if searching and not _search(window, codec, starts, stop):
            return
        if codec.skips_zeros and not searching:
            window.skip_zeros()
        if not window.has(1):
            return
        offset = window.base
        limited = stop is not None and offset >= stop
        begins = searching or codec.begins(window)
        reason = "" if begins else f"no {codec.name} starts here"
        if limited and begins:
            reason = _find_fault(window, codec, starts)
        if not reason:
            yield Member(offset)
        if not reason and not limited:
            reason = yield from _decode(window, codec, starts)
        if reason:
            yield Damage(offset, reason)
        if limited:
            return
        searching = bool(reason)
        if not begins:
            window.drop(1)


def _decode(window: Window, codec: Gzip | Zstd, starts: Callable[[bytes], bool]) -> Generator[bytes, None, str]:
    """Yield the bytes of the member at the window's start and move on behind it.

    Where it is damaged, the reason is returned, and the window stands behind the first byte of what is kept of it.
    """
    decoder = codec.open()
    at = 0
    reason = ""
    fresh = whole = True
    while not decoder.done and not reason:
        output, used, reason = _step(decoder, codec, window, at)
        if output and fresh and not starts(output):
            output, reason = b"", _begins_otherwise(codec)
        if output:
            fresh = False
            yield output
        if not reason:
            at += used
        if at > _KEPT:
            window.drop(at)
            at, whole = 0, False
    window.drop(at if not reason else 1 if whole else 0)
    return reason


def _find_fault(window: Window, codec: Gzip | Zstd, starts: Callable[[bytes], bool]) -> str:
    """Return why the member at the window's start would not even begin as it should, if so."""
    decoder = codec.open()
    at = 0
    while not decoder.done and at <= _KEPT:
        output, used, reason = _step(decoder, codec, window, at)
        if output:
            return "" if starts(output) else _begins_otherwise(codec)
        if reason:
            return reason
        at += used
    return ""  # an empty one, or one to be skipped


def _step(decoder: Decoder, codec: Gzip | Zstd, window: Window, at: int) -> tuple[bytes, int, str]:
    """Unpack some bytes: those, how many packed ones they took, and why there will be no more."""
    try:
        output, used = decoder.step(window, at)
    except DecodingError as error:
        return error.output, 0, f"damaged {codec.name}: {error}"
    return output, used, "" if output or used else f"cut off inside a {codec.name}"


def _begins_otherwise(codec: Gzip | Zstd) -> str:
    return f"a {codec.name} with something else inside"


def _search(window: Window, codec: Gzip | Zstd, starts: Callable[[bytes], bool], stop: int | None) -> bool:
    """Move on to the next member that can be read, before ``stop``; return whether there is one."""
    while True:
        found = codec.find(window.data, 0)
        window.drop(found if found >= 0 else max(0, len(window.data) - len(codec.magic) + 1))
        if stop is not None and window.base >= stop:
            return False
        if found < 0:
            if not window.fill():
                return False
        elif codec.begins(window) and not _find_fault(window, codec, starts):
            return True
        else:
            window.drop(1)
