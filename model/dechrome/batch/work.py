"""One chunk of a job, from reading to the bytes that are written: what a worker process does."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import Model
from dechrome.batch.cleaning import Item, Options, clean_items
from dechrome.batch.page_files import read_pages
from dechrome.batch.readers import read_chunk
from dechrome.batch.records import Broken, Chunk, InputFormat, Record
from dechrome.batch.results import Result, Task, collect
from dechrome.batch.site_memory import hash_document, open_memory
from dechrome.errors import DechromeError
from dechrome.labelling import Source, load_model, read_source
from dechrome.recurring import Recurrence

MARK: Final = struct.Struct("qqd")  # number of the chunk, number of the item in it, when that was begun (seconds)
WRITING: Final = -1  # in the place of an item: all are cleaned, and being written


class Mark:
    """Says in a small file which item is being worked on: the one to blame where the process dies."""

    def __init__(self, path: str) -> None:
        # not mapped into memory: some file systems cannot share that
        self._stream = open(path, "r+b", buffering=0)  # noqa: SIM115, ``close`` does

    def set(self, chunk: int, item: int) -> None:
        """Note the item that is begun now."""
        self._stream.seek(0)
        self._stream.write(MARK.pack(chunk, item, time.monotonic()))

    def get(self) -> tuple[int, int, float]:
        """Return the number of the chunk, that of the item, and when it was begun."""
        self._stream.seek(0)
        chunk, item, begun = MARK.unpack(self._stream.read(MARK.size))
        return chunk, item, begun

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


@lru_cache(maxsize=1)
def open_mark(path: str) -> Mark:
    """Return the mark at ``path``, a file of ``MARK.size`` bytes."""
    return Mark(path)


@dataclass(frozen=True, slots=True)
class Caution:
    """What is known of a chunk that killed a worker before.

    ``convicted`` are the items that did it, and how: they are quarantined. From item ``cut`` on the chunk cannot even
    be read. ``alone`` has every item cleaned and written by itself, so that the mark points at the one that kills.
    """

    convicted: Mapping[int, str] = field(default_factory=dict)
    cut: int | None = None
    alone: bool = False


class ItemError(Exception):
    """Something raised at an item outside of the page itself: memory ran out where it was read, for example."""

    def __init__(self, item: int, reason: str) -> None:
        super().__init__(item, reason)
        self.item, self.reason = item, reason


def work(task: Task, chunk: Chunk, number: int, mark: str, caution: Caution) -> Result:
    """Clean chunk ``number``.

    Raises:
        ItemError: something went wrong at an item, and not because its input cannot be opened.
        OSError, DechromeError: the chunk cannot be read, or the job is wrong.
    """
    marker = open_mark(mark)
    model = _warm_up(task.options.model)
    marker.set(number, 0)
    options = replace(task.options, facts=task.options.facts or chunk.source.form is InputFormat.PAGES)
    sites = open_memory(task.sites).recurrence if task.sites else None
    with _blaming(marker):
        items = _watch(_read(task, chunk), chunk, partial(marker.set, number), caution)
        if caution.alone:
            return _try_each(task, chunk, items, options, model, sites)
        cleaned = list(clean_items(items, options, model, sites))
        marker.set(number, WRITING)
        return collect(task, chunk, cleaned)


def count_texts(task: Task, chunk: Chunk, number: int, mark: str, caution: Caution) -> NDArray[np.uint64]:
    """Return what is counted of the pages of chunk ``number``, for a site memory."""
    marker = open_mark(mark)
    marker.set(number, 0)
    found = [np.zeros(0, np.uint64)]
    with _blaming(marker):
        for item in _watch(_read(task, chunk), chunk, partial(marker.set, number), caution):
            if isinstance(item, Record) and item.url:
                with suppress(Exception):  # what cannot be read now cannot be cleaned then, and is quarantined there
                    found.append(hash_document(read_source(Source(item.html, item.text, item.url, item.charset))))
        return np.concatenate(found)


@lru_cache(maxsize=1)
def _warm_up(folder: str | None) -> Model:
    """Load the model and label a line, once for each process: that time is no record's."""
    model = load_model(folder)
    list(clean_items([Record("", 0, {}, text="The fox ran.")], Options(), model))
    return model


def _read(task: Task, chunk: Chunk) -> Iterator[Item]:
    if chunk.damage and chunk.data is None:
        return iter([Broken(chunk.source.address, chunk.start, chunk.damage)])
    if chunk.source.form is InputFormat.PAGES:
        return iter(read_pages(chunk, task.page_type))
    return iter(read_chunk(chunk, task.options.fields))


def _watch(items: Iterator[Item], chunk: Chunk, mark: Callable[[int], None], caution: Caution) -> Iterator[Item]:
    """Yield items, marking each one before it is read; those that are convicted come out broken."""
    for number in count():
        if number == caution.cut:
            reason = f"{caution.convicted[number]}; nor can what follows it in this chunk be read"
            yield Broken(chunk.source.address, chunk.start, reason)
            return
        mark(number)
        if (item := next(items, None)) is None:
            return
        reason = caution.convicted.get(number, "")
        yield Broken(item.source, item.offset, reason, getattr(item, "id", None)) if reason else item


@contextmanager
def _blaming(marker: Mark) -> Iterator[None]:
    """Say at which item it was that something raised."""
    try:
        yield
    except (OSError, DechromeError):
        raise
    except Exception as error:
        raise ItemError(marker.get()[1], f"{type(error).__name__}: {error}".removesuffix(": ")) from error


def _try_each(
    task: Task, chunk: Chunk, items: Iterator[Item], options: Options, model: Model, sites: Recurrence | None
) -> Result:
    """Clean and write items one by one, for the mark's sake alone: nothing of it is kept."""
    for item in items:
        collect(task, chunk, clean_items([item], options, model, sites))
    return Result()
