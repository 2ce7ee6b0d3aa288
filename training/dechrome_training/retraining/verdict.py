"""Old model against new: on the user's pages, and on the check pages that come with the base sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import KINDS, LABELS
from dechrome.blocks import Kind, Label
from dechrome_training.evaluation.judging import Judgement
from dechrome_training.evaluation.paired import (
    COLUMNS,
    LEAST_SITES,
    NOTE,
    Comparison,
    compare_scores,
    compare_tables,
    name_column,
)
from dechrome_training.evaluation.results import join_blocks, measure_rates
from dechrome_training.evaluation.tables import Cell, Table
from dechrome_training.retraining.search import MOST_LOSS
from dechrome_training.samples import UNKNOWN, Sample

LEAST_PAGES: Final = 10  # labelled pages below which no figure means anything
_CHECK_NOTE: Final = (
    "Check pages: of many kinds and sites, kept as features; the model that they come with was trained on them."
)
_RATE_COLUMNS: Final = ("blocks", "P old", "P new", "R old", "R new", "F1 old", "F1 new")


class Change(NamedTuple):
    """A block whose label or kind the new model changes: text, what the gold says, what each model says."""

    text: str
    gold: str
    old: str
    new: str


class PageChange(NamedTuple):
    """A page that got better or worse, with the blocks that changed."""

    id: str
    view: str
    old_f1: float
    new_f1: float
    changes: tuple[Change, ...]


class CheckPage(NamedTuple):
    """Word F1 of one check page under both models."""

    group: str
    view: str
    page_type: str | None
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to use the new model, and why. ``pages`` and ``check`` compare word F1, new against old.

    ``changes`` are the pages whose labels changed, largest change first; ``page_scores`` are word F1, old and new.
    """

    use: bool
    sentence: str
    pages: Comparison
    check: Comparison
    tables: tuple[Table, ...]
    changes: tuple[PageChange, ...]
    page_scores: tuple[tuple[float, float], ...]


def judge(
    samples: Sequence[Sample], pairs: Sequence[tuple[Judgement, Judgement]], check: Sequence[CheckPage], changed: bool
) -> Verdict:
    """Judge a retrained model.

    ``pairs`` are the judgements, new and old, of ``samples``, each by a model that has not seen the page's site.
    ``changed`` says whether anything was learned for pages as they are.
    """
    as_html = {new.id for new, _ in pairs if new.view == "html"}
    shown = [(new, old) for new, old in pairs if new.view == "html" or new.id not in as_html]  # pages as they are
    views = {new.view for new, _ in shown}
    pages = compare_scores(
        [new.scores.f1 for new, _ in shown], [old.scores.f1 for _, old in shown], [new.group for new, _ in shown]
    )
    general = _compare_check([page for page in check if page.view in views])
    sites = len({new.group for new, _ in shown})
    use, sentence = decide(pages, general, sites, changed)
    tables = [
        table
        for name in ("html", "lines")
        if (part := [pair for pair in pairs if pair[0].view == name])
        for table in (*compare_tables(part, f"your pages, {name}", "new", "old"), *_block_tables(part, name))
    ]
    tables += [_check_table(check, name) for name in ("html", "lines") if any(page.view == name for page in check)]
    changes = [
        page
        for sample, (new, old) in zip(samples, pairs, strict=True)
        if (new.view == "html" or new.id not in as_html) and (page := _page_change(sample, new, old)).changes
    ]
    scores = tuple((old.scores.f1, new.scores.f1) for new, old in shown)
    changes.sort(key=lambda page: (-abs(np.nan_to_num(page.new_f1 - page.old_f1)), page.id))
    return Verdict(use, sentence, pages, general, tuple(tables), tuple(changes), scores)


def decide(pages: Comparison, check: Comparison, sites: int, changed: bool) -> tuple[bool, str]:
    """Return whether to use the model, and one plain sentence that says why.

    ``sites`` is the number of the user's sites, ``changed`` as in ``judge``.
    """
    gain, loss = pages.difference, -check.difference if check.pages else 0.0
    on_yours = f"word F1 on your pages {pages.old:.3f} -> {pages.new:.3f}"
    if pages.pages < LEAST_PAGES:
        return False, (
            f"Do not use it: {_count(pages.pages, 'page')} with content known, too few to tell;"
            f" label at least {LEAST_PAGES}, better 50."
        )
    if not changed:
        return False, (
            "Do not use it: it is the old model, for nothing learned from some of your sites helped on the others"
            f" ({on_yours})."
        )
    if loss > MOST_LOSS:
        return False, f"Do not use it: it is worse elsewhere, by {loss:.3f} on the check pages ({on_yours})."
    if gain < 0:
        return False, f"Do not use it: it is worse on your own pages ({on_yours}, sites held out)."
    if np.isnan(pages.low) or pages.low <= 0:
        return False, (
            f"Do not use it yet: no gain beyond chance on your pages ({on_yours}, difference between"
            f" {pages.low:+.3f} and {pages.high:+.3f}); label more pages, best of other sites."
        )
    where = (
        ""
        if sites >= LEAST_SITES
        else f" Your pages are of {_count(sites, 'site')}: what it does on others is not known."
    )
    return True, (
        f"Use it: {on_yours} (gain {pages.low:+.3f} to {pages.high:+.3f}, sites held out), and on the check pages"
        f" {check.old:.3f} -> {check.new:.3f}.{where}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _compare_check(check: Sequence[CheckPage]) -> Comparison:
    return compare_scores([page.new for page in check], [page.old for page in check], [page.group for page in check])


def _check_table(check: Sequence[CheckPage], view: str) -> Table:
    shown = [page for page in check if page.view == view]
    types = sorted({page.page_type or "not given" for page in shown})
    parts = [("all", shown), *((f"type {t}", [p for p in shown if (p.page_type or "not given") == t]) for t in types)]
    return Table(
        f"check pages, {view}: word F1, new against old",
        ("", *(name_column(column, "new", "old") for column in COLUMNS)),
        tuple((name, *_compare_check(part)) for name, part in parts),
        f"{NOTE}\n{_CHECK_NOTE}",
    )


def _block_tables(pairs: Sequence[tuple[Judgement, Judgement]], view: str) -> list[Table]:
    """Return precision and recall by label and by kind, old and new side by side."""
    new, old = (join_blocks([pair[side].blocks for pair in pairs]) for side in (0, 1))
    known = new.gold_labels != UNKNOWN
    told = known & ((new.gold_labels != LABELS.index(Label.CHROME)) | (new.gold_kinds != UNKNOWN))
    by_label = [
        (label.value, *_rates((new.gold_labels == n)[known], (old.labels == n)[known], (new.labels == n)[known]))
        for n, label in enumerate(LABELS)
    ]
    by_kind = [
        (kind.value, *_rates((new.gold_kinds == n)[told], (old.kinds == n)[told], (new.kinds == n)[told]))
        for n, kind in enumerate(KINDS)
        if (new.gold_kinds == n).any()
    ]
    tables = [Table(f"your pages, {view}: blocks by label", ("label", *_RATE_COLUMNS), tuple(by_label))]
    if by_kind:
        tables.append(Table(f"your pages, {view}: blocks by kind", ("kind", *_RATE_COLUMNS), tuple(by_kind)))
    return tables


def _rates(gold: NDArray[np.bool_], old: NDArray[np.bool_], new: NDArray[np.bool_]) -> tuple[Cell, ...]:
    ones = np.ones(gold.size, np.int64)
    before, after = measure_rates(gold, old, ones), measure_rates(gold, new, ones)
    return (int(gold.sum()), *(value for pair in zip(before, after, strict=True) for value in pair))


def _page_change(sample: Sample, new: Judgement, old: Judgement) -> PageChange:
    changes = tuple(
        Change(
            text,
            _label_name(new.blocks.gold_labels[n], new.blocks.gold_kinds[n]),
            _label_name(old.blocks.labels[n], old.blocks.kinds[n]),
            _label_name(new.blocks.labels[n], new.blocks.kinds[n]),
        )
        for n, text in enumerate(sample.texts)
        if new.blocks.labels[n] != old.blocks.labels[n]
    )
    return PageChange(sample.id, new.view, old.scores.f1, new.scores.f1, changes)


def _label_name(label: int, kind: int) -> str:
    if label == UNKNOWN:
        return "not known"
    name = LABELS[label].value
    return f"{name}: {KINDS[kind].value}" if kind != UNKNOWN and KINDS[kind] is not Kind.OTHER else name
