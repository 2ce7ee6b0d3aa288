"""Kinds of chrome on real pages whose markup is hidden: labelled by text, links and place alone.

The test set is chosen by rule at run time: pages with gold text on which markup names kinds of chrome beyond doubt
(``kind_rules``), a few of each site. Before they are labelled, names of classes and roles are taken away and semantic
tags become plain ones, so that the model cannot read the answer off what the gold was read off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from dechrome.artefact import KINDS, LABELS, Model
from dechrome.blocks import Document, Kind, Label, Tree
from dechrome.encoding import scrub
from dechrome.features import extract_features
from dechrome.html_blocks import split_html
from dechrome_training.align import content_shares
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.judging import JudgedBlocks, Judgement, judge_prediction
from dechrome_training.evaluation.kind_rules import known_kinds
from dechrome_training.evaluation.results import BLOCK_COLUMNS, join_blocks, rate_cells
from dechrome_training.evaluation.tables import Cell, Table
from dechrome_training.fit import predict
from dechrome_training.samples import UNKNOWN, Sample

PER_SITE: Final = 3  # pages of one site that are measured: a site's habits count once
PER_PAGE: Final = 40  # blocks of one kind that are measured on a page: no list of countries or comments decides alone
# Tags that say what an element is for, and the plain ones they become: block-level and inline.
_TO_DIV: Final = frozenset(
    "nav header footer aside main article section form button address fieldset legend select option optgroup menu"
    " dialog search details summary noscript figure figcaption hgroup".split()
)
_TO_SPAN: Final = frozenset("time label input output ins del cite abbr".split())
_CHROME: Final = LABELS.index(Label.CHROME)
_NOTE: Final = (
    "Blocks whose kind the markup names beyond doubt, labelled with that markup hidden; precision over these and the"
    f"\ncontent of the same pages. At most {PER_SITE} pages a site, and {PER_PAGE} blocks of a kind on a page."
)


def hide_markup(document: Document) -> Document:
    """Take away what names an element's purpose: class, id, role and the like, and semantic tags.

    >>> hide_markup(split_html('<nav class="menu"><a>Home</a></nav>')).tree.tags
    ['html', 'body', 'div', 'a']
    """
    tags, parents, cues = document.tree
    plain = ["div" if tag in _TO_DIV else "span" if tag in _TO_SPAN else tag for tag in tags]
    return replace(document, tree=Tree(plain, parents, [""] * len(cues)))


def kind_sample(page: AnnotatedPage) -> Sample | None:
    """Return a page as a sample with its markup hidden; None where no kind is known."""
    if page.html is None or page.gold is None:
        return None
    document = split_html(scrub(page.html)[0], page.url)
    texts = tuple(block.text for block in document.blocks)
    shares = np.array(content_shares(texts, page.gold), np.float32)
    kinds = known_kinds(document, (shares >= 0.5).tolist())
    if not any(kinds):
        return None
    return Sample(
        page.id, page.group, page.source, "html", page.language, page.page_type,
        extract_features(hide_markup(document)),
        shares,
        np.zeros(len(texts), bool),
        np.array([UNKNOWN if kind is None else KINDS.index(kind) for kind in _first(kinds)], np.int8),
        texts,
        page.gold,
    )  # fmt: skip


def judge_kinds(pages: Iterable[AnnotatedPage], model: Model) -> Iterator[Judgement]:
    """Label the pages on which kinds are known, at most ``PER_SITE`` of each site, with the markup hidden."""
    seen: Counter[str] = Counter()
    for page in pages:
        if seen[page.group] < PER_SITE and (sample := kind_sample(page)):
            seen[page.group] += 1
            yield judge_prediction(predict(model, [sample])[0], model.settings)


def kind_tables(judgements: Sequence[Judgement], trained_on: Container[str]) -> list[Table]:
    """Return rates and confusions, apart for pages of sets that the model was trained on and for the others."""
    groups = (
        ("sets not trained on", [j for j in judgements if j.source not in trained_on]),
        ("sets trained on", [j for j in judgements if j.source in trained_on]),
    )
    tables = [table for name, part in groups if part for table in (rate_table(part, name), confusion_table(part, name))]
    return tables or [Table("kinds: no pages whose markup names a kind", ("",), ())]


def rate_table(judgements: Sequence[Judgement], name: str) -> Table:
    """Return support, precision, recall and F1 of every kind."""
    blocks = known_blocks(judgements)
    rows: list[tuple[Cell, ...]] = []
    for number, kind in enumerate(KINDS):
        gold, found = blocks.gold_kinds == number, blocks.kinds == number
        if gold.any():
            pages = sum((j.blocks.gold_kinds == number).any() for j in judgements)
            rows.append((kind.value, int(pages), *rate_cells(gold, found, blocks.characters)))
    rows.append(("mean", len(judgements), *map(_mean_cell, list(zip(*rows, strict=True))[2:])))
    sources = Counter(j.source for j in judgements)
    listed = ", ".join(f"{source} {count}" for source, count in sorted(sources.items()))
    title = f"kinds, markup hidden: {len(judgements)} pages of {name}"
    return Table(title, ("kind", "pages", *BLOCK_COLUMNS), tuple(rows), f"{_NOTE}\n{listed}")


def confusion_table(judgements: Sequence[Judgement], name: str) -> Table:
    """Return how many blocks of each kind (rows) were called what (columns)."""
    blocks = known_blocks(judgements)
    gold = np.where(blocks.gold_labels == _CHROME, blocks.gold_kinds, len(KINDS))
    found = np.where(blocks.labels == _CHROME, blocks.kinds, len(KINDS) + (blocks.labels == 1))
    names = [*(kind.value for kind in KINDS), Label.CONTENT.value, Label.IMAGE.value]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (names[row], *(int(((gold == row) & (found == column)).sum()) for column in range(len(names))))
        for row in range(len(KINDS) + 1)
        if (gold == row).any()
    )
    return Table(f"kinds, markup hidden: confusion, {name}", ("is \\ called", *map(_short, names)), rows)


def _first(kinds: Sequence[Kind | None]) -> list[Kind | None]:
    """Keep the first ``PER_PAGE`` blocks of each kind."""
    counts: Counter[Kind | None] = Counter()
    kept = []
    for kind in kinds:
        counts[kind] += 1
        kept.append(kind if counts[kind] <= PER_PAGE else None)
    return kept


def known_blocks(judgements: Sequence[Judgement]) -> JudgedBlocks:
    """Return the blocks of content, and those of chrome whose kind is known."""
    blocks = join_blocks([judgement.blocks for judgement in judgements])
    known = (blocks.gold_labels == 0) | (blocks.gold_kinds != UNKNOWN)
    return JudgedBlocks(*(column[known] for column in blocks))


def _mean_cell(column: Sequence[Cell]) -> Cell:
    """Sum counts and average rates (each kind counts once)."""
    numbers = [cell for cell in column if not isinstance(cell, str)]
    if all(isinstance(cell, int) for cell in numbers):
        return sum(numbers)
    return float(np.nanmean(numbers)) if not np.isnan(numbers).all() else float("nan")


def _short(name: str) -> str:
    return "".join(part[:6] if len(name.split("_")) == 1 else part[:3] for part in name.split("_"))
