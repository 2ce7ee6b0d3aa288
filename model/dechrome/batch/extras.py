"""Packages of the extra ``corpus``, imported when a file needs them."""

from __future__ import annotations

import importlib
from typing import Any

from dechrome.errors import MissingExtraError


def import_extra(module: str, purpose: str) -> Any:
    """Import a module of a package that only some jobs need; ``purpose`` is what for, at the start of a sentence.

    Raises:
        MissingExtraError: it is not installed.

    >>> import_extra("zlib", "Reading gzip").adler32(b"")
    1
    >>> import_extra("no_such_package", "Reading Parquet")
    Traceback (most recent call last):
    dechrome.errors.MissingExtraError: Reading Parquet needs no_such_package: pip install 'dechrome[corpus]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise MissingExtraError(f"{purpose} needs {name}: pip install 'dechrome[corpus]'") from error
