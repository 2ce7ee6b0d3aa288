"""Which blocks stay: the choice that makes the page's expected F1 largest, or a threshold."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.context import FloatArray
from dechrome.errors import InputError

FAVORS: Final = ("precision", "balanced", "recall")
_WORDLESS: Final = 0.01  # words that a block without words counts for, so that it has a place in the order


class Choice(NamedTuple):
    """``keep`` says which blocks stay; ``expected_f1`` is the word F1 that the probabilities promise for them."""

    keep: NDArray[np.bool_]
    expected_f1: float


def check_options(threshold: object, favor: object) -> None:
    """Refuse what is no threshold or no preset.

    Raises:
        InputError: says which values there are.
    """
    if favor not in FAVORS:
        raise InputError(f"favor must be one of {', '.join(FAVORS)}, not {favor!r}")
    if threshold is not None and not (isinstance(threshold, (int, float)) and 0 <= threshold <= 1):
        raise InputError(f"threshold must be between 0 and 1, not {threshold!r}")


def choose_labels(
    probabilities: FloatArray, words: NDArray[np.int64], *, threshold: float | None = None, shift: float = 0.0
) -> tuple[NDArray[np.int8], float]:
    """Return the number of each block's label (the order of ``Label``) and the expected word F1 of the content.

    ``probabilities`` has shape (blocks, labels). A likely image placeholder is one whatever the page; of the other
    blocks, ``choose_blocks`` says which are content; the rest is chrome.
    """
    images = probabilities[:, 1] >= 0.5
    choice = choose_blocks(
        np.where(images, 0, probabilities[:, 0]).astype(np.float32), words, threshold=threshold, shift=shift
    )
    return np.where(images, 1, np.where(choice.keep, 0, 2)).astype(np.int8), choice.expected_f1


def choose_blocks(
    content: FloatArray, words: NDArray[np.int64], *, threshold: float | None = None, shift: float = 0.0
) -> Choice:
    """Choose the blocks to keep by their probability of being content.

    Without ``threshold``, the blocks are sorted by probability and the prefix is kept whose expected F1, weighted by
    words, is largest (Lewis, SIGIR 1995, gives the expectation); nothing is kept where it is likelier that there is no
    content at all. ``shift`` then moves the cut by as many logits, but never past the likeliest block. With a
    threshold, the blocks whose probability reaches it are kept: a higher one never keeps what a lower one drops.
    """
    weights = words + _WORDLESS
    total = float(content @ weights)
    if threshold is None:
        order = np.argsort(-content, kind="stable")
        found = np.cumsum((content * weights)[order])
        scores = 2 * found / (np.cumsum(weights[order]) + total)
        best = int(np.argmax(scores)) if scores.size else 0
        if not scores.size or scores[best] < _nothing_there(content):
            return Choice(np.zeros(content.size, bool), _nothing_there(content))
        cut = float(content[order[best]])
        keep = content >= (cut if shift == 0 else min(_shifted(cut, shift), float(content.max())))
    else:
        keep = content >= threshold
    kept = float(weights[keep].sum())
    expected = 2 * float((content * weights)[keep].sum()) / (kept + total) if kept + total > 0 else 0.0
    return Choice(keep, min(1.0, expected))


def _nothing_there(content: FloatArray) -> float:
    """Return the probability that no block is content (blocks taken as independent)."""
    return float(np.exp(np.log1p(-np.clip(content.astype(np.float64), 0, 1 - 1e-9)).sum()))


def _shifted(probability: float, shift: float) -> float:
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return float(1 / (1 + np.exp(-(np.log(clipped / (1 - clipped)) + shift))))
