"""Two models on the same pages: the difference page by page, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome_training.evaluation.judging import NAN, Judgement
from dechrome_training.evaluation.results import break_down
from dechrome_training.evaluation.tables import Cell, Table

RESAMPLES: Final = 10_000
LEVEL: Final = 0.95  # of confidence intervals
LEAST_SITES: Final = 5  # fewer sites cannot stand for sites: pages are drawn one by one then
_SEED: Final = 20
_EQUAL: Final = 1e-9  # scores that differ by less are the same
NOTE: Final = (
    "low, high: 95% confidence interval of the mean difference; p: how likely so large a difference is by chance"
    " (two-sided),\nboth by drawing sites anew 10,000 times (pages, of fewer than five sites). better, worse: share of"
    " pages where the first is."
)
COLUMNS: Final = ("pages", "A", "B", "A - B", "low", "high", "p", "better", "worse")


class Comparison(NamedTuple):
    """How the scores of a new model differ from those of an old one, over the same pages.

    ``low`` and ``high`` bound the mean difference (95% confidence); ``p_value`` is two-sided; ``better`` and
    ``worse`` are shares of pages. nan where there is nothing to compare, or a single page.
    """

    pages: int
    new: float
    old: float
    difference: float
    low: float
    high: float
    p_value: float
    better: float
    worse: float


def compare_scores(new: Sequence[float], old: Sequence[float], groups: Sequence[str]) -> Comparison:
    """Compare scores page by page; pages where either is not known (nan) are left out.

    Interval and p-value are of the bootstrap (Efron, 1979): sites, ``groups``, are drawn anew 10,000 times from a
    fixed seed, with all their pages; of fewer than five sites, the pages.
    """
    left, right = np.asarray(new, np.float64), np.asarray(old, np.float64)
    known = ~(np.isnan(left) | np.isnan(right))
    left, right = left[known], right[known]
    if not left.size:
        return Comparison(0, *(NAN,) * 8)
    names = np.asarray(groups, dtype=object)[known]
    differences = left - right
    low, high, p_value = _bootstrap(differences, names)
    return Comparison(
        int(left.size),
        float(left.mean()),
        float(right.mean()),
        float(differences.mean()),
        low,
        high,
        p_value,
        float((differences > _EQUAL).mean()),
        float((differences < -_EQUAL).mean()),
    )


def compare_tables(
    pairs: Sequence[tuple[Judgement, Judgement]], name: str, left: str = "A", right: str = "B"
) -> list[Table]:
    """Return the tables of a paired comparison of two models: by set, page type and language.

    ``pairs`` hold the judgements of the same page under both; ``left`` and ``right`` are what these are called.
    """
    if not pairs:
        return [Table(f"{name}: no pages", ("",), ())]
    partner = {id(first): second for first, second in pairs}
    columns = ("", *(name_column(column, left, right) for column in COLUMNS))
    tables = []
    for title, score in (("word F1", lambda j: j.scores.f1), ("shingle F1", lambda j: j.scores.shingle_f1)):
        rows = [(row, *_compare(part, partner, score)) for row, part in break_down([first for first, _ in pairs])]
        tables.append(Table(f"{name}: {title}, {left} against {right}", columns, tuple(rows), NOTE))
    return tables


def name_column(column: str, left: str, right: str) -> str:
    """Return the title of one of ``COLUMNS`` for two models of these names.

    >>> name_column("A - B", "new", "old")
    'new - old'
    """
    return {"A": left, "B": right, "A - B": f"{left} - {right}"}.get(column, column)


def _compare(
    part: Sequence[Judgement], partner: dict[int, Judgement], score: Callable[[Judgement], float]
) -> tuple[Cell, ...]:
    left, right = [score(j) for j in part], [score(partner[id(j)]) for j in part]
    return tuple(compare_scores(left, right, [j.group for j in part]))


def _bootstrap(differences: NDArray[np.float64], names: NDArray[np.object_]) -> tuple[float, float, float]:
    """Return the bounds of the mean difference and its two-sided p-value."""
    _, numbers = np.unique(names.astype(str), return_inverse=True)
    if numbers.max() + 1 < LEAST_SITES:
        numbers = np.arange(differences.size)
    sums, sizes = np.bincount(numbers, differences), np.bincount(numbers)
    count = sums.size
    if count < 2:
        return NAN, NAN, NAN
    random = np.random.default_rng(_SEED)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 500):  # bounds memory
        drawn = random.integers(0, count, (500, count))
        means[start : start + 500] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    tail = min((means <= _EQUAL).sum(), (means >= -_EQUAL).sum())
    return float(low), float(high), float(min(1.0, 2 * (tail + 1) / (RESAMPLES + 1)))
