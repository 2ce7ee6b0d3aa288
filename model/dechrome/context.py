"""Columns of values: read from blocks, stacked into tables, and read at and around each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Block

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
Column = NDArray[Any] | float  # one value per row, or one for all


class BlockColumns(NamedTuple):
    """The numbers of ``Block``, which follow its text in this order; one value per block in every field."""

    element: IntArray
    linked: IntArray
    emphasised: IntArray
    links: IntArray
    images: IntArray
    breaks: IntArray
    hidden: IntArray


def read_columns(blocks: Sequence[Block]) -> BlockColumns:
    """Read the numbers of the blocks, in one pass: most of the time goes into reaching each block."""
    width = len(BlockColumns._fields)
    numbers = chain.from_iterable(map(itemgetter(slice(1, 1 + width)), blocks))
    return BlockColumns(*np.fromiter(numbers, np.int64, len(blocks) * width).reshape(-1, width).T.copy())


def stack_columns(columns: Sequence[Column], count: int) -> FloatArray:
    """Return a table of the columns, shape (count, columns).

    >>> stack_columns([np.array([1, 2]), 0.5], 2).tolist()
    [[1.0, 0.5], [2.0, 0.5]]
    """
    table = np.empty((len(columns), count), np.float32)
    for row, column in zip(table, columns, strict=True):
        row[:] = column
    return table.T


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
    return average_windows(table, ((before, after),))[0]


def average_windows(table: FloatArray, reaches: Sequence[tuple[int, int]]) -> list[FloatArray]:
    """Return ``average_rows`` of each reach, rows before and after."""
    count = len(table)
    margin = max(max(reach) for reach in reaches)
    rows = np.minimum(np.maximum(np.arange(-margin, count + margin + 1), 0), count)
    sums = np.zeros((rows.size, table.shape[1]))  # up to each of these rows
    table.cumsum(axis=0, out=sums[margin + 1 : margin + 1 + count])
    sums[margin + 1 + count :] = sums[margin + count]
    averages: list[FloatArray] = []
    for before, after in reaches:
        low = slice(margin - before, margin - before + count)
        high = slice(margin + 1 + after, margin + 1 + after + count)
        sizes = np.maximum(rows[high] - rows[low], 1)
        averages.append(((sums[high] - sums[low]) / sizes[:, None]).astype(np.float32))
    return averages
