"""The slopes of all pairs of points of a window: those near the median are kept, the others are only counted."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray
from quantd.stats.order import select

SAMPLE, MARGIN = 5_000, 0.05
"""Number of slopes that are sampled to locate the median, and the accuracy of that sample as a share of the ranks. If the sample misses,
all slopes are searched."""
NARROWEST, WIDEST = 0.005, 0.08
"""Share of the slopes that are kept on either side of the median: the smallest, which is also the first, and the largest."""
SOON, LATE = 8, 32
"""If the median leaves the kept slopes within SOON points, twice as many are kept next time; if it stays for LATE points, half as many."""
ROWS = 32
"""Number of points that are compared with all later ones at once, so that the working set stays in the processor's cache."""
Numbers = NDArray[np.intp]


class Slopes:
    """The slopes between points of different x, arrays of shape (n,), for a moving window.

    A new point adds n - 1 slopes, and a point that leaves removes n - 1. They change the counts, and slopes between `low` and `high` are
    added to or removed from the kept ones. The rank of the median is counted from `low`, so its bits do not depend on the bounds as long as
    these enclose it. Otherwise all slopes are counted anew. Slopes equal to a bound are counted and not kept, because with coarse prices
    they may be the majority.

        │     below      │ at low │ kept, with the median among them │ at high │    above     │
    """

    def __init__(self, y: FloatArray, x: FloatArray) -> None:
        self._width, self._age = NARROWEST, LATE
        self._held: FloatArray = np.empty(0)
        self._firsts: Numbers = np.empty(0, np.intp)
        self.recount(y, x)

    @np.errstate(all="ignore")
    def recount(self, y: FloatArray, x: FloatArray) -> None:
        """Start anew with these points."""
        if self._age < SOON:
            self._width = min(2.0 * self._width, WIDEST)
        elif self._age > LATE:
            self._width = max(self._width / 2.0, NARROWEST)
        self._age = 0
        self._count(y, x, *_bounds(y, x))
        if self.median() is None:
            self._count(y, x, -np.inf, np.inf)
        self._narrow()

    def median(self) -> float | None:
        """Return the median; None if it is not between the bounds or there are no slopes."""
        ranks = (self._all - 1) // 2 - self._below, self._all // 2 - self._below
        begin, end = self._at_low, self._at_low + len(self._held)
        if not self._all or ranks[0] < 0 or ranks[1] >= end + self._at_high:
            return None
        held, inside = self._held, [rank - begin for rank in ranks if begin <= rank < end]
        if inside:
            held = held.copy()
            select(held, inside[0], inside[-1])
        left, right = (self._low if rank < begin else self._high if rank >= end else float(held[rank - begin]) for rank in ranks)
        return (left + right) / 2 + 0.0

    @np.errstate(all="ignore")
    def leave(self, y: FloatArray, x: FloatArray) -> None:
        """Remove the first of these points, which are the whole window."""
        self._tally(_slopes(y[1:] - y[0], x[1:] - x[0]), -1)
        stay = self._firsts != self._oldest
        self._held, self._firsts = self._held[stay], self._firsts[stay]
        self._oldest += 1

    @np.errstate(all="ignore")
    def enter(self, y: FloatArray, x: FloatArray) -> None:
        """Add the last of these points, which are the whole window."""
        found = _slopes(y[-1] - y[:-1], x[-1] - x[:-1])
        self._tally(found, 1)
        at = self._between(found)
        self._held = np.concatenate((self._held, found[at]))
        self._firsts = np.concatenate((self._firsts, at + self._oldest))
        self._age += 1

    def _count(self, y: FloatArray, x: FloatArray, low: float, high: float) -> None:
        self._low, self._high = low, high
        self._all = self._below = self._at_low = self._at_high = self._oldest = 0
        held, firsts = [], []
        for row in range(0, len(y), ROWS):
            dx = x[row:] - x[row : row + ROWS, None]
            dx[_earlier(len(dx))] = np.nan
            found = _slopes(y[row:] - y[row : row + ROWS, None], dx).ravel()
            self._tally(found, 1)
            at = self._between(found)
            held.append(found[at])
            firsts.append(at // dx.shape[1] + row)
        self._held, self._firsts = np.concatenate(held), np.concatenate(firsts)

    def _narrow(self) -> None:
        """Drop the kept slopes that are far from the median."""
        if not len(self._held):
            return
        middle, reach = self._all // 2 - self._below - self._at_low, int(self._width * self._all) + 1
        first, last = (min(max(rank, 0), len(self._held) - 1) for rank in (middle - reach, middle + reach))
        ranked = self._held.copy()
        select(ranked, first, last)
        if first > 0:
            self._below += self._at_low + int(np.count_nonzero(ranked < ranked[first]))
            self._low, self._at_low = float(ranked[first]), int(np.count_nonzero(ranked == ranked[first]))
        if last < len(ranked) - 1:
            self._high, self._at_high = float(ranked[last]), int(np.count_nonzero(ranked == ranked[last]))
        if self._low == self._high:
            self._at_high = 0
        stay = self._between(self._held)
        self._held, self._firsts = self._held[stay], self._firsts[stay]

    def _between(self, found: FloatArray) -> Numbers:
        return np.flatnonzero((found > self._low) & (found < self._high))

    def _tally(self, found: FloatArray, sign: int) -> None:
        self._all += sign * (len(found) - int(np.count_nonzero(np.isnan(found))))
        self._below += sign * int(np.count_nonzero(found < self._low))
        self._at_low += sign * int(np.count_nonzero(found == self._low))
        if self._low < self._high:
            self._at_high += sign * int(np.count_nonzero(found == self._high))


def _slopes(dy: FloatArray, dx: FloatArray) -> FloatArray:
    """Return dy / dx, NaN where dx is 0 or NaN."""
    found: FloatArray = dy / dx
    if not dx.all():
        found[dx == 0.0] = np.nan
    return found


@lru_cache(maxsize=ROWS)
def _earlier(rows: int) -> tuple[Numbers, Numbers]:
    """Return the positions in a block of rows at which a point meets itself or an earlier one, whose pairs are counted in the earlier
    rows."""
    return np.tril_indices(rows)


@lru_cache(maxsize=8)
def _sample(n: int) -> NDArray[np.intp]:
    """Return sampled pairs of n points; they are the same each time, which does no harm."""
    return np.random.default_rng(0).integers(0, n, (2, SAMPLE))


def _bounds(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    """Return bounds between which the median should lie, from a sample of the slopes."""
    first, second = _sample(len(y))
    found = _slopes(y[second] - y[first], x[second] - x[first])
    found = found[~np.isnan(found)]
    if not len(found):
        return -np.inf, np.inf
    ranks = [int(share * (len(found) - 1)) for share in (0.5 - MARGIN, 0.5 + MARGIN)]
    select(found, *ranks)
    return float(found[ranks[0]]), float(found[ranks[1]])
