"""A page and the gold text that a corpus has for it -> an annotated page, if the gold is found on the page."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from dechrome.encoding import decode_html
from dechrome.errors import DataError
from dechrome.html_blocks import split_html
from dechrome_training.corpus import AnnotatedPage, site_of
from dechrome_training.importers.records import Outcome, read_file

MIN_FOUND: Final = 0.5  # share of the gold that must stand on the page; as for the sets in the recipe
_GRAM: Final = 4  # characters that are compared together, so that scripts without spaces count alike
_NOT_WORD: Final = re.compile(r"\W+")


def make_outcome(place: str, page: AnnotatedPage) -> Outcome:
    """Return the page, its site read off its address; or why it cannot be used: too little of its gold is on it."""
    page = replace(page, domain=page.domain or site_of(page.url))
    if page.gold is None and not page.must_have and not page.must_not:
        return Outcome(place, None, ("it has no gold text and no snippets",))
    found = share_found(page)
    if found < MIN_FOUND:
        return Outcome(place, None, (f"only {found:.0%} of the gold text is found on the page",))
    return Outcome(place, page)


def share_found(page: AnnotatedPage) -> float:
    """Return the share of the gold text that stands on the page, 0..1: of its runs of four characters of words."""
    wanted = _grams(page.gold or "")
    if not wanted:
        return 1.0
    there = frozenset(_grams(" ".join(block.text for block in split_html(page.html or "", page.url).blocks)))
    return sum(gram in there for gram in wanted) / len(wanted)


def read_page(path: Path) -> str:
    """Read an HTML file, packed by gzip or not, in whatever encoding it is.

    Raises:
        DataError: it cannot be read or unpacked.
    """
    data = read_file(path)
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: {error}") from error
    return decode_html(data)[0]


def find_page(folder: Path, name: str) -> Path | None:
    """Return the HTML file of a name, packed or not; None where there is none, or the name leads out of the folder."""
    if "/" in name or "\\" in name or "\0" in name:
        return None
    paths = (folder / f"{name}{suffix}" for suffix in (".html.gz", ".html", ".htm", ""))
    return next((path for path in paths if path.is_file()), None)


def find_folder(root: Path, *names: str) -> Path:
    """Return the first folder of these names under ``root``.

    Raises:
        DataError: there is none.
    """
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise DataError(f"{root}: no folder {' or '.join(names)} there")


def pair_files(pages: Path, gold: Path, gold_end: re.Pattern[str]) -> Mapping[str, tuple[Path | None, Path | None]]:
    """Return page and gold file by name, either None where it is missing; ``gold_end`` is cut off the gold's names.

    Raises:
        DataError: there is neither a page nor gold.
    """
    by_name = {_stem(path): path for path in pages.iterdir() if path.is_file() and not path.name.startswith(".")}
    files = (path for path in gold.iterdir() if path.is_file() and not path.name.startswith("."))
    gold_by_name = {gold_end.sub("", path.name): path for path in files}
    names = sorted({*by_name, *gold_by_name}, key=lambda name: (len(name), name))
    if not names:
        raise DataError(f"{pages} and {gold} hold no files")
    return {name: (by_name.get(name), gold_by_name.get(name)) for name in names}


def _stem(path: Path) -> str:
    return re.sub(r"\.html?(?:\.gz)?\Z", "", path.name)


def _grams(text: str) -> list[str]:
    letters = _NOT_WORD.sub("", text.casefold())
    return [letters[place : place + _GRAM] for place in range(max(0, len(letters) - _GRAM + 1))]
