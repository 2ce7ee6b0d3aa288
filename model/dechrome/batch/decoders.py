"""Decoders of gzip members and Zstandard frames that say where one ends, and save what stands before damage."""

from __future__ import annotations

import struct
import zlib
from typing import Any, BinaryIO, Final, Protocol

from dechrome.batch.extras import import_extra

GZIP: Final = b"\x1f\x8b\x08"
ZSTD: Final = b"\x28\xb5\x2f\xfd"

_READ: Final = 256 << 10  # bytes of the packed file at a time
_FEED: Final = 64 << 10  # packed bytes for the decoder at a time
_FIRST_FEED: Final = 1 << 10  # of a member: many are small, and many are none
_PIECE: Final = 1 << 20  # unpacked bytes at a time, at most, however well they were packed
_SKIPPABLE: Final = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5F


class Window:
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

    def take(self) -> bytes:
        """Return all the bytes that are there and move on behind them."""
        taken = bytes(self.data)
        self.drop(len(taken))
        return taken

    def drop(self, size: int) -> None:
        """Move on behind so many bytes that are there."""
        size = min(size, len(self.data))
        del self.data[:size]
        self.base += size

    def skip_zeros(self) -> None:
        """Move on behind the zeros that pad a file."""
        while self.has(1) and not self.data[0]:
            self.drop(len(self.data) - len(self.data.lstrip(b"\0")))


class DecodingError(Exception):
    """The member cannot be decoded further. ``output`` is what could be."""

    def __init__(self, reason: str, output: bytes = b"") -> None:
        super().__init__(reason)
        self.output = output


class Decoder(Protocol):
    """Unpacks one member."""

    done: bool

    def step(self, window: Window, at: int) -> tuple[bytes, int]:
        """Return some unpacked bytes and how many packed ones they took, of the window's from ``at`` on.

        Neither any bytes nor any progress: the stream has ended too soon.
        """
        ...


class Gzip:
    """How gzip members are told and unpacked."""

    name = "gzip member"
    magic = GZIP
    skips_zeros = True

    def begins(self, window: Window) -> bool:
        """Return whether a member may start at the window's start."""
        return window.has(4) and window.data.startswith(GZIP) and window.data[3] < 0x20  # flags in use

    def find(self, data: bytearray, start: int) -> int:
        """Return where the next member may start, -1 if nowhere."""
        return data.find(GZIP, start)

    def open(self) -> Decoder:
        """Return a decoder of one member."""
        return _GzipDecoder()


class _GzipDecoder:
    def __init__(self) -> None:
        self.inner = zlib.decompressobj(wbits=31)
        self.size = _FIRST_FEED
        self.done = False

    def step(self, window: Window, at: int) -> tuple[bytes, int]:
        window.has(at + self.size)
        feed = bytes(window.data[at : at + self.size])
        self.size = _FEED
        before = self.inner.copy()
        try:
            output = self.inner.decompress(feed, _PIECE)
        except zlib.error as error:
            raise DecodingError(str(error).partition(": ")[2] or str(error), _salvage(before, feed)) from error
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


class Zstd:
    """How Zstandard frames are told and unpacked."""

    name = "Zstandard frame"
    magic = ZSTD
    skips_zeros = False

    def __init__(self, dictionary: bytes | None) -> None:
        self.library = import_extra("zstandard", "Reading .zst")
        self.dictionary = self.library.ZstdCompressionDict(dictionary) if dictionary else None

    def begins(self, window: Window) -> bool:
        """Return whether a member may start at the window's start."""
        return window.has(4) and (window.data.startswith(ZSTD) or is_skippable(bytes(window.data[:4])))

    def find(self, data: bytearray, start: int) -> int:
        """Return where the next member may start, -1 if nowhere."""
        return data.find(ZSTD, start)

    def open(self) -> Decoder:
        """Return a decoder of one member."""
        return _ZstdDecoder(self.library, self.dictionary)


class _ZstdDecoder:
    """Feeds the decoder block by block: no block unpacks to more than 128 KiB, and the frame's end is known."""

    def __init__(self, library: Any, dictionary: Any) -> None:
        self.library = library
        self.inner = library.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self.knows = dictionary is not None
        self.checksum: bool | None = None  # unknown before the header
        self.skipped = 0  # bytes still to come of a frame to be skipped
        self.done = False

    def step(self, window: Window, at: int) -> tuple[bytes, int]:
        if self.skipped:
            return self._skip(window, at)
        if self.checksum is None:
            return self._step_header(window, at)
        if not window.has(at + 3):
            return b"", 0
        header = int.from_bytes(window.data[at : at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == 3:
            raise DecodingError("a block of no known type")
        length = 3 + (1 if kind == 1 else size) + (4 if last and self.checksum else 0)
        if not window.has(at + length):
            return b"", 0
        try:
            output = self.inner.decompress(bytes(window.data[at : at + length]))
        except self.library.ZstdError as error:
            raise DecodingError(str(error)) from error
        self.done = bool(last)
        return output, length

    def _step_header(self, window: Window, at: int) -> tuple[bytes, int]:
        window.has(at + 18)
        head = bytes(window.data[at : at + 18])
        if is_skippable(head):
            self.skipped = 8 + struct.unpack("<I", head[4:8])[0] if len(head) >= 8 else 0
            return self._skip(window, at)
        try:
            parameters = self.library.get_frame_parameters(head)
            length = self.library.frame_header_size(head)
            if parameters.dict_id and not self.knows:
                raise DecodingError(f"packed with dictionary {parameters.dict_id}, which the file does not hold")
            output = self.inner.decompress(head[:length])
        except self.library.ZstdError as error:
            raise DecodingError(str(error)) from error
        self.checksum = bool(parameters.has_checksum)
        return output, length

    def _skip(self, window: Window, at: int) -> tuple[bytes, int]:
        window.has(at + 1)
        size = min(self.skipped, len(window.data) - at)
        self.skipped -= size
        self.done = bool(size) and not self.skipped
        return b"", size


def is_skippable(head: bytes) -> bool:
    """Return whether a Zstandard frame begins that holds no packed bytes."""
    return len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == _SKIPPABLE
