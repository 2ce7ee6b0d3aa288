"""Where inputs are: local paths and every address that fsspec opens (``s3://``, ``gs://``, ``hf://``), alike.

``-`` is standard input. fsspec is imported for its addresses only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO, Any, BinaryIO, Final, cast

from dechrome.batch.extras import import_extra
from dechrome.batch.formats import format_of
from dechrome.errors import InputError

STDIN: Final = "-"
READ_AHEAD: Final = 4 << 20  # bytes; from a remote file that is read as a stream
_PRIVATE: Final = frozenset(("memory",))
_STAMPS: Final = ("ETag", "etag", "checksum", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


def is_remote(address: str) -> bool:
    """Return whether an address is for fsspec, and no local path.

    >>> is_remote("s3://bucket/a.jsonl"), is_remote("corpus/a.jsonl"), is_remote("-")
    (True, False, False)
    """
    return "://" in address


def is_private(address: str) -> bool:
    """Return whether only this process can read an address: standard input, pipes, and fsspec's ``memory://``."""
    if address == STDIN or is_pipe(address):
        return True
    return any(part.partition("://")[0] in _PRIVATE for part in address.split("::"))


def is_pipe(address: str) -> bool:
    """Return whether an address is a local pipe or device, whose bytes can be read once only."""
    return (
        not is_remote(address) and os.path.exists(address) and not (os.path.isfile(address) or os.path.isdir(address))
    )


def open_input(address: str, start: int = 0, ahead: int = READ_AHEAD) -> BinaryIO:
    """Open a file to read bytes from ``start`` on; ``ahead`` is how much of a remote one is fetched beyond a read.

    Raises:
        InputError: there is no such file, or the extra is missing.
    """
    if address == STDIN:
        return sys.stdin.buffer
    try:
        if is_remote(address):
            system, path = _locate(address)
            stream = cast(BinaryIO, system.open(path, "rb", block_size=ahead, cache_type="readahead"))
        else:
            stream = open(address, "rb")  # noqa: SIM115, the caller closes it
        if start:
            stream.seek(start)
    except OSError as error:
        raise InputError(f"{address}: {_describe(error)}") from error
    return stream


def read_bytes(address: str, start: int = 0, stop: int | None = None) -> bytes:
    """Read a file, or its bytes from ``start`` to ``stop``.

    Raises:
        InputError: there is no such file, or the extra is missing.
    """
    if is_remote(address):
        system, path = _locate(address)
        try:
            return bytes(system.cat_file(path, start=start, end=stop))
        except OSError as error:
            raise InputError(f"{address} cannot be read: {_describe(error)}") from error
    with open_input(address, start) as stream:
        return stream.read() if stop is None else stream.read(max(0, stop - start))


def stat(address: str) -> tuple[int, str]:
    """Return a file's size in bytes and its stamp, which changes with it: time of change, or an ETag.

    Raises:
        InputError: there is no such file, or the extra is missing.
    """
    if address == STDIN:
        return 0, ""
    try:
        if not is_remote(address):
            found = os.stat(address)
            return found.st_size, str(found.st_mtime_ns)
        system, path = _locate(address)
        info = system.info(path)
    except OSError as error:
        raise InputError(f"{address} cannot be read: {_describe(error)}") from error
    stamp = next((str(info[name]) for name in _STAMPS if info.get(name) is not None), "")
    return int(info.get("size") or 0), stamp


def expand(pattern: str, wanted: Callable[[str], object] = format_of) -> list[str]:
    """Return the remote files that a pattern or a folder stands for, sorted; a file's own address is itself.

    Of a folder, those whose name is ``wanted``: corpus files, unless told otherwise.

    Raises:
        InputError: nothing is there, or the extra is missing.
    """
    system, path = _locate(pattern)
    try:
        if any(sign in path for sign in "*?["):
            found = [name for name in system.glob(path) if not system.isdir(name)]
        elif system.isdir(path):
            found = [name for name in system.find(path) if wanted(name)]
        else:
            found = [path] if system.exists(path) else []
    except OSError as error:
        raise InputError(f"{pattern} cannot be read: {_describe(error)}") from error
    if not found:
        raise InputError(f"{pattern}: nothing is there")
    return sorted(_rename(pattern, name) for name in found)


def upload(local: str | os.PathLike[str], address: str) -> None:
    """Copy a local file to a remote address, in place of what was there.

    Raises:
        InputError: it cannot be written there, or the extra is missing.
    """
    system, path = _locate(address)
    try:
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.put_file(os.fspath(local), path)
    except OSError as error:
        raise InputError(f"{address} cannot be written: {_describe(error)}") from error


def remove(address: str) -> None:
    """Remove a remote file, if it is there.

    Raises:
        InputError: it cannot be removed, or the extra is missing.
    """
    system, path = _locate(address)
    try:
        if system.exists(path):
            system.rm_file(path)
    except OSError as error:
        raise InputError(f"{address} cannot be removed: {_describe(error)}") from error


def peek(stream: IO[bytes], size: int) -> bytes:
    """Return the next bytes of a stream, ``size`` or fewer, and leave it where it is."""
    if hasattr(stream, "peek"):
        return bytes(stream.peek(size)[:size])
    head = stream.read(size)
    stream.seek(-len(head), os.SEEK_CUR)
    return head


def _locate(address: str) -> tuple[Any, str]:
    fsspec = import_extra("fsspec", f"Reading {address.partition('://')[0]}:// addresses")
    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:  # an unknown scheme, or one whose own package is missing
        raise InputError(f"{address} cannot be opened: {error}") from error
    return system, str(path)


def _rename(pattern: str, name: str) -> str:
    """Return the address of a file that was found by a pattern; what the pattern is chained to stays on."""
    first, chained, rest = pattern.partition("::")
    scheme, _, path = first.partition("://")
    if "://" not in name:  # else a whole address, as of HTTP
        name = f"{scheme}://{name if path.startswith('/') else name.lstrip('/')}"
    return f"{name}{chained}{rest}"


def _describe(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
