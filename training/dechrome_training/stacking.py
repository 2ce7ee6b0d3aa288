"""Samples -> the tables and networks of one model, each fitted on what the ones before it say of pages they never saw.

Tables of words, a draft, the networks that label, the network of kinds: what one of them says is an input of the next.
If it had seen the page, the next would learn to trust an answer that has seen the answer (stacked generalization:
Wolpert, Neural Networks 1992).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.adapting import average_blocks
from dechrome.artefact import KINDS, LABELS, TAIL_BITS, TAIL_KINDS, Model, Network
from dechrome.blocks import Kind, Label
from dechrome.context import FloatArray
from dechrome.features import INPUT_NAMES
from dechrome.inference import Scores, draft_of, network_inputs, predict_proba
from dechrome.refining import DRAFT_NAMES, measure_draft
from dechrome_training.corpus import is_article
from dechrome_training.gates import fit_gate
from dechrome_training.networks import Lesson, fit_narrowed, fit_network
from dechrome_training.recipe import NetworkRecipe, Recipe, SortRecipe
from dechrome_training.samples import UNKNOWN, WRITTEN_VIEWS, Sample, head_of
from dechrome_training.words import Bags, Tables, fit_tables, score_blocks

_HIDDEN_IN_KINDS: Final = np.array(
    [name.startswith(("cue_", "cues_", "inside_", "tag_")) for name in (*INPUT_NAMES, *DRAFT_NAMES)]
)  # what weak labels of kinds were read off; hidden in every other page, so that text and place do the work too
_DRESSED: Final = ("leftovers", "written")  # views of content with some chrome around it
_RARITY: Final = 0.25  # power: rare kinds count more, or navigation would swallow them
# How far the weak labels of a kind count: these are wrong most often (teasers in boxes called "ad", menus in a box
# for the reader's account).
_TRUST: Final = {Kind.ADVERTISEMENT: 0.15, Kind.ACCOUNT: 0.4}


class Unseen(NamedTuple):
    """What tables and drafts that have not seen a sample make of its blocks; ``draft`` is their part of content."""

    scores: Scores
    draft: FloatArray


class _Rows(NamedTuple):
    """The blocks of the pages of one head, joined: what its networks learn from.

    ``inputs`` are those of the final networks. ``parts`` says which rows may not draft each other; page ``i`` has the
    rows ``starts[i]:starts[i + 1]``.
    """

    samples: list[Sample]
    starts: NDArray[np.int64]
    inputs: FloatArray
    targets: NDArray[np.int8]
    weights: FloatArray
    parts: NDArray[np.int64]


def fit_stack(
    samples: Sequence[Sample],
    folds: NDArray[np.int64],
    bags: Bags,
    weights: Sequence[FloatArray],
    inside: NDArray[np.bool_],
    recipe: Recipe,
    keep: Collection[int],
) -> tuple[Model, dict[int, Unseen]]:
    """Fit tables and networks on the samples inside; return what the networks were shown of the samples to keep."""
    sizes = [len(sample.shares) for sample in samples]
    tables, scores = _stack_tables(bags, np.repeat(inside, sizes), recipe)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    within: list[int] = np.flatnonzero(inside).tolist()
    heads: dict[str, Network] = {}
    kinds: list[_KindRows] = []
    unseen: dict[int, Unseen] = {}
    for head in ("html", "text"):
        chosen = [i for i in within if head_of(samples[i].view) == head] or within
        rows = _join_rows(
            [samples[i] for i in chosen],
            [_scores_of(scores, starts, i) for i in chosen],
            [weights[i] for i in chosen],
            # A phrase is a page of one line: the part of its text, which tables that score it have not seen.
            np.array([bags.parts[starts[i]] if samples[i].view == "phrase" else folds[i] for i in chosen]),
        )
        heads[draft_of(head)], drafted = _draft(rows, recipe)
        for i, start, end in zip(chosen, rows.starts, rows.starts[1:], strict=False):
            if i in keep:
                unseen[i] = Unseen(_scores_of(scores, starts, i), drafted[start:end])
        heads |= _fit_final(head, rows, recipe)
        kinds.append(_kind_rows(rows))
    heads["kind"] = _fit_kinds(kinds, recipe)
    no_tails = np.zeros((1 << TAIL_BITS, len(TAIL_KINDS)), np.float32)  # fitted apart, see tails.py
    return Model(heads, tables.words, tables.cues, no_tails, {}), unseen


def _scores_of(scores: Scores, starts: NDArray[np.int64], sample: int) -> Scores:
    rows = slice(starts[sample], starts[sample + 1])
    return Scores(scores.words[rows], scores.cues[rows])


def _join_rows(
    samples: list[Sample], scores: Sequence[Scores], weights: Sequence[FloatArray], folds: NDArray[np.int64]
) -> _Rows:
    sizes = [len(sample.shares) for sample in samples]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    inputs = np.empty((starts[-1], len(INPUT_NAMES) + len(DRAFT_NAMES)), np.float32)
    for sample, score, start, end in zip(samples, scores, starts, starts[1:], strict=False):
        inputs[start:end, : len(INPUT_NAMES)] = network_inputs(sample.features, score)
    targets = np.concatenate([sample.targets for sample in samples])
    return _Rows(samples, starts, inputs, targets, np.concatenate(weights), np.repeat(folds, sizes))


def _draft(rows: _Rows, recipe: Recipe) -> tuple[Network, FloatArray]:
    """Fit the draft network, and fill in what drafts that have not seen a page's part make of the page."""
    inputs = rows.inputs[:, : len(INPUT_NAMES)]
    content = np.zeros(len(inputs), np.float32)

    for part in np.unique(rows.parts):
        network = _fit_labels(rows, inputs, rows.parts != part, recipe.draft)
        for own in np.array_split(np.flatnonzero(rows.parts == part), 10):
            content[own] = predict_proba(network, inputs[own])[:, 0]
    for sample, start, end in zip(rows.samples, rows.starts, rows.starts[1:], strict=False):
        rows.inputs[start:end, len(INPUT_NAMES) :] = measure_draft(content[start:end], sample.features)
    return _fit_labels(rows, inputs, np.ones(len(rows.targets), bool), recipe.draft), content


def _stack_tables(bags: Bags, inside: NDArray[np.bool_], recipe: Recipe) -> tuple[Tables, Scores]:
    """Fit the tables on all rows inside, and score each row inside by tables that have not seen its part."""
    count = len(bags.targets)
    scores = Scores(
        np.zeros((count, len(KINDS) + 2), np.float32),
        np.zeros(count, np.float32),
    )
    for part in np.unique(bags.parts[inside]):
        own = inside & (bags.parts == part)
        score_blocks(bags, fit_tables(bags, inside & ~own, recipe), own, scores)
    return fit_tables(bags, inside, recipe), scores


def _fit_labels(rows: _Rows, inputs: FloatArray, chosen: NDArray[np.bool_], recipe: NetworkRecipe) -> Network:
    known = _known(rows, chosen)
    if not known.size:  # a single part: nothing else to learn from
        known = _known(rows, np.ones(len(rows.targets), bool))
    return fit_network(_lesson(rows, inputs, known), recipe)


def _lesson(rows: _Rows, inputs: FloatArray, known: NDArray[np.int64]) -> Lesson:
    return Lesson(inputs, known, rows.targets[known], rows.weights[known], len(LABELS))


def _known(rows: _Rows, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the numbers of the chosen rows whose label is known."""
    return np.flatnonzero(chosen & (rows.weights > 0) & (rows.targets != UNKNOWN))


class _Sort(NamedTuple):
    """Pages that get weights of their own.

    ``factors`` says how many times its weight each page counts in their network, 0 where it is left out; ``own`` and
    ``others``, which pages the gate learns to tell apart.
    """

    factors: FloatArray
    own: NDArray[np.bool_]
    others: NDArray[np.bool_]
    recipe: SortRecipe


def _fit_final(head: str, rows: _Rows, recipe: Recipe) -> dict[str, Network]:
    """Fit the network that labels, one that goes on with pages of one sort, and the gate that leads to it.

    Where pages of that sort or others are few, or lack one of the labels, there is only the first.
    """
    known = _known(rows, np.ones(len(rows.targets), bool))
    sort = _articles(rows, recipe) if head == "html" else _short_texts(rows, recipe)
    lesson = _lesson(rows, rows.inputs, known)
    narrow_weights = lesson.weights * np.repeat(sort.factors, np.diff(rows.starts))[known]
    few = min(sort.own.sum(), sort.others.sum()) < sort.recipe.least_pages
    if few or np.setdiff1d(lesson.targets, lesson.targets[narrow_weights > 0]).size:
        return {head: fit_network(lesson, recipe.labels)}
    wide, narrow = fit_narrowed(lesson, recipe.labels, narrow_weights, sort.recipe.epochs)
    others, own = (_average_pages(rows, chosen) for chosen in (sort.others, sort.own))
    gate = fit_gate(wide, others, own, sort.recipe.regularisation, balanced=False)
    return {head: wide, f"{head}_own0": narrow, f"{head}_gate0": gate}


def _articles(rows: _Rows, recipe: Recipe) -> _Sort:
    articles = np.array([is_article(sample.page_type) for sample in rows.samples])
    return _Sort(articles.astype(np.float32), articles, ~articles, recipe.articles)


def _short_texts(rows: _Rows, recipe: Recipe) -> _Sort:
    """Return short pages written line by line, and the small ones among texts dressed in chrome.

    Phrases are learned from, too, or they would be forgotten; they are too many and too much alike for the gate.
    """
    settings = recipe.short_texts
    views = np.array([sample.view for sample in rows.samples])
    is_phrase = views == "phrase"
    words = np.array([sample.features.lengths.sum() for sample in rows.samples])
    by_line = views == "short"
    own = by_line | (np.isin(views, _DRESSED) & (words < settings.most_words))
    factors = np.where(by_line, settings.by_line, own | is_phrase).astype(np.float32)
    return _Sort(factors, own, ~own & ~is_phrase, settings)


def _average_pages(rows: _Rows, chosen: NDArray[np.bool_]) -> FloatArray:
    """Return the mean inputs of the chosen pages, shape (pages, inputs)."""
    means = [
        average_blocks(rows.inputs[rows.starts[i] : rows.starts[i + 1]], rows.samples[i].features.lengths)
        for i in np.flatnonzero(chosen)
    ]
    return np.concatenate(means)


class _KindRows(NamedTuple):
    """Blocks of known kind; those of ``is_weak`` have it from the markup of real pages, the others were written."""

    inputs: FloatArray
    kinds: NDArray[np.int8]
    weights: FloatArray
    is_weak: NDArray[np.bool_]


def _kind_rows(rows: _Rows) -> _KindRows:
    """Return the rows of known kind; in every other HTML page without the markup that weak labels were read off."""
    kinds = np.concatenate([sample.kinds for sample in rows.samples])
    known = np.flatnonzero((kinds != UNKNOWN) & (rows.targets == LABELS.index(Label.CHROME)))
    inputs = rows.inputs[known]
    pages = np.searchsorted(rows.starts, known, side="right")
    is_html = np.array([head_of(sample.view) == "html" for sample in rows.samples])[pages - 1]
    inputs[np.ix_(is_html & (pages % 2 == 0), _HIDDEN_IN_KINDS)] = 0
    is_weak = np.array([sample.view not in WRITTEN_VIEWS for sample in rows.samples])[pages - 1]
    return _KindRows(inputs, kinds[known], np.sqrt(np.maximum(rows.weights[known], 1e-3)), is_weak)


def _fit_kinds(parts: Sequence[_KindRows], recipe: Recipe) -> Network:
    inputs, kinds, weights, is_weak = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    rarity = np.where(is_weak, _rarity(kinds[is_weak])[kinds], _rarity(kinds[~is_weak])[kinds])
    for kind, trust in _TRUST.items():
        rarity[is_weak & (kinds == KINDS.index(kind))] *= trust
    lesson = Lesson(inputs, np.arange(len(kinds)), kinds, weights * rarity, len(KINDS))
    return fit_network(lesson, recipe.kinds)


def _rarity(kinds: NDArray[np.int8]) -> FloatArray:
    """Return how much more each kind counts for being rare among these; shape (kinds,)."""
    counts = np.bincount(kinds, minlength=len(KINDS))
    rarity: FloatArray = ((counts.sum() / np.maximum(counts, 1)) ** _RARITY).astype(np.float32)
    return rarity
