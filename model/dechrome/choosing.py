"""Which blocks stay: the choice that makes the page's expected F1 largest, or a threshold."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.context import FloatArray
from dechrome.errors import InputError

FAVORS: Final = ("precision", "balanced", "recall")
_FULL_SIZE: Final = 300.0  # words of a page from which on its size does not lessen the shift
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
    content at all. ``shift``, times the squared share of the words that are expected to be chrome, is taken off the
    logits of all blocks before they are chosen: where there is hardly any chrome, little can be kept wrongly. On a
    page of less than 300 words it is less, as far as these are fewer. A larger one never keeps what a smaller one
    drops, and none empties a page. With a threshold, the blocks whose probability reaches it are kept: a higher one
    never keeps what a lower one drops.
    """
    weights = words + _WORDLESS
    total = float(content @ weights)
    if threshold is None:
        cut, reached = _best_cut(content, weights)
        if reached < _nothing_there(content):
            return Choice(np.zeros(content.size, bool), _nothing_there(content))
        if shift:
            size = float(weights.sum())
            lowered = _lower(content, shift * min(1.0, size / _FULL_SIZE) * (1 - total / size) ** 2)
            keep = lowered >= _best_cut(lowered, weights)[0]
        else:
            keep = content >= cut
    else:
        keep = content >= threshold
    kept = float(weights[keep].sum())
    expected = 2 * float((content * weights)[keep].sum()) / (kept + total) if kept + total > 0 else 0.0
    return Choice(keep, min(1.0, expected))


def _best_cut(content: FloatArray, weights: NDArray[Any]) -> tuple[float, float]:
    """Return the least probability of the prefix with the largest expected F1, and that F1; without blocks 1 and -1."""
    if not content.size:
        return 1.0, -1.0
    order = np.argsort(-content, kind="stable")
    total = float(content @ weights)
    found = np.cumsum((content * weights)[order])
    scores = 2 * found / (np.cumsum(weights[order]) + total)
    best = int(np.argmax(scores))
    return float(content[order[best]]), float(scores[best])


def _nothing_there(content: FloatArray) -> float:
    """Return the probability that no block is content (blocks taken as independent)."""
    return float(np.exp(np.log1p(-np.clip(content.astype(np.float64), 0, 1 - 1e-9)).sum()))


def _lower(content: FloatArray, shift: float) -> FloatArray:
    """Take ``shift`` off the logits of probabilities."""
    odds = content.astype(np.float64) * np.exp(-shift)
    lowered: FloatArray = (odds / (odds + 1 - content)).astype(np.float32)
    return lowered
