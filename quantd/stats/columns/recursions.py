"""Recursions of many pairs as the columns of one table. They move to and from single `Recursion` objects with the same bits."""

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns

Place = slice | IntArray
"""Columns of a table: a slice if they are neighbours in order, which numpy reads without a copy, or else their numbers."""
_SPARE = 16


class RecursionColumns(ABC):
    """P recursions of one kind and with the same settings, each of them run along absolute bar indices, as by `Run`.

    Each row of the table holds one number of all recursions: first `heads` rows of settings that differ between columns, then the index of
    the last bar, then what `Recursion.values` returns, then rows of the subclass. Column numbers are 0 to `count` - 1. `which` is always an
    array of different column numbers, in any order.
    """

    def __init__(self, heads: int, values: int, others: int = 0) -> None:
        self.count = 0
        self._heads, self._values = heads, values
        self._numbers: FloatArray = np.zeros((heads + 1 + values + others, _SPARE))

    @abstractmethod
    def step(self, which: IntArray, y: FloatArray, x: FloatArray, bars: IntArray) -> None:
        """Take one bar in each of these columns, `bars` bars after its last one. All arrays have the shape (len(which),). The first bar of
        a recursion gives the same for any number of bars."""

    @abstractmethod
    def hedges(self, which: IntArray) -> HedgeColumns:
        """Return the hedges of these columns as of their last bars."""

    def push(self, which: IntArray, index: IntArray, y: FloatArray, x: FloatArray) -> None:
        """Take the bars with these absolute indices, as `Run.push`. All arrays have the shape (len(which),); prices must be finite."""
        place = self.place(which)
        indices = self._numbers[self._heads].view(np.int64)
        bars = np.maximum(index - indices[place], 1)
        indices[place] = index
        self.step(which, y, x, bars)

    def add(self) -> int:
        """Append a column with a fresh recursion; return its number."""
        if self.count == self._numbers.shape[1]:
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)], axis=1)
        self._numbers[:, self.count] = 0.0
        self.count += 1
        return self.count - 1

    def drop(self, p: int) -> None:
        """Remove a column. The columns after it move up by one, as in a list."""
        self._numbers[:, p : self.count - 1] = self._numbers[:, p + 1 : self.count]
        self.count -= 1

    def put(self, p: int, values: Sequence[float], index: int = 0) -> None:
        """Continue a column from the `values` of a recursion whose last bar was `index`."""
        self._numbers[self._heads].view(np.int64)[p] = index
        self._numbers[self._heads + 1 : self._heads + 1 + self._values, p] = values

    def resume(self, p: int, state: bytes) -> None:
        """Continue a column from what `Run.state` returned."""
        index, *values = struct.unpack(f"<q{(len(state) - 8) // 8}d", state)
        self.put(p, values, index)

    def values(self, p: int) -> tuple[float, ...]:
        """Return the `values` of the recursion in a column."""
        return tuple(self._numbers[self._heads + 1 : self._heads + 1 + self._values, p].tolist())

    def packed(self, which: IntArray, *, heads: bool = False) -> list[bytes]:
        """Return what `Run.state` returns for each of these columns; with `heads`, its settings come first."""
        first, last = 0 if heads else self._heads, self._heads + 1 + self._values
        words = self._numbers[first:last].view(np.int64)[:, self.place(which)]
        states: list[bytes] = words.T.astype("<i8", order="C").view(f"V{8 * (last - first)}")[:, 0].tolist()
        return states

    def place(self, which: IntArray) -> Place:
        """Return the place of these columns in the table."""
        if len(which):
            first, last = int(which[0]), int(which[-1])
            if last - first == len(which) - 1 and np.array_equal(which, np.arange(first, last + 1)):
                return slice(first, last + 1)
        return which
