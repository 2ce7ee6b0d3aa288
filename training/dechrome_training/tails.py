"""Foreign tails of content blocks: the table that tells them, its threshold and its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from dechrome.artefact import TAIL_BITS, TAIL_KINDS
from dechrome.context import FloatArray
from dechrome.tails import (
    GRAM_WEIGHT,
    Candidates,
    best_candidates,
    find_candidates,
    judge_candidates,
)
from dechrome_training.corpus import OWN_SOURCE, AnnotatedPage, Phrase
from dechrome_training.fit import steady
from dechrome_training.recipe import TailRecipe
from dechrome_training.tail_examples import WRITTEN, Example, is_real, write_examples


@dataclass(frozen=True, slots=True)
class Tails:
    """What training made of the examples: the table, the threshold, and scores of tables that have not seen the fold.

    ``trims`` are the held-out blocks that would be trimmed, as content and tail.
    """

    table: FloatArray
    threshold: float
    scores: dict[str, Any]
    trims: list[tuple[str, str]]


def fit_tails(
    pages: Sequence[AnnotatedPage],
    page_folds: Sequence[int],
    phrases: Sequence[Phrase],
    phrase_folds: Sequence[int],
    recipe: TailRecipe,
) -> Tails:
    """Fit the table on all examples, and choose the threshold on folds; own phrases have a negative fold."""
    examples = write_examples(pages, page_folds, phrases, phrase_folds, recipe)
    found = find_candidates([example.text for example in examples], [example.link for example in examples])
    targets = _targets(examples, found)
    matrix = _matrix(found)
    folds = np.array([example.fold for example in examples])[found.owners]
    taught = _taught(examples, found)
    probabilities = np.zeros((len(targets), len(TAIL_KINDS)), np.float32)
    for fold in np.unique(folds[folds >= 0]):
        table = _fit(matrix, targets, taught & (folds != fold), recipe)
        own = np.flatnonzero(folds == fold)
        probabilities[own] = judge_candidates(table, _choose(found, own))
    sure = probabilities.sum(axis=1)
    best = best_candidates(found.owners, sure)
    threshold = _threshold(examples, found, sure, best, recipe)
    scores, trims = _score(examples, found, sure, best, threshold)
    return Tails(_fit(matrix, targets, taught, recipe), threshold, scores, trims)


def _targets(examples: Sequence[Example], found: Candidates) -> NDArray[np.int64]:
    """Return 0 for no tail, else one more than the number of its kind."""
    starts = np.array([example.start for example in examples])
    kinds = np.array([0 if e.kind is None else 1 + TAIL_KINDS.index(e.kind) for e in examples])
    return np.where(found.starts == starts[found.owners], kinds[found.owners], 0)


def _taught(examples: Sequence[Example], found: Candidates) -> NDArray[np.bool_]:
    """Choose what to learn from: all that was written, and every other text of pages, which say little new."""
    chosen = [e.start >= 0 or e.source == WRITTEN or number % 2 == 0 for number, e in enumerate(examples)]
    return np.array(chosen)[found.owners]


def _matrix(found: Candidates) -> sparse.csr_matrix:
    """Return what ``judge_candidates`` sums up: one row a candidate."""
    count, signs = found.signs.shape
    sizes = np.bincount(found.rows, minlength=count)
    values = np.concatenate([(GRAM_WEIGHT / np.sqrt(sizes))[found.rows], np.ones(count * signs)])
    rows = np.concatenate([found.rows, np.repeat(np.arange(count), signs)])
    columns = np.concatenate([found.grams, found.signs.ravel()])
    pairs = (rows.astype(np.int32), columns.astype(np.int32))
    return sparse.csr_matrix((values.astype(np.float32), pairs), shape=(count, 1 << TAIL_BITS))


def _choose(found: Candidates, chosen: NDArray[np.int64]) -> Candidates:
    """Return some of the candidates; ``chosen`` is in order."""
    inside = np.zeros(len(found.starts), bool)
    inside[chosen] = True
    kept = inside[found.rows]
    rows = np.searchsorted(chosen, found.rows[kept])
    return Candidates(found.owners[chosen], found.starts[chosen], found.grams[kept], rows, found.signs[chosen])


def _fit(
    matrix: sparse.csr_matrix, targets: NDArray[np.int64], inside: NDArray[np.bool_], recipe: TailRecipe
) -> FloatArray:
    """Fit what speaks for a tail, and what for the second kind of it."""
    rows, tails = np.flatnonzero(inside), np.flatnonzero(inside & (targets > 0))
    columns = (
        _fit_column(matrix[rows], targets[rows] > 0, recipe),
        _fit_column(matrix[tails], targets[tails] > 1, recipe),
    )
    return np.stack(columns, axis=1).astype(np.float16).astype(np.float32)


def _fit_column(matrix: sparse.csr_matrix, targets: NDArray[np.bool_], recipe: TailRecipe) -> FloatArray:
    if targets.all() or not targets.any():
        return np.zeros(matrix.shape[1], np.float32)
    weights = np.where(targets, recipe.tail_weight, 1.0)
    model = LogisticRegression(C=recipe.regularisation, max_iter=recipe.iterations, tol=1e-5, fit_intercept=False)
    with steady():
        coefficients: FloatArray = model.fit(matrix, targets, sample_weight=weights).coef_[0]
    return coefficients


def _threshold(
    examples: Sequence[Example], found: Candidates, sure: FloatArray, best: NDArray[np.int64], recipe: TailRecipe
) -> float:
    """Return the least threshold at which so few whole content blocks are trimmed."""
    real = np.array([is_real(example) for example in examples])
    values = np.sort(sure[best][real[found.owners[best]]])[::-1]
    allowed = int(recipe.false_trims * real.sum())
    return max(0.5, float(values[allowed]) + 1e-4 if allowed < values.size else 0.5)


def _score(
    examples: Sequence[Example], found: Candidates, sure: FloatArray, best: NDArray[np.int64], threshold: float
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return, as hits and all, in total and by language: false trims of content, and tails found.

    Tails of our own phrases stood behind other content in training, those of other projects are new to the table.
    """
    starts = np.full(len(examples), -1)
    kept = best[sure[best] >= threshold]
    starts[found.owners[kept]] = found.starts[kept]
    names = ("false_trims", "false_trims_phrases", "known", "new")
    counts: dict[str, dict[str, list[int]]] = {name: {} for name in names}
    trims = []
    for example, start in zip(examples, starts.tolist(), strict=True):
        if example.source == WRITTEN:
            continue
        is_tail = example.start >= 0
        group = (example.source == "phrase") if not is_tail else 2 + (example.source != OWN_SOURCE)
        for language in ("all", example.language):
            hits = counts[names[group]].setdefault(language, [0, 0])
            hits[0] += start == example.start if is_tail else start >= 0
            hits[1] += 1
        if example.start < 0 <= start:
            trims.append((example.text[:start], example.text[start:]))
    return {name: dict(sorted(table.items())) for name, table in counts.items()}, trims
