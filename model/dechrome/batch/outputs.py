"""Where a job writes: files that grow as ``.part`` and get their name when they are complete."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Final, Protocol

from dechrome.batch.addresses import is_remote, remove, upload
from dechrome.batch.records import Input
from dechrome.batch.writers import OutputFormat, finish_output
from dechrome.errors import JobError

STDOUT: Final = "-"
_LONGEST_NAME: Final = 240  # bytes; file systems take 255, and more is put behind some
STATES: Final = ("_dechrome", ".dechrome")  # a folder in the output, or beside a file with this suffix


class Appender(Protocol):
    """What bytes are appended to."""

    length: int

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def sync(self) -> None:
        """Make sure that what was written outlives a loss of power."""

    def close(self) -> None:
        """Write no more."""


class GrowingFile:
    """A file that only grows. What stands behind ``length`` when it is opened was not accounted for: it is cut off.

    Raises:
        JobError: the file is shorter than that.
    """

    def __init__(self, path: Path, length: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._stream = path.open("r+b" if length else "wb", buffering=0)
        if self._stream.seek(0, os.SEEK_END) < length:
            self._stream.close()
            raise JobError(f"{path}: shorter than when the job was killed; use --restart to begin anew")
        self._stream.truncate(length)
        self._stream.seek(length)
        self.length = length

    def write(self, data: bytes) -> None:
        """Append bytes."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:  # which does not know the file's name
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.length += len(data)

    def sync(self) -> None:
        """Make sure that what was written outlives a loss of power."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Write no more."""
        self._stream.close()


class StandardOutput:
    """Standard output, which cannot be taken back."""

    length = 0

    def write(self, data: bytes) -> None:
        """Write and flush bytes."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def state_folder(out: str, *, one_file: bool) -> Path:
    """Return where a job that writes to ``out`` keeps its state, reports and quarantine.

    That is ``_dechrome`` in a folder, ``<file>.dechrome`` beside a file; for a remote address, whose files cannot
    grow, a folder of the user's cache with a name made of the address.
    """
    if is_remote(out):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "dechrome" / hashlib.sha256(os.fsencode(out)).hexdigest()[:16]
    path = Path(out)
    return path.with_name(path.name + STATES[1]) if one_file else path / STATES[0]


def part_of(address: str, folder: Path) -> Path:
    """Return where an output grows: beside its place, or in the job's folder if that is remote."""
    if is_remote(address):
        return folder / "parts" / hashlib.sha256(os.fsencode(address)).hexdigest()[:16] / "part"
    path = Path(f"{address}.part")
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        return path.with_name(f"{hashlib.sha256(os.fsencode(address)).hexdigest()[:32]}.part")
    return path


def finish(part: Path, address: str, form: OutputFormat, source: Input) -> None:
    """Give a complete output its name; twice is as good as once."""
    whole = part.with_name(Path(address).name) if is_remote(address) else Path(address)
    if part.exists():
        finish_output(part, whole, form, source)
    if is_remote(address) and whole.exists():
        upload(whole, address)
        whole.unlink()


def discard(address: str, folder: Path) -> None:
    """Remove an output and what there is of it, if anything."""
    part = part_of(address, folder)
    for path in (part, part.with_name(f"{part.name}.whole")):
        path.unlink(missing_ok=True)
    if is_remote(address):
        remove(address)
    elif os.path.isfile(address):
        os.unlink(address)


def write_file(address: str, data: bytes, folder: Path) -> None:
    """Write a small file that is there whole or not at all."""
    part = part_of(address, folder)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(data)
        if is_remote(address):
            upload(part, address)
        else:
            part.replace(address)
    finally:
        part.unlink(missing_ok=True)
