"""Phrases, each labelled as a text of its own: images, cookie notices, kinds, and false alarms on content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome import labelling
from dechrome.artefact import KINDS, LABELS, Model
from dechrome.blocks import Kind, Label
from dechrome_training.corpus import Phrase
from dechrome_training.evaluation.judging import Judgement
from dechrome_training.evaluation.results import Rates, measure_rates, rate_cells
from dechrome_training.evaluation.tables import Cell, Table
from dechrome_training.weak_kinds import PHRASE_KINDS

COOKIE_TEXT: Final = "cookie_notice"
COOKIE_BUTTON: Final = "cookie_button"
_ENOUGH: Final = 0.95  # recall that a language must reach to be counted
_COOKIE_NOTE: Final = (
    "Precision: of the rows called cookie_notice, those of kind cookie_notice or cookie_button. Recall: of the rows\n"
    "of kind cookie_notice. Buttons apart: their words are often not about cookies (Save, Close, Marketing)."
)


class JudgedPhrase(NamedTuple):
    """A phrase and what a model calls it; ``label`` is None where its text has no visible character."""

    phrase: Phrase
    label: Label | None
    kind: Kind | None


def judge_phrases(phrases: Iterable[Phrase], model: Model | None) -> Iterator[JudgedPhrase]:
    """Label every phrase as a text of one line, through the public interface."""
    rows = list(phrases)
    sources = (labelling.Source(text=plain_text(phrase)) for phrase in rows)
    for phrase, page in zip(rows, labelling.label_pages(sources, model), strict=True):
        block = page.blocks[0] if page.blocks else None
        yield JudgedPhrase(phrase, block.label if block else None, block.kind if block else None)


def match_phrases(phrases: Iterable[Phrase], by_text: Mapping[str, Judgement]) -> list[JudgedPhrase]:
    """Join phrases with judgements of pages of one line, by their text; phrases without one are left out."""
    rows = [(phrase, by_text[text].blocks) for phrase in phrases if (text := plain_text(phrase)) in by_text]
    return [
        JudgedPhrase(phrase, LABELS[block.labels[0]], KINDS[block.kinds[0]] if block.kinds[0] >= 0 else None)
        for phrase, block in rows
    ]


def plain_text(phrase: Phrase) -> str:
    """Return a phrase as one line."""
    return " ".join(phrase.text.split())


def phrase_tables(rows: Sequence[JudgedPhrase], name: str = "phrases") -> list[Table]:
    """Return the tables of a run over phrases."""
    if not rows:
        return [Table(f"{name}: no rows", ("",), ())]
    return [
        _main_table(rows, name),
        _class_table(rows, name),
        _own_kinds_table(rows, name),
        _alarm_table(rows, name),
    ]


def _main_table(rows: Sequence[JudgedPhrase], name: str) -> Table:
    own = np.array([row.phrase.kind for row in rows])
    cookie = np.array([row.kind is Kind.COOKIE_NOTICE for row in rows])
    image = np.array([row.label is Label.IMAGE for row in rows])
    is_image = np.array([row.phrase.label is Label.IMAGE for row in rows])
    content = np.array([row.phrase.label is Label.CONTENT for row in rows])
    right = cookie & np.isin(own, (COOKIE_TEXT, COOKIE_BUTTON))
    measures: tuple[tuple[str, int, float], ...] = (
        ("image precision", int(image.sum()), _rates(is_image, image).precision),
        ("image recall", int(is_image.sum()), _rates(is_image, image).recall),
        ("image F1", int((is_image | image).sum()), _rates(is_image, image).f1),
        ("cookie_notice precision", int(cookie.sum()), _rates(right, cookie).precision),
        ("cookie_notice recall", int((own == COOKIE_TEXT).sum()), _rates(own == COOKIE_TEXT, cookie).recall),
        ("cookie_button recall", int((own == COOKIE_BUTTON).sum()), _rates(own == COOKIE_BUTTON, cookie).recall),
        ("content called cookie_notice", int(content.sum()), _rates(content, cookie).recall),
    )
    return Table(f"{name}: images and cookie notices", ("measure", "of rows", "value"), measures, _COOKIE_NOTE)


def _class_table(rows: Sequence[JudgedPhrase], name: str) -> Table:
    """Rates of every label, and of every kind of chrome under our names."""
    characters = np.array([len(row.phrase.text) for row in rows])
    pairs: list[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]] = [
        (
            label.value,
            np.array([row.phrase.label is label for row in rows]),
            np.array([row.label is label for row in rows]),
        )
        for label in LABELS
    ]
    own_kinds = [_kind_of(row.phrase) for row in rows]
    for kind in KINDS:
        gold = np.array([own is kind for own in own_kinds])
        found = np.array([row.kind is kind for row in rows])
        if gold.any() or found.any():
            pairs.append((f"chrome {kind.value}", gold, found))
    return Table(
        f"{name}: by label and kind",
        ("class", "rows", "P", "R", "F1", "characters", "P chars", "R chars", "F1 chars"),
        tuple((title, *rate_cells(gold, found, characters)) for title, gold, found in pairs),
    )


def _own_kinds_table(rows: Sequence[JudgedPhrase], name: str) -> Table:
    """Recall of label and kind for every kind of the set's own, and in how many languages it is good."""
    lines: list[tuple[Cell, ...]] = []
    for label, own in sorted({(row.phrase.label, row.phrase.kind) for row in rows}):
        part = [row for row in rows if (row.phrase.label, row.phrase.kind) == (label, own)]
        by_language: dict[str, list[bool]] = {}
        for row in part:
            by_language.setdefault(row.phrase.language, []).append(row.label is label)
        good = sum(sum(hits) >= _ENOUGH * len(hits) for hits in by_language.values())
        kind = _kind_of(part[0].phrase)
        right_kind = _share([row.kind is kind for row in part]) if kind else float("nan")
        right_label = _share([row.label is label for row in part])
        lines.append((f"{label.value} {own}", len(part), right_label, right_kind, len(by_language), good))
    return Table(
        f"{name}: recall by the set's own kinds",
        ("kind", "rows", "label right", "kind right", "languages", f"of them >= {_ENOUGH}"),
        tuple(lines),
        f"of them >= {_ENOUGH}: languages in which so large a share of the rows has the right label.",
    )


def _alarm_table(rows: Sequence[JudgedPhrase], name: str) -> Table:
    """How often content is taken for something else."""
    content = [row for row in rows if row.phrase.label is Label.CONTENT]
    groups = [("all", content)] + [
        (own, [row for row in content if row.phrase.kind == own])
        for own in sorted({row.phrase.kind for row in content})
    ]
    lines = tuple(
        (
            title,
            len(part),
            _share([row.label is Label.CHROME for row in part]),
            _share([row.kind is Kind.COOKIE_NOTICE for row in part]),
            _share([row.label is Label.IMAGE for row in part]),
        )
        for title, part in groups
    )
    return Table(
        f"{name}: false alarms on content", ("kind of content", "rows", "chrome", "cookie_notice", "image"), lines
    )


def _kind_of(phrase: Phrase) -> Kind | None:
    return PHRASE_KINDS.get(phrase.kind) if phrase.label is Label.CHROME else None


def _rates(gold: NDArray[np.bool_], found: NDArray[np.bool_]) -> Rates:
    return measure_rates(gold, found, np.ones(gold.size, np.int64))


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else float("nan")
