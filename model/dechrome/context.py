"""Reading a column of values at and around each row: neighbours and averages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def shift_rows(table: FloatArray, offset: int) -> FloatArray:
    """Return the rows ``offset`` places further on (before, if negative); zeros past the ends.

    >>> shift_rows(np.array([[1], [2], [3]], np.float32), 1).ravel().tolist()
    [2.0, 3.0, 0.0]
    """
    shifted = np.zeros_like(table)
    if offset < 0:
        shifted[-offset:] = table[:offset]
    else:
        shifted[:-offset] = table[offset:]
    return shifted


def average_rows(table: FloatArray, before: int, after: int) -> FloatArray:
    """Return the mean of the rows from ``before`` places back to ``after`` places on; zeros where there are none.

    Negative numbers leave out the row itself: ``average_rows(table, 3, -1)`` is the mean of the three before.

    >>> average_rows(np.array([[1], [2], [3]], np.float32), 1, -1).ravel().tolist()
    [0.0, 1.0, 2.0]
    """
    count = len(table)
    sums = np.zeros((count + 1, table.shape[1]))
    np.cumsum(table, axis=0, out=sums[1:])
    index = np.arange(count)
    low = np.clip(index - before, 0, count)
    high = np.clip(index + 1 + after, 0, count)
    size = np.maximum(high - low, 1)[:, None]
    return np.where(high[:, None] > low[:, None], (sums[high] - sums[low]) / size, 0).astype(np.float32)
