"""dechrome and other extractors on the same pages in the same run: accuracy, and CPU time as ratios."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from dechrome import labelling
from dechrome.artefact import Model
from dechrome.encoding import scrub
from dechrome.errors import DataError
from dechrome.html_blocks import split_html
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.judging import TextScores, score_text
from dechrome_training.evaluation.peers import PeerInput, is_installed, peers_of
from dechrome_training.evaluation.results import SCORE_COLUMNS, mean, mean_scores
from dechrome_training.evaluation.selection import find_sets, is_phrases, read_set
from dechrome_training.evaluation.tables import Cell, Table

OWN: Final = "dechrome"
_WARM_UP: Final = 2  # pages that each extractor sees before time counts
_NOT_GIVEN: Final = "not given"
Extract = Callable[[PeerInput], str]


class Attempt(NamedTuple):
    """What one extractor made of one page; a failure counts as an empty text."""

    page_type: str | None
    language: str | None
    scores: TextScores
    milliseconds: float
    failed: bool


def choose_tools(view: str, names: Sequence[str], model: Model | None) -> dict[str, Extract]:
    """Return the extractors to compare, dechrome first: those named, or all that are installed.

    Raises:
        DataError: a name is not known or its package is not installed.
    """
    peers = peers_of(view)
    if unknown := [name for name in names if name != OWN and name not in peers]:
        raise DataError(f"no extractor named {', '.join(unknown)} for {view}: there are {', '.join([OWN, *peers])}")
    if missing := [name for name in names if name != OWN and not is_installed(peers[name].module)]:
        raise DataError(f"{', '.join(missing)}: not installed: pip install 'dechrome[compare]'")
    chosen = [name for name in (names or peers) if name != OWN and is_installed(peers[name].module)]
    own = _label_html if view == "html" else _label_lines
    return {OWN: partial(own, model=model), **{name: peers[name].extract for name in chosen}}


def compare_tools(pages: Iterable[AnnotatedPage], view: str, tools: Mapping[str, Extract]) -> dict[str, list[Attempt]]:
    """Run every extractor on every page, page by page, so that all meet the same state of the machine."""
    attempts: dict[str, list[Attempt]] = {name: [] for name in tools}
    remaining = iter(pages)
    first = list(islice(remaining, _WARM_UP))
    for page in first:
        for extract in tools.values():
            _run(extract, make_input(page, view))
    gc.collect()
    gc.freeze()  # what the packages hold for good is not searched again on some extractor's account
    try:
        for page in chain(first, remaining):
            page_input = make_input(page, view)
            for name, extract in tools.items():
                found, milliseconds, failed = _run(extract, page_input)
                scores = score_text(found, page.gold, page.must_have, page.must_not)
                attempts[name].append(Attempt(page.page_type, page.language, scores, milliseconds, failed))
    finally:
        gc.unfreeze()
    return attempts


def compare_tables(attempts: Mapping[str, Sequence[Attempt]], view: str) -> list[Table]:
    """Return the comparison as tables: accuracy, word F1 by page type and by language, CPU time."""
    groups = (
        _group_table(attempts, f"{view}: word F1 by page type", lambda attempt: attempt.page_type),
        _group_table(attempts, f"{view}: word F1 by language", lambda attempt: attempt.language),
    )
    return [_accuracy_table(attempts, view), *filter(None, groups), _time_table(attempts, view)]


def make_input(page: AnnotatedPage, view: str) -> PeerInput:
    """Return a page as extractors get it; lines are those of all blocks that dechrome finds, one below the other."""
    html = scrub(page.html or "")[0]
    if view == "html":
        return PeerInput(html=html.encode(), language=page.language, url=page.url)
    lines = page.text if page.text is not None else "\n".join(block.text for block in split_html(html).blocks)
    return PeerInput(lines=scrub(lines)[0], language=page.language, url=page.url)


def read_comparable(
    paths: Sequence[Path], names: Sequence[str], view: str, limit: int | None
) -> Iterator[AnnotatedPage]:
    """Read the pages to compare on; text pages are left out where HTML is compared.

    Raises:
        DataError: a set is missing or malformed, or there is no page.
    """
    empty = True
    for path in find_sets(paths, names):
        for page in () if is_phrases(path) else read_set(path, limit):
            if view != "html" or page.html is not None:
                empty = False
                yield page
    if empty:
        raise DataError(f"{', '.join(map(str, paths))}: no pages to compare on")


def _label_html(page: PeerInput, model: Model | None) -> str:
    return labelling.label_html(page.html, page.url, model).text


def _label_lines(page: PeerInput, model: Model | None) -> str:
    return labelling.label_text(page.lines, model).text


def _run(extract: Extract, page: PeerInput) -> tuple[str, float, bool]:
    """Return the text, the CPU time of all threads of the process in milliseconds, and whether it failed."""
    start = time.process_time()
    try:
        found, failed = extract(page), False
    except Exception:  # whatever another package raises counts against it, and the comparison goes on
        found, failed = "", True
    return found, (time.process_time() - start) * 1000, failed


def _accuracy_table(attempts: Mapping[str, Sequence[Attempt]], view: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, part in attempts.items():
        means = TextScores(*mean_scores(attempt.scores for attempt in part))
        rows.append((name, len(part), *means, means.must_have - means.must_not, sum(a.failed for a in part)))
    note = (
        "Means over pages. A failure counts as an empty text. margin: must-have less must-not, for pages with snippets."
    )
    return Table(f"{view}: accuracy", ("extractor", "pages", *SCORE_COLUMNS, "margin", "failed"), tuple(rows), note)


def _group_table(
    attempts: Mapping[str, Sequence[Attempt]], title: str, key: Callable[[Attempt], str | None]
) -> Table | None:
    """Return word F1 by a group of pages, the largest group first; None where all pages are of one group."""
    measured = {name: [a for a in part if not np.isnan(a.scores.f1)] for name, part in attempts.items()}
    sizes = Counter(key(attempt) or _NOT_GIVEN for part in measured.values() for attempt in part)
    if len(sizes) < 2:
        return None
    groups = sorted(sizes, key=lambda group: (-sizes[group], group))
    rows: list[tuple[Cell, ...]] = [
        (name, *(mean(a.scores.f1 for a in part if (key(a) or _NOT_GIVEN) == group) for group in groups))
        for name, part in measured.items()
    ]
    pages: tuple[Cell, ...] = ("pages", *(sizes[group] // len(measured) for group in groups))
    return Table(title, ("extractor", *groups), (pages, *rows))


def _time_table(attempts: Mapping[str, Sequence[Attempt]], view: str) -> Table:
    own = mean(attempt.milliseconds for attempt in attempts.get(OWN, ()))
    rows: list[tuple[Cell, ...]] = []
    for name, part in attempts.items():
        times = np.array([attempt.milliseconds for attempt in part])
        middle, high = np.percentile(times, (50, 95)).tolist() if times.size else (float("nan"),) * 2
        average = mean(times)
        rows.append((name, average, middle, high, average / own if own else float("nan")))
    return Table(
        f"{view}: CPU time per page",
        ("extractor", "ms mean", "ms median", "ms p95", f"times {OWN}"),
        tuple(rows),
        "One process, page by page; all threads of the process count; decoding included.",
    )
