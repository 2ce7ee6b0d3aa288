"""On how many pages of its site each text stands: counted in one pass over a corpus, in memory of a fixed size.

A count-min sketch (Cormode and Muthukrishnan, Journal of Algorithms 2005). Counts are sums, so the order of the pages
and the number of workers that count do not matter: the parts merge into the same memory. A count may be too high,
never too low, until what a crowded sketch adds to all of them is taken off.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Document
from dechrome.context import FloatArray
from dechrome.errors import InputError

ROWS: Final = 4
BITS: Final = 22  # of the width: 32 MiB; sharp for 40,000 pages with 100 texts of their own, see EXPERIMENTS.md
MOST: Final = 65_535  # pages: a text on more of them counts as on all
_MIN_BITS: Final = 10
_MAX_BITS: Final = 30
_PAGES: Final = 40_000  # with a hundred texts of their own each, that a memory of BITS keeps apart
_TYPICAL_PAGE: Final = 20_000  # bytes of one, packed
_SAMPLE: Final = 1024  # counters of each row that the noise is measured on
_TYPICAL: Final = 1 - 0.5 ** (1 / ROWS)  # quantile of all counters that the least of ROWS exceeds every other time
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class SiteMemory:
    """How often each text stands on the pages of its site: ``counters`` of shape (ROWS, 2 ** bits)."""

    counters: NDArray[np.uint16]

    def count(self, document: Document) -> None:
        """Count a page's texts, each once, in place. A page without an address, or without blocks, is passed over."""
        site = site_of(document.url)
        if site:
            self.count_texts(site, [block.text for block in document.blocks])

    def recurrence(self, document: Document) -> FloatArray:
        """Return the share of the site's other pages that each block's text stands on, shape (blocks,), 0..1.

        The page itself and exact copies of it are left out. All 0 for a page without an address.
        """
        site = site_of(document.url)
        if not site:
            return np.zeros(len(document.blocks), np.float32)
        return self.measure_texts(site, [block.text for block in document.blocks])

    def count_texts(self, site: str, texts: Sequence[str]) -> None:
        """Count the texts of one page of a site, each once, in place."""
        if texts:
            self.add(np.concatenate(_hash_page(site, texts, once=True)))

    def add(self, items: NDArray[np.uint64]) -> None:
        """Count what ``hash_document`` made of pages, in place."""
        for counters, places in zip(self.counters, _places(items, self.counters.shape[1]), strict=True):
            found, times = np.unique(places, return_counts=True)
            counters[found] = np.minimum(counters[found] + times, MOST)

    def measure_texts(self, site: str, texts: Sequence[str]) -> FloatArray:
        """Return the share of the site's other pages that each text of one page stands on, shape (texts,), 0..1.

        It is c / (n + 1) for c of n other pages, so that little is made of a site with few.
        """
        if not texts:
            return np.zeros(0, np.float32)
        counts = self._look_up(np.concatenate(_hash_page(site, texts)))
        pages, copies = counts[-2:].tolist()
        others = max(0, pages - copies)
        shares: FloatArray = (np.clip(counts[:-2] - copies, 0, others) / (others + 1)).astype(np.float32)
        return shares

    def _look_up(self, items: NDArray[np.uint64]) -> NDArray[np.int64]:
        places = _places(items, self.counters.shape[1])
        least = np.take_along_axis(self.counters, places, axis=1).min(axis=0).astype(np.int64)
        counts: NDArray[np.int64] = np.maximum(least - self._noise(), 0)
        return counts

    def _noise(self) -> int:
        """Return what other items typically add to a count: 0 unless most of the counters are in use."""
        sample = self.counters[:, :_SAMPLE].ravel()
        place = int(_TYPICAL * sample.size)
        return int(np.partition(sample, place)[place])


def hash_document(document: Document) -> NDArray[np.uint64]:
    """Return what is counted of a page, for another process to add; nothing without an address, or without blocks."""
    site = site_of(document.url)
    if not site or not document.blocks:
        return np.zeros(0, np.uint64)
    return np.concatenate(_hash_page(site, [block.text for block in document.blocks], once=True))


def empty_memory(bits: int = BITS) -> SiteMemory:
    """Return a memory that has counted nothing yet; it takes ``ROWS * 2 ** (bits + 1)`` bytes.

    Raises:
        InputError: ``bits`` is not between 10 and 30.
    """
    if not _MIN_BITS <= bits <= _MAX_BITS:
        raise InputError(f"a site memory has {_MIN_BITS} to {_MAX_BITS} bits, not {bits}")
    return SiteMemory(np.zeros((ROWS, 1 << bits), np.uint16))


def merge_memories(memories: Iterable[SiteMemory]) -> SiteMemory:
    """Return what one memory would hold that had counted all their pages.

    Raises:
        InputError: there is none, or they differ in size.
    """
    parts = [memory.counters for memory in memories]
    if not parts or any(part.shape != parts[0].shape for part in parts):
        raise InputError("site memories can be merged if there is at least one and all are of one size")
    merged = parts[0].copy()
    for part in parts[1:]:
        merged += np.minimum(part, MOST - merged)
    return SiteMemory(merged)


def memory_bits(size: int) -> int:
    """Return how wide a memory should be for ``size`` bytes of input: at least ``BITS``, at most half a gigabyte."""
    return min(BITS + 4, max(BITS, (size // _TYPICAL_PAGE // _PAGES).bit_length() + BITS))


@lru_cache(maxsize=1)
def open_memory(path: str) -> SiteMemory:
    """Open the counters of a memory that ``save_counters`` wrote: in place, so that processes share them.

    Raises:
        InputError: the file is missing or is no site memory.
    """
    try:
        counters = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return _check(counters, path)


def save_counters(path: Path, memory: SiteMemory) -> None:
    """Write a memory's counters for ``open_memory``: there whole, or not at all."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.save(file, memory.counters, allow_pickle=False)
    part.replace(path)


def write_memory(path: str | Path, memory: SiteMemory) -> None:
    """Write a memory as a NumPy archive; the same counts give the same bytes."""
    with Path(path).open("wb") as file:
        np.savez_compressed(file, counters=memory.counters)


def read_memory(path: str | Path) -> SiteMemory:
    """Read what ``write_memory`` wrote.

    Raises:
        InputError: the file is missing or is no site memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > ROWS << (_MAX_BITS + 2):
            raise InputError(f"{path}: larger than any site memory")
        with np.load(path, allow_pickle=False) as file:
            counters = file["counters"]
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged archives
        raise InputError(f"{path}: is no site memory: {error}") from error
    return _check(counters, path)


def _check(counters: NDArray[np.uint16], path: str | Path) -> SiteMemory:
    widths = [1 << bits for bits in range(_MIN_BITS, _MAX_BITS + 1)]
    if counters.dtype != np.uint16 or counters.ndim != 2 or len(counters) != ROWS or counters.shape[1] not in widths:
        raise InputError(f"{path}: is no site memory: its counters are {counters.dtype} of shape {counters.shape}")
    return SiteMemory(counters)


def site_of(url: str | None) -> str | None:
    """Return the host of an address, without ``www.``; None where there is none.

    >>> site_of("https://www.Example.org:8080/a"), site_of("a/b.html"), site_of("http://[")
    ('example.org', None, None)
    """
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return (host or "").removeprefix("www.") or None


def normal_text(text: str) -> str:
    """Return what counts as the same text: case and white space do not matter.

    Numbers do: with all digits alike, every price of a shop would stand on every page of it.
    """
    return " ".join(text.casefold().split())


def _hash_page(site: str, texts: Sequence[str], *, once: bool = False) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return what is counted of a page: its texts (with ``once``, each once), then the site and the page as a whole."""
    hashes = _hash_texts(site, ["", *texts])
    different = np.unique(hashes[1:])
    whole = np.bitwise_xor.reduce(different, keepdims=True) * _MIX
    return different if once else hashes[1:], np.concatenate((hashes[:1], whole))


def _hash_texts(site: str, texts: Iterable[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of the site with each text, the same in every process."""
    key = blake2b(site.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    normal = (normal_text(text).encode("utf-8", "surrogatepass") for text in texts)
    return np.frombuffer(b"".join(blake2b(text, digest_size=8, key=key).digest() for text in normal), "<u8")


def _places(items: NDArray[np.uint64], width: int) -> NDArray[np.int64]:
    """Return each item's place in each row, shape (ROWS, items): double hashing (Kirsch and Mitzenmacher, 2006)."""
    first, step = items & np.uint64(0xFFFFFFFF), (items >> np.uint64(32)) | np.uint64(1)
    rows = np.arange(ROWS, dtype=np.uint64)[:, None]
    return ((first + rows * step) & np.uint64(width - 1)).astype(np.int64)
