"""The first pass of a job with a site memory: what stands on how many pages of its site."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.batch.records import Chunk
from dechrome.batch.site_memory import SiteMemory, empty_memory, save_counters

COUNTERS: Final = "sites.npy"
SAVE_SECONDS: Final = 60.0  # between states that are saved: half a gigabyte, at most
_PARTS: Final = "sites-*.npy"

Split = Callable[[int, int], Iterator[tuple[int, Chunk]]]  # from a position in an input on: its number, and a chunk


def count_sites(
    folder: Path, split: Split, count: Callable[[Iterator[Chunk]], Iterator[tuple[Chunk, NDArray[np.uint64]]]],
    bits: int, watch: Callable[[Chunk], object],
) -> Path:  # fmt: skip
    """Count all pages of a job, or go on with it, and return the file of the counters, in the job's ``folder``.

    ``count`` has workers count chunks, in order; ``watch`` is called with each chunk that is counted.
    """
    path = folder / COUNTERS
    if path.exists():
        return path
    memory, source, stop = _find_part(folder, bits)
    numbers: deque[int] = deque()

    def chunks() -> Iterator[Chunk]:
        for number, chunk in split(source, stop):
            numbers.append(number)
            yield chunk

    saved = time.monotonic()
    for chunk, items in count(chunks()):
        memory.add(items)
        number = numbers.popleft()
        watch(chunk)
        if time.monotonic() > saved + SAVE_SECONDS:
            _replace_parts(folder, memory, f"sites-{number}-{chunk.stop}.npy")
            saved = time.monotonic()
    _replace_parts(folder, memory, COUNTERS)
    return path


def forget_sites(folder: Path) -> None:
    """Remove what was counted before."""
    for path in (folder / COUNTERS, *folder.glob(_PARTS)):
        path.unlink(missing_ok=True)


def _find_part(folder: Path, bits: int) -> tuple[SiteMemory, int, int]:
    """Return what a run that was killed had counted, and the number of the input and the position it had come to."""
    for part in sorted(folder.glob(_PARTS)):
        _, source, stop = part.stem.split("-")
        return SiteMemory(np.load(part, allow_pickle=False)), int(source), int(stop)
    return empty_memory(bits), 0, 0


def _replace_parts(folder: Path, memory: SiteMemory, name: str) -> None:
    """Write the counters under a name that says how far they go, and remove those before."""
    before = set(folder.glob(_PARTS)) - {folder / name}
    save_counters(folder / name, memory)
    for part in before:
        part.unlink()
