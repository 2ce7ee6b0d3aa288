"""Pages whose blocks can be chosen again: word precision, recall and F1 of one choice after the other, quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.choosing import choose_labels
from dechrome.context import FloatArray
from dechrome_training.align import words_of


class PageWords(NamedTuple):
    """The words of a page as numbers, ``owners`` being the block of each, and how often the gold has each word."""

    words: NDArray[np.int64]
    owners: NDArray[np.int64]
    gold: NDArray[np.int64]
    gold_size: int


class Choosable(NamedTuple):
    """A page whose blocks can be chosen again: calibrated probabilities and lengths, and its words."""

    probabilities: FloatArray
    lengths: NDArray[np.int64]
    words: PageWords


def number_words(texts: Sequence[str], gold: str) -> PageWords:
    """Number the words of a page's blocks and count them in its gold text."""
    by_block = [words_of(text) for text in texts]
    numbers: dict[str, int] = {}
    words = [numbers.setdefault(word, len(numbers)) for block in by_block for word in block]
    target = words_of(gold)
    known = [numbers[word] for word in target if word in numbers]
    counts = np.bincount(np.array(known, np.int64), minlength=len(numbers))
    owners = np.repeat(np.arange(len(texts)), [len(block) for block in by_block])
    return PageWords(np.array(words, np.int64), owners, counts, len(target))


def word_rates(page: PageWords, keep: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the words of the blocks kept, as ``scores.word_scores`` does."""
    found = page.words[keep[page.owners]]
    if not found.size and not page.gold_size:
        return 1.0, 1.0, 1.0
    common = int(np.minimum(np.bincount(found, minlength=page.gold.size), page.gold).sum())
    precision, recall = common / max(1, found.size), common / max(1, page.gold_size)
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0


def choose_content(page: Choosable, *, threshold: float | None = None, shift: float = 0.0) -> NDArray[np.bool_]:
    """Tell which blocks are kept as content."""
    labels, _ = choose_labels(page.probabilities, page.lengths, threshold=threshold, shift=shift)
    content: NDArray[np.bool_] = labels == 0
    return content
