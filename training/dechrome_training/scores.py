"""Measures: word scores, shingle scores, snippet rates, block precision and recall, calibration error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dechrome_training.align import words_of

Item = TypeVar("Item", str, tuple[str, ...])


def word_scores(found: str, gold: str) -> tuple[float, float, float]:
    r"""Return precision, recall and F1 over the multisets of words (``\w+``, lower case), as WCXB defines them.

    Two empty texts agree fully.
    """
    return _scores(Counter(words_of(found)), Counter(words_of(gold)))


def shingle_scores(found: str, gold: str, size: int = 4) -> tuple[float, float, float]:
    """Return precision, recall and F1 over the multisets of ``size``-word shingles.

    This is the measure of Scrapinghub's article-extraction-benchmark; texts shorter than a shingle count as one.
    """
    return _scores(_shingles(words_of(found), size), _shingles(words_of(gold), size))


def snippet_rates(found: str, must_have: Sequence[str], must_not: Sequence[str]) -> tuple[float, float]:
    """Return the share of ``must_have`` snippets found and the share of ``must_not`` snippets found.

    Case and everything but words are ignored; nan where there are no snippets.
    """
    text = f" {' '.join(words_of(found))} "

    def rate(snippets: Sequence[str]) -> float:
        wanted = [" ".join(words_of(snippet)) for snippet in snippets]
        hits = [snippet in text for snippet in wanted if snippet]
        return sum(hits) / len(hits) if hits else float("nan")

    return rate(must_have), rate(must_not)


def calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error (Naeini et al., AAAI 2015), equal-width bins over 0..1."""
    if not confidence.size:
        return float("nan")
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    size = np.bincount(index, minlength=bins)
    gap = np.bincount(index, confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / size.sum())


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Return Spearman's rank correlation; nan for fewer than three values and where all are the same."""
    if len(left) < 3 or len(set(left)) < 2 or len(set(right)) < 2:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(left, right).statistic)


def _shingles(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    if not words:
        return Counter()
    return Counter(tuple(words[start : start + size]) for start in range(max(1, len(words) - size + 1)))


def _scores(found: Counter[Item], gold: Counter[Item]) -> tuple[float, float, float]:
    if not found and not gold:
        return 1.0, 1.0, 1.0
    common = sum((found & gold).values())
    precision = common / max(1, sum(found.values()))
    recall = common / max(1, sum(gold.values()))
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0
