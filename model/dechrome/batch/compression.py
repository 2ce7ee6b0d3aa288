"""Files packed with gzip or Zstandard, unpacked as a stream: member by member, and on behind damage.

A gzip file is a row of members (RFC 1952), a Zstandard file a row of frames (RFC 8878); both are members here. Where
one cannot be unpacked, or what stands there is none, the next one that can is searched for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from dechrome.batch.extras import import_extra
from dechrome.batch.formats import split_suffix

_READ: Final = 256 << 10  # bytes of the packed file at a time
_FEED: Final = 64 << 10  # packed bytes for the decoder at a time
_PIECE: Final = 1 << 20  # unpacked bytes at a time, at most, however well they were packed
_KEPT: Final = 4 << 20  # packed bytes of a member that are looked through again when it is found damaged

_BOM: Final = b"\xef\xbb\xbf"
_MAX_DICTIONARY: Final = 16 << 20  # bytes; those in use have some 100 KiB

_GZIP: Final = b"\x1f\x8b\x08"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5F
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
    if head.startswith(_GZIP):
        return "gz"
    if head.startswith(_ZSTD) or _is_skippable(head):
        return "zst"
    return "" if not head or head.removeprefix(_BOM).lstrip().startswith(plain) else split_suffix(name)[2]


def pack(data: bytes, compression: str) -> bytes:
    """Pack bytes as one member, the same bytes the same way every time."""
    if compression == "gz":
        packer = zlib.compressobj(6, wbits=31)  # writes no time
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
    if not content.startswith(_ZSTD):
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
    window = _Window(stream, position)
    if not compression:
        yield Member(position)
        while window.fill():
            yield window.take(len(window.data))
        return
    codec = _Gzip() if compression == "gz" else _Zstd(dictionary)
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
            window.take(1)


class _Window:
    """The part of a stream that is looked at: ``data`` starts at ``base``."""

    def __init__(self, stream: BinaryIO, base: int) -> None:
        self.stream = stream
        self.base = base
        self.data = bytearray()

    def fill(self) -> bool:
        """Read on; return whether there was anything."""
        more = self.stream.read(_READ)
        self.data += more
        return bool(more)

    def has(self, size: int) -> bool:
        """Return whether so many bytes are there, after reading on."""
        while len(self.data) < size:
            if not self.fill():
                return False
        return True

    def take(self, size: int) -> bytes:
        """Return the next bytes and move on behind them."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        self.base += len(taken)
        return taken

    def skip_zeros(self) -> None:
        """Move on behind the zeros that pad a file."""
        while self.has(1) and not self.data[0]:
            self.take(len(self.data) - len(self.data.lstrip(b"\0")))


class _DamageError(Exception):
    """The member cannot be decoded further. ``output`` is what could be."""

    def __init__(self, reason: str, output: bytes = b"") -> None:
        super().__init__(reason)
        self.output = output


class _Decoder(Protocol):
    """Unpacks one member."""

    done: bool

    def step(self, window: _Window, at: int) -> tuple[bytes, int]:
        """Return some unpacked bytes and how many packed ones they took, of the window's from ``at`` on.

        Neither any bytes nor any progress: the stream has ended too soon.
        """
        ...


class _Gzip:
    name = "gzip member"
    magic = _GZIP
    skips_zeros = True

    def begins(self, window: _Window) -> bool:
        return window.has(4) and window.data.startswith(_GZIP) and window.data[3] < 0x20  # flags in use

    def find(self, data: bytearray, start: int) -> int:
        return data.find(_GZIP, start)

    def open(self) -> _Decoder:
        return _GzipDecoder()


class _GzipDecoder:
    def __init__(self) -> None:
        self.inner = zlib.decompressobj(wbits=31)
        self.done = False

    def step(self, window: _Window, at: int) -> tuple[bytes, int]:
        window.has(at + _FEED)
        feed = bytes(window.data[at : at + _FEED])
        before = self.inner.copy()
        try:
            output = self.inner.decompress(feed, _PIECE)
        except zlib.error as error:
            raise _DamageError(str(error).partition(": ")[2] or str(error), _salvage(before, feed)) from error
        self.done = self.inner.eof
        return output, len(feed) - len(self.inner.unused_data if self.done else self.inner.unconsumed_tail)


def _salvage(inner: Any, feed: bytes) -> bytes:
    """Return what a decoder makes of the bytes before the one that it stumbles over."""
    output = []
    try:
        for number in range(len(feed)):
            output.append(inner.decompress(feed[number : number + 1]))
    except zlib.error:
        pass
    return b"".join(output)


class _Zstd:
    name = "Zstandard frame"
    magic = _ZSTD
    skips_zeros = False

    def __init__(self, dictionary: bytes | None) -> None:
        self.library = import_extra("zstandard", "Reading .zst")
        self.dictionary = self.library.ZstdCompressionDict(dictionary) if dictionary else None

    def begins(self, window: _Window) -> bool:
        return window.has(4) and (window.data.startswith(_ZSTD) or _is_skippable(bytes(window.data[:4])))

    def find(self, data: bytearray, start: int) -> int:
        return data.find(_ZSTD, start)

    def open(self) -> _Decoder:
        return _ZstdDecoder(self.library, self.dictionary)


class _ZstdDecoder:
    """Feeds the decoder block by block: no block unpacks to more than 128 KiB, and the frame's end is known."""

    def __init__(self, library: Any, dictionary: Any) -> None:
        self.library = library
        self.inner = library.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self.knows = dictionary is not None
        self.checksum: bool | None = None  # unknown before the header
        self.done = False

    def step(self, window: _Window, at: int) -> tuple[bytes, int]:
        if self.checksum is None:
            return self._step_header(window, at)
        if not window.has(at + 3):
            return b"", 0
        header = int.from_bytes(window.data[at : at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == 3:
            raise _DamageError("a block of no known type")
        length = 3 + (1 if kind == 1 else size) + (4 if last and self.checksum else 0)
        if not window.has(at + length):
            return b"", 0
        try:
            output = self.inner.decompress(bytes(window.data[at : at + length]))
        except self.library.ZstdError as error:
            raise _DamageError(str(error)) from error
        self.done = bool(last)
        return output, length

    def _step_header(self, window: _Window, at: int) -> tuple[bytes, int]:
        window.has(at + 18)
        head = bytes(window.data[at : at + 18])
        if _is_skippable(head):
            size = 8 + struct.unpack("<I", head[4:8])[0] if len(head) >= 8 else 0
            if not size or not window.has(at + size):
                return b"", 0
            self.done = True
            return b"", size
        try:
            parameters = self.library.get_frame_parameters(head)
            length = self.library.frame_header_size(head)
            if parameters.dict_id and not self.knows:
                raise _DamageError(f"packed with dictionary {parameters.dict_id}, which the file does not hold")
            output = self.inner.decompress(head[:length])
        except self.library.ZstdError as error:
            raise _DamageError(str(error)) from error
        self.checksum = bool(parameters.has_checksum)
        return output, length


def _decode(window: _Window, codec: _Gzip | _Zstd, starts: Callable[[bytes], bool]) -> Generator[bytes, None, str]:
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
            window.take(at)
            at, whole = 0, False
    window.take(at if not reason else 1 if whole else 0)
    return reason


def _find_fault(window: _Window, codec: _Gzip | _Zstd, starts: Callable[[bytes], bool]) -> str:
    """Return why the member at the window's start would not even begin as it should, if so."""
    decoder = codec.open()
    at = 0
    while not decoder.done:
        output, used, reason = _step(decoder, codec, window, at)
        if output:
            return "" if starts(output) else _begins_otherwise(codec)
        if reason:
            return reason
        at += used
    return ""  # an empty one


def _step(decoder: _Decoder, codec: _Gzip | _Zstd, window: _Window, at: int) -> tuple[bytes, int, str]:
    """Unpack some bytes: those, how many packed ones they took, and why there will be no more."""
    try:
        output, used = decoder.step(window, at)
    except _DamageError as error:
        return error.output, 0, f"damaged {codec.name}: {error}"
    return output, used, "" if output or used else f"cut off inside a {codec.name}"


def _begins_otherwise(codec: _Gzip | _Zstd) -> str:
    return f"a {codec.name} with something else inside"


def _search(window: _Window, codec: _Gzip | _Zstd, starts: Callable[[bytes], bool], stop: int | None) -> bool:
    """Move on to the next member that can be read, before ``stop``; return whether there is one."""
    while True:
        found = codec.find(window.data, 0)
        window.take(found if found >= 0 else max(0, len(window.data) - len(codec.magic) + 1))
        if stop is not None and window.base >= stop:
            return False
        if found < 0:
            if not window.fill():
                return False
        elif codec.begins(window) and not _find_fault(window, codec, starts):
            return True
        else:
            window.take(1)


def _is_skippable(head: bytes) -> bool:
    return len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == _SKIPPABLE
