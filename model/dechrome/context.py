"""Columns of values: read from blocks, stacked into tables, and read at and around each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
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


class Extents(NamedTuple):
    """Where the rows of each page lie in a table over several pages.

    ``starts`` and ``sizes`` have a value for each page. For each row, ``owners`` has the number of its page, ``first``
    and ``end`` the first row of that page and the one after its last.
    """

    starts: IntArray
    sizes: IntArray
    owners: IntArray
    first: IntArray
    end: IntArray


def read_columns(blocks: Sequence[Block]) -> tuple[list[str], BlockColumns]:
    """Read the texts and the numbers of the blocks, in one pass: most of the time goes into reaching each block."""
    width = len(BlockColumns._fields)
    texts, *columns = islice(zip(*blocks, strict=True), 1 + width)
    numbers = np.fromiter(chain.from_iterable(columns), np.int64, width * len(blocks))
    return list(texts), BlockColumns(*numbers.reshape(width, -1))


def stack_columns(columns: Sequence[Column], count: int) -> FloatArray:
    """Return a table of the columns, shape (count, columns).

    >>> stack_columns([np.array([1, 2]), 0.5], 2).tolist()
    [[1.0, 0.5], [2.0, 0.5]]
    """
    table = np.empty((len(columns), count), np.float32)
    for row, column in zip(table, columns, strict=True):
        row[:] = column
    return table.T


def find_extents(sizes: Sequence[int]) -> Extents:
    """Return where the rows of each page lie in a table over several pages of these sizes.

    >>> [rows.tolist() for rows in find_extents([2, 1])]
    [[0, 2], [2, 1], [0, 0, 1], [0, 0, 2], [2, 2, 3]]
    """
    numbers = np.array(sizes, np.int64)
    ends = numbers.cumsum()
    starts = ends - numbers
    owners = np.arange(numbers.size).repeat(numbers)
    return Extents(starts, numbers, owners, starts.take(owners), ends.take(owners))


def sum_pages(values: NDArray[Any], extents: Extents) -> NDArray[Any]:
    """Add up the values of each page, which has at least one row; the last axis is that of the rows."""
    sums: NDArray[Any] = np.add.reduceat(values, extents.starts, axis=-1)
    return sums


def shift_rows(table: NDArray[Any], offset: int, extents: Extents) -> NDArray[Any]:
    """Return the rows ``offset`` places further on (before, if negative); zeros past the ends of the page.

    >>> shift_rows(np.array([[1], [2], [3]], np.float32), 1, find_extents([3])).ravel().tolist()
    [2.0, 3.0, 0.0]
    >>> shift_rows(np.array([[1], [2], [3]], np.float32), -1, find_extents([1, 2])).ravel().tolist()
    [0.0, 0.0, 2.0]
    """
    shifted = np.zeros_like(table)
    if offset < 0:
        shifted[-offset:] = table[:offset]
    else:
        shifted[:-offset] = table[offset:]
    if extents.starts.size > 1:
        rows = np.arange(offset, len(table) + offset)
        shifted[(rows < extents.first) | (rows >= extents.end)] = 0
    return shifted


def average_windows(table: NDArray[Any], reaches: Sequence[tuple[int, int]], extents: Extents) -> NDArray[np.float64]:
    """Return the mean of the rows from some places back to some places on, shape (reaches, rows, columns).

    A window ends where the page does; where nothing is left of it, its mean is zero. Negative numbers leave out the
    row itself: the reach (3, -1) is the three before.

    >>> table = np.array([[1], [2], [3]], np.float32)
    >>> average_windows(table, [(1, -1), (1, 1)], find_extents([3]))[:, :, 0].tolist()
    [[0.0, 1.0, 2.0], [1.5, 2.0, 2.5]]
    """
    before, after = np.array(reaches).T[:, :, None]
    rows = np.arange(len(table))
    low = np.maximum(np.minimum(rows - before, extents.end), extents.first)
    high = np.maximum(np.minimum(rows + 1 + after, extents.end), extents.first)
    sums = sum_before(table.T)
    means: NDArray[np.float64] = sums.take(high, axis=1) - sums.take(low, axis=1)
    means /= np.maximum(high - low, 1)
    return means.transpose(1, 2, 0)


def sum_before(columns: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sums of all that stands before each place, and of everything; shape (columns, rows + 1)."""
    sums = np.zeros((len(columns), columns.shape[1] + 1))
    columns.cumsum(axis=1, dtype=np.float64, out=sums[:, 1:])
    return sums
