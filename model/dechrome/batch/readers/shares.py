"""How much of a packed input each chunk takes: for the progress that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from dechrome.batch.records import Chunk


def add_shares(chunks: Iterable[Chunk], stream: BinaryIO, size: int) -> Iterator[Chunk]:
    """Give each chunk its share of the input, by how far the packed ``stream`` has been read for it."""
    before = 0
    for chunk in chunks:
        now = stream.tell() if size else 0
        yield replace(chunk, share=(now - before) / size if size else 0.0)
        before = now
