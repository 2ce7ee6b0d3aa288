"""Judgements -> tables: text scores by page type and language, blocks by label and kind, calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import KINDS, LABELS
from dechrome_training.evaluation.judging import NAN, JudgedBlocks, Judgement, TextScores
from dechrome_training.evaluation.tables import Cell, Table
from dechrome_training.samples import UNKNOWN
from dechrome_training.scores import calibration_error, rank_correlation

SCORE_COLUMNS: Final = ("word P", "word R", "word F1", "shingle F1", "must-have", "must-not")
BLOCK_COLUMNS: Final = ("blocks", "P", "R", "F1", "characters", "P chars", "R chars", "F1 chars")
_MOST_LANGUAGES: Final = 20


class Rates(NamedTuple):
    """Precision, recall and F1 of a decision; nan where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


def page_tables(judgements: Sequence[Judgement], name: str) -> list[Table]:
    """Return all tables of a run over pages; ``name`` says what was labelled."""
    if not judgements:
        return [Table(f"{name}: no pages", ("",), ())]
    blocks = join_blocks([judgement.blocks for judgement in judgements])
    return [
        _text_table(judgements, name),
        _label_table(blocks, name),
        _kind_table(blocks, name),
        _confidence_table(judgements, blocks, name),
    ]


def mean_scores(scores: Iterable[TextScores]) -> tuple[float, ...]:
    """Return the mean of each score over the pages where it is known."""
    return tuple(mean(column) for column in zip(*scores, strict=True))


def mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are known, nan if none is."""
    known = np.array([value for value in values if not np.isnan(value)], np.float64)
    return float(known.mean()) if known.size else NAN


def measure_rates(gold: NDArray[np.bool_], found: NDArray[np.bool_], weights: NDArray[np.int64]) -> Rates:
    """Return the rates of ``found`` against ``gold``, each item counting by its weight."""
    hits, called, wanted = (float(weights[chosen].sum()) for chosen in (gold & found, found, gold))
    precision = hits / called if called else NAN
    recall = hits / wanted if wanted else NAN
    return Rates(precision, recall, 2 * hits / (called + wanted) if called + wanted else NAN)


def rate_cells(gold: NDArray[np.bool_], found: NDArray[np.bool_], characters: NDArray[np.int64]) -> tuple[Cell, ...]:
    """Return number and rates of a class, by blocks and weighted by characters."""
    by_block = measure_rates(gold, found, np.ones_like(characters))
    return (int(gold.sum()), *by_block, int(characters[gold].sum()), *measure_rates(gold, found, characters))


def group_by(
    judgements: Sequence[Judgement], key: Callable[[Judgement], str | None], most: int | None = None
) -> list[tuple[str, list[Judgement]]]:
    """Group pages by a name, the largest group first; pages without the name are "not given"."""
    groups: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        groups.setdefault(key(judgement) or "not given", []).append(judgement)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:most]


def break_down(judgements: Sequence[Judgement]) -> list[tuple[str, list[Judgement]]]:
    """Return all pages, then those of each set, page type and language, where there are several."""
    parts = [("all", list(judgements))]
    for title, key, most in (
        ("set", lambda j: j.source, None),
        ("type", lambda j: j.page_type, None),
        ("language", lambda j: j.language, _MOST_LANGUAGES),
    ):
        groups = group_by(judgements, key, most)
        if len(groups) > 1:
            parts += [(f"{title} {value}", part) for value, part in groups]
    return parts


def _text_table(judgements: Sequence[Judgement], name: str) -> Table:
    rows = break_down(judgements)
    return Table(
        f"{name}: text by pages",
        ("", "pages", *SCORE_COLUMNS, "quality"),
        tuple(
            (row, len(part), *mean_scores(j.scores for j in part), mean(j.quality for j in part)) for row, part in rows
        ),
        "Means over pages. must-have, must-not: share of the snippets found. quality: the word F1 that was expected.",
    )


def _label_table(blocks: JudgedBlocks, name: str) -> Table:
    known = blocks.gold_labels != UNKNOWN
    gold, found = blocks.gold_labels[known], blocks.labels[known]
    rows = [
        (label.value, *rate_cells(gold == n, found == n, blocks.characters[known])) for n, label in enumerate(LABELS)
    ]
    return Table(f"{name}: blocks by label", ("label", *BLOCK_COLUMNS), tuple(rows))


def _kind_table(blocks: JudgedBlocks, name: str) -> Table:
    known = (blocks.gold_labels != UNKNOWN) & ((blocks.gold_labels != 2) | (blocks.gold_kinds != UNKNOWN))
    gold, found, characters = blocks.gold_kinds[known], blocks.kinds[known], blocks.characters[known]
    rows = [
        (kind.value, *rate_cells(gold == n, found == n, characters))
        for n, kind in enumerate(KINDS)
        if (gold == n).any() or (found == n).any()
    ]
    note = (
        f"Over content, images and the {int((gold != UNKNOWN).sum()):,} blocks of chrome whose kind is known: labelled"
        " by hand, or else given away\nby the markup, which the model sees too."
    )
    return Table(f"{name}: blocks by kind of chrome", ("kind", *BLOCK_COLUMNS), tuple(rows), note)


def _confidence_table(judgements: Sequence[Judgement], blocks: JudgedBlocks, name: str) -> Table:
    known = blocks.gold_labels != UNKNOWN
    correct = (blocks.labels == blocks.gold_labels)[known]
    confidence = blocks.confidence[known].astype(np.float64)
    scored = [j for j in judgements if not np.isnan(j.scores.f1)]
    qualities, reached = [j.quality for j in scored], [j.scores.f1 for j in scored]
    rows: tuple[tuple[Cell, ...], ...] = (
        ("expected calibration error of confidence", calibration_error(confidence, correct)),
        ("mean confidence", mean(confidence)),
        ("share of blocks labelled right", mean(correct.astype(np.float64))),
        ("rank correlation of quality with word F1", rank_correlation(qualities, reached)),
        ("mean quality", mean(qualities)),
        ("mean word F1", mean(reached)),
    )
    return Table(f"{name}: confidence", ("measure", "value"), rows)


def join_blocks(parts: Sequence[JudgedBlocks]) -> JudgedBlocks:
    """Put the blocks of several pages together."""
    return JudgedBlocks(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
