"""What recurs on other pages of the same site is seldom content: the correction by it, for training and running alike.

No page by itself can show this, so it is for whoever has read the whole corpus before (``batch/site_memory.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dechrome.blocks import Document
from dechrome.context import FloatArray

Recurrence = Callable[[Document], FloatArray]
"""From a page to the share of its site's other pages that each of its blocks recurs on, shape (blocks,), 0..1."""


def lower_recurring(probabilities: FloatArray, recurrence: FloatArray, strength: float) -> FloatArray:
    """Take ``strength`` times the squared recurrence off the logit of content; the other labels share what is freed.

    ``probabilities`` has shape (blocks, labels), ``recurrence`` (blocks,). Squared, since a text on few of many pages
    may well be content that was published twice, and since sketches overestimate.

    >>> pair = np.array([[0.5, 0, 0.5], [0.5, 0.1, 0.4]], np.float32)
    >>> lower_recurring(pair, np.array([0, 1], np.float32), np.log(4)).round(2).astype(str).tolist()
    [['0.5', '0.0', '0.5'], ['0.2', '0.16', '0.64']]
    """
    recurring = np.flatnonzero(recurrence) if strength else np.zeros(0, np.intp)
    rows = probabilities[recurring].astype(np.float64)
    content, others = rows[:, 0], rows[:, 1:]
    factor = np.exp(-strength * np.square(recurrence[recurring], dtype=np.float64))
    lowered = content * factor / (1 - content + content * factor)
    rest = others.sum(axis=1)
    scale = np.where(rest > 0, (1 - lowered) / np.where(rest > 0, rest, 1), 0)
    result = probabilities.copy()
    result[recurring] = np.column_stack((lowered, others * scale[:, None]))
    return result
