"""Simulated users: what retraining on 20, 50 and 100 pages of a corpus does for other sites of that corpus.

``python -m dechrome_training.evaluation.simulate --data ../shared/corpora``. Labels come from the gold text. A user's
pages are spread over the sites of three quarters of the corpus; the pages of the other sites are tested on. The base
sample's pages of the user's own sets are left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import Model
from dechrome.labelling import SHIPPED_MODEL, load_model
from dechrome_training.calibration import decide
from dechrome_training.corpus import AnnotatedPage, assign_folds, read_parquet
from dechrome_training.evaluation.tables import Cell, Table, format_tables, to_json
from dechrome_training.retraining.base import BaseSample, read_base, site_number
from dechrome_training.retraining.retrain import retrain
from dechrome_training.retraining.rows import PageRows, measure_rows
from dechrome_training.retraining.search import predict_pages
from dechrome_training.samples import Sample, page_samples
from dechrome_training.scores import word_scores

SIZES: Final = (20, 50, 100)
_PARTS: Final = 4  # of the sites; one is tested on
_MOST_TESTED: Final = 120  # pages
_GENERAL: Final = "wcxb-dev"
_MOST_GENERAL: Final = 250  # pages
_NOTE: Final = (
    "Word F1 of HTML pages of sites that the user has not labelled. perfect: with the label that the gold gives each"
    " block.\nclosed: share of the gap between old and perfect that is closed. general: change on {count} pages of"
    " wcxb-dev, of sites that\nthe base sample does not learn from; the shipped model has been trained on them, on"
    " harvest-forum and on\nchinese-web-content. use: what the verdict says."
)


class User(NamedTuple):
    """A simulated user: sets, and the language of the pages if only some are theirs."""

    name: str
    sets: tuple[str, ...]
    language: str | None = None


USERS: Final = (
    User("forums", ("harvest-forum",)),
    User("Chinese news", ("xmu-chinese-news", "chinese-web-content")),
    User("old web", ("cleaneval",)),
    User("Russian news", ("daniel",), "ru"),
)


def simulate(data: Path, base: Path, users: Sequence[User], sizes: Sequence[int]) -> Table:
    """Retrain for every user and size, and return what came of it."""
    model = load_model(base)
    sample = read_base(base, model)
    general = _measure(model, _general_pages(data, sample))
    rows: list[tuple[Cell, ...]] = []
    closed: dict[int, list[float]] = {}
    for user in users:
        labelled, tested = _split(_pages_of(data, user))
        test = _measure(model, tested)
        own = _without(sample, user.sets)
        for size in sizes:
            pages = _spread(labelled)[:size]
            new, verdict = retrain(model, own, pages, lambda message: None, ("html",))
            before, after, perfect = _f1(model, test), _f1(new, test), _perfect(test)
            gap = (after - before) / (perfect - before)
            loss = _f1(new, general) - _f1(model, general)
            closed.setdefault(size, []).append(gap)
            row = (f"{user.name}, {size}", len(pages), len(test), before, after, perfect, gap, loss)
            rows.append((*row, "yes" if verdict.use else "no"))
            click.echo(f"{row} {verdict.sentence}", err=True)
    for size in sizes:
        rows.append((f"mean, {size}", *([float("nan")] * 5), float(np.mean(closed[size])), float("nan"), ""))
    return Table(
        "simulated users",
        ("user, pages asked", "pages", "tested", "old", "new", "perfect", "closed", "general", "use"),
        tuple(rows),
        _NOTE.format(count=len(general)),
    )


def _pages_of(data: Path, user: User) -> list[AnnotatedPage]:
    pages = [page for name in user.sets for page in read_parquet(data / f"{name}.parquet")]
    return [page for page in pages if page.gold and user.language in (None, page.language)]


def _general_pages(data: Path, sample: BaseSample) -> list[AnnotatedPage]:
    learned = {page.group for page in sample.learn}
    pages = [p for p in read_parquet(data / f"{_GENERAL}.parquet") if p.gold and site_number(p.group) not in learned]
    return sorted(pages, key=_order)[:_MOST_GENERAL]


def _split(pages: Sequence[AnnotatedPage]) -> tuple[list[AnnotatedPage], list[AnnotatedPage]]:
    """Split pages by site into those of the user and those to test on."""
    folds = assign_folds([page.group for page in pages], [1.0] * len(pages), _PARTS)
    labelled = [page for page, fold in zip(pages, folds, strict=True) if fold != 0]
    tested = sorted((page for page, fold in zip(pages, folds, strict=True) if fold == 0), key=_order)
    return labelled, tested[:_MOST_TESTED]


def _spread(pages: Sequence[AnnotatedPage]) -> list[AnnotatedPage]:
    """Return pages in an order in which every site comes once before any comes twice."""
    seen: dict[str, int] = {}
    turns = []
    for page in sorted(pages, key=_order):
        turn = seen[page.group] = seen.get(page.group, 0) + 1
        turns.append((turn, page))
    return [page for _, page in sorted(turns, key=lambda item: item[0])]


def _order(page: AnnotatedPage) -> tuple[int, str]:
    return zlib.crc32(page.id.encode()), page.id


def _without(sample: BaseSample, sets: Sequence[str]) -> BaseSample:
    return BaseSample(*([page for page in part if page.source not in sets] for part in sample))


def _measure(model: Model, pages: Sequence[AnnotatedPage]) -> list[tuple[Sample, PageRows]]:
    samples = [sample for page in pages for sample in page_samples(page, ("html",)) if len(sample.shares)]
    return list(zip(samples, measure_rows(model, samples), strict=True))


def _f1(model: Model, measured: Sequence[tuple[Sample, PageRows]]) -> float:
    found = predict_pages(model, "html", [page for _, page in measured])
    scores = [
        _score(sample, decide(probabilities, page.lengths, "html", model.settings)[0])
        for (sample, page), probabilities in zip(measured, found, strict=True)
    ]
    return float(np.mean(scores))


def _perfect(measured: Sequence[tuple[Sample, PageRows]]) -> float:
    return float(np.mean([_score(sample, page.targets) for sample, page in measured]))


def _score(sample: Sample, labels: NDArray[np.int8]) -> float:
    kept = [text for text, label in zip(sample.texts, labels, strict=True) if label == 0]
    return word_scores("\n".join(kept), sample.gold or "")[2]


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--base", type=click.Path(exists=True, file_okay=False, path_type=Path), default=SHIPPED_MODEL)
@click.option("--users", default="", metavar="NAME,...", help="[default: all]")
@click.option("--sizes", default="20,50,100", show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
def main(data: Path, base: Path, users: str, sizes: str, json_path: Path | None) -> None:
    """Simulate users who retrain the shipped model on pages of the corpora."""
    chosen = [user for user in USERS if not users or user.name in users.split(",")]
    table = simulate(data, base, chosen, [int(size) for size in sizes.split(",")])
    click.echo(format_tables([table]))
    if json_path is not None:
        json_path.write_text(to_json([table], {"command": "simulate"}), encoding="utf-8")


if __name__ == "__main__":
    main()
