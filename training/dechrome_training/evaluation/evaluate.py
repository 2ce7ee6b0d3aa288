"""What ``dechrome evaluate`` does: pages in, tables out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import tee
from pathlib import Path

from dechrome.artefact import Model
from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.folds import Validation, cross_validate
from dechrome_training.evaluation.judging import judge_pages
from dechrome_training.evaluation.kind_pages import judge_kinds, kind_tables
from dechrome_training.evaluation.paired import compare_tables
from dechrome_training.evaluation.phrases import judge_phrases, phrase_tables
from dechrome_training.evaluation.results import page_tables
from dechrome_training.evaluation.selection import PHRASES, find_sets, is_phrases, read_phrase_set, read_set
from dechrome_training.evaluation.sites import site_tables
from dechrome_training.evaluation.tables import Table

Watch = Callable[[Iterable[AnnotatedPage]], Iterable[AnnotatedPage]]


def evaluate_model(
    model: Model | None, paths: Sequence[Path], names: Sequence[str], view: str, limit: int | None, watch: Watch
) -> list[Table]:
    """Measure a model on annotated pages and phrases; every page read passes through ``watch``, for a progress bar.

    Pages that the model was trained on flatter it: ``evaluate_folds`` does not have that fault.

    Raises:
        DataError: a set is missing or malformed.
    """
    sets = find_sets(paths, names)
    pages = (page for path in sets if not is_phrases(path) for page in read_set(path, limit))
    judgements = list(judge_pages(watch(pages), model, view))
    tables = page_tables(judgements, view) if judgements or not any(map(is_phrases, sets)) else []
    for path in filter(is_phrases, sets):
        tables += phrase_tables(list(judge_phrases(read_phrase_set(path, limit), model)))
    return tables


def evaluate_against(
    model: Model, other: Model, paths: Sequence[Path], names: Sequence[str], view: str, limit: int | None, watch: Watch
) -> list[Table]:
    """Compare two models, A and B, on the same annotated pages.

    Raises:
        DataError: a set is missing or malformed.
    """
    pages = (page for path in find_sets(paths, names) if not is_phrases(path) for page in read_set(path, limit))
    for_model, for_other = tee(watch(pages))
    return compare_tables(
        list(zip(judge_pages(for_model, model, view), judge_pages(for_other, other, view), strict=True)), view
    )


def evaluate_kinds(
    model: Model, paths: Sequence[Path], names: Sequence[str], limit: int | None, watch: Watch
) -> list[Table]:
    """Measure kinds of chrome on pages whose markup names them, with that markup hidden.

    Raises:
        DataError: a set is missing or malformed.
    """
    pages = (page for path in find_sets(paths, names) if not is_phrases(path) for page in read_set(path, limit))
    return kind_tables(list(judge_kinds(watch(pages), model)), model.settings.get("origin", {}))


def evaluate_sites(
    model: Model, paths: Sequence[Path], names: Sequence[str], view: str, limit: int | None, watch: Watch
) -> list[Table]:
    """Measure what the other pages of its site add to a page.

    Raises:
        DataError: a set is missing or malformed.
    """
    pages = (page for path in find_sets(paths, names) if not is_phrases(path) for page in read_set(path, limit))
    return site_tables(watch(pages), model, view)


def evaluate_folds(
    recipe: Path, data: Path, folds: int, names: Sequence[str], view: str | None,
    cache: Path | None, report: Callable[[str], None],
) -> list[Table]:  # fmt: skip
    """Cross-validate a recipe on the corpora of a folder; without ``view``, measure HTML, lines and phrases.

    Raises:
        DataError: the recipe, the folder or a set is missing or malformed.
    """
    if not data.is_dir():
        raise DataError(f"{data}: folds need the folder of the corpora that the recipe names")
    return fold_tables(cross_validate(recipe, data, folds, cache, report), data, folds, names, view)


def fold_tables(validation: Validation, data: Path, folds: int, names: Sequence[str], view: str | None) -> list[Table]:
    """Return the tables of a cross-validation; ``names`` chooses sets, ``phrases`` among them."""
    tables: list[Table] = []
    pages = [name for name in names if name != PHRASES]
    for shown in (view,) if view else ("html", "lines"):
        if pages or not names:
            tables += page_tables(validation.judge_pages(shown, pages), f"{shown}, {folds} folds")
    phrases = data / f"{PHRASES}.parquet"
    if PHRASES in names or (not names and view is None and phrases.is_file()):
        rows = validation.judge_phrases(read_phrase_set(phrases))
        tables += phrase_tables(rows, f"phrases, {folds} folds by project")
    return tables
