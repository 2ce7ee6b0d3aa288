"""Word and cue tables: logistic regressions over hashed words, as one row of scores per bucket."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from dechrome.artefact import KINDS
from dechrome.context import FloatArray
from dechrome.features import CUE_BITS, SCORE_NAMES, WORD_BITS
from dechrome.inference import Scores
from dechrome_training.recipe import Recipe
from dechrome_training.samples import UNKNOWN, WRITTEN_VIEWS, Sample, head_of


class Tables(NamedTuple):
    """Scores per bucket: ``words`` of shape (2 ** WORD_BITS, len(SCORE_NAMES)), ``cues`` (2 ** CUE_BITS, 1)."""

    words: FloatArray
    cues: FloatArray


class Bags(NamedTuple):
    """The bags of all blocks of all samples, one row a block, and what is known of each block.

    ``parts`` says which rows may not score each other: those of one fold, or, for phrases, of one part of all texts.
    Interface texts recur word for word from project to project, so a network that only saw them scored by tables of
    other projects would trust the tables too little.
    """

    words: sparse.csr_matrix
    cues: sparse.csr_matrix
    targets: NDArray[np.int8]
    kinds: NDArray[np.int8]
    weights: FloatArray
    parts: NDArray[np.int64]
    has_tree: NDArray[np.bool_]


def collect_bags(samples: Sequence[Sample], folds: Sequence[int], weights: FloatArray) -> Bags:
    """Gather the bags of the samples' blocks."""
    sizes = [len(sample.shares) for sample in samples]
    return Bags(
        _matrix([(s.features.words, s.features.word_blocks) for s in samples], sizes, 1 << WORD_BITS),
        _matrix([(s.features.cues, s.features.cue_blocks) for s in samples], sizes, 1 << CUE_BITS),
        np.concatenate([sample.targets for sample in samples]),
        np.concatenate([sample.kinds for sample in samples]),
        weights,
        _stacking_parts(samples, folds),
        np.repeat([head_of(sample.view) == "html" for sample in samples], sizes),
    )


def _stacking_parts(samples: Sequence[Sample], folds: Sequence[int]) -> NDArray[np.int64]:
    """Return the fold of each block's page; for blocks made of phrases, a part that depends on the text alone."""
    count = max(folds, default=0) + 1
    parts = []
    for sample, fold in zip(samples, folds, strict=True):
        row = np.full(len(sample.texts), fold)
        if sample.view in WRITTEN_VIEWS:
            of_text = [zlib.crc32(text.encode("utf-8", "replace")) % count for text in sample.texts]
            row = np.where((sample.kinds != UNKNOWN) | (sample.view == "phrase"), of_text, row)
        parts.append(row)
    return np.concatenate(parts)


def fit_tables(bags: Bags, chosen: NDArray[np.bool_], recipe: Recipe) -> Tables:
    """Fit the tables on the chosen blocks."""
    known = chosen & (bags.targets != UNKNOWN) & (bags.targets != 1) & (bags.weights > 0)
    content = bags.targets == 0
    words = np.zeros((1 << WORD_BITS, len(SCORE_NAMES)), np.float32)
    words[:, 0] = _fit_content(bags.words, content, bags.weights, known, recipe)
    words[:, 1:] = _fit_kinds(bags, known & ((bags.kinds != UNKNOWN) | content), content, recipe)
    cues = _fit_content(bags.cues, content, bags.weights, known & bags.has_tree, recipe)
    return Tables(words, cues[:, None].astype(np.float32))


def score_blocks(bags: Bags, tables: Tables, chosen: NDArray[np.bool_], scores: Scores) -> None:
    """Write the scores of the chosen blocks into ``scores``."""
    scores.words[chosen] = bags.words[chosen] @ tables.words
    scores.cues[chosen] = (bags.cues[chosen] @ tables.cues)[:, 0]


def _matrix(
    pairs: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], sizes: Sequence[int], width: int
) -> sparse.csr_matrix:
    """Return counts per block and bucket, divided by the root of the block's number of words (as inference does)."""
    starts = np.concatenate(([0], np.cumsum(sizes)))
    rows = np.concatenate([blocks + start for (_, blocks), start in zip(pairs, starts, strict=False)])
    columns = np.concatenate([buckets for buckets, _ in pairs])
    numbers = np.bincount(rows, minlength=starts[-1])
    values = (1 / np.sqrt(numbers[rows])).astype(np.float32)
    return sparse.csr_matrix(
        (values, (rows.astype(np.int32), columns.astype(np.int32))), shape=(int(starts[-1]), width)
    )


def _fit_content(
    matrix: sparse.csr_matrix, content: NDArray[np.bool_], weights: FloatArray, known: NDArray[np.bool_], recipe: Recipe
) -> FloatArray:
    if not known.any() or content[known].all() or not content[known].any():
        return np.zeros(matrix.shape[1], np.float32)
    model = LogisticRegression(C=recipe.regularisation, max_iter=recipe.iterations, tol=1e-3)
    model.fit(matrix[known], content[known], sample_weight=weights[known])
    coefficients: FloatArray = model.coef_[0].astype(np.float32)
    return coefficients


def _fit_kinds(bags: Bags, known: NDArray[np.bool_], content: NDArray[np.bool_], recipe: Recipe) -> FloatArray:
    """Fit one-against-rest scores for every kind and for none of them (content)."""
    labels = np.where(content, len(KINDS), bags.kinds)
    rows = np.flatnonzero(known)
    rows = rows[np.concatenate([_at_most(rows, labels[rows], label) for label in range(len(KINDS) + 1)])]
    table = np.zeros((bags.words.shape[1], len(KINDS) + 1), np.float32)
    classes = np.unique(labels[rows])
    if classes.size < 2:
        return table
    model = LogisticRegression(C=recipe.kind_regularisation, max_iter=recipe.kind_iterations, tol=1e-3)
    model.fit(bags.words[rows], labels[rows])
    coefficients = model.coef_ if classes.size > 2 else np.vstack((-model.coef_, model.coef_))
    table[:, classes] = coefficients.T
    return table


def _at_most(rows: NDArray[np.int64], labels: NDArray[np.int64], label: int, most: int = 8_000) -> NDArray[np.int64]:
    """Return places of at most ``most`` rows of one label, evenly spread."""
    places = np.flatnonzero(labels == label)
    return places if places.size <= most else places[np.linspace(0, places.size - 1, most).astype(np.int64)]
