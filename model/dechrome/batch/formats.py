"""Which file holds what, by its suffix, and how large a part of it is read at a time."""

from __future__ import annotations

from typing import Final

from dechrome.batch.records import InputFormat

CHUNK_BYTES: Final = 2 << 20  # of unpacked input: some ten pages of HTML
MAX_RECORD: Final = 64 << 20  # bytes; a larger record is broken
MAX_ROWS: Final = 1000  # of Parquet in a chunk, however small they are

_COMPRESSIONS: Final = {".gz": "gz", ".gzip": "gz", ".zst": "zst", ".zstd": "zst"}
_SUFFIXES: Final = {
    ".jsonl": InputFormat.JSONL,
    ".jsonlines": InputFormat.JSONL,
    ".ndjson": InputFormat.JSONL,
    ".parquet": InputFormat.PARQUET,
    ".warc.wet": InputFormat.WARC,
    ".warc": InputFormat.WARC,
    ".wet": InputFormat.WARC,
}
_PACKED_ONLY: Final = (".json",)  # as C4 and Dolma name JSON lines; a plain .json file is one document


def format_of(name: str) -> InputFormat | None:
    """Return what a corpus file is by its name, ``None`` for any other file (one of pages, for example).

    >>> [format_of(name) for name in ("a.jsonl", "c4.json.gz", "CC-0001.WARC.WET.gz", "b.parquet", "a.html", "a.json")]
    ... # doctest: +NORMALIZE_WHITESPACE
    [<InputFormat.JSONL: 'jsonl'>, <InputFormat.JSONL: 'jsonl'>, <InputFormat.WARC: 'warc'>,
     <InputFormat.PARQUET: 'parquet'>, None, None]
    """
    suffix, compression = split_suffix(name)[1:]
    if suffix in _PACKED_ONLY:
        return InputFormat.JSONL if compression else None
    form = _SUFFIXES.get(suffix)
    return None if form is InputFormat.PARQUET and compression else form


def split_suffix(name: str) -> tuple[str, str, str]:
    """Cut a file's name into its stem, its suffix in lower case and its compression: ``gz``, ``zst`` or nothing.

    >>> split_suffix("crawl/CC.0001.WARC.wet.gz"), split_suffix("notes.txt")
    (('crawl/CC.0001', '.warc.wet', 'gz'), ('notes', '.txt', ''))
    """
    stem, compression = name, ""
    for ending, kind in _COMPRESSIONS.items():
        if name.lower().endswith(ending):
            stem, compression = name[: -len(ending)], kind
            break
    for suffix in (*_SUFFIXES, *_PACKED_ONLY):
        if stem.lower().endswith(suffix):
            return stem[: -len(suffix)], suffix, compression
    base, dot, last = stem.rpartition(".")
    return (base, f".{last.lower()}", compression) if dot and "/" not in last and base else (stem, "", compression)
