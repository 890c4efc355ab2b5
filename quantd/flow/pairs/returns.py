"""The correlation of the legs' returns."""

import math

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.columns import fits
from quantd.stats.columns.moments import MomentsColumns, Table
from quantd.stats.regression import pearson
from quantd.stats.rolling import Moments


class Returns:
    """The log returns between the last `window` closes of two legs. With `log` the closes are logarithms already.

    The levels of unrelated prices that wander are strongly correlated more often than not; their returns are not.
    """

    def __init__(self, window: int, offset: int = 0, *, log: bool) -> None:
        self.sums = Moments(max(1, window - 1), offset)
        self.log = log
        self.last: tuple[float, float] | None = None
        """The last closes."""

    def push(self, index: int, y: float, x: float) -> None:
        """Add the closes of bar `index`. A close that has no logarithm restarts the window."""
        before, self.last = self.last, (y, x)
        if not self.log and not (y > 0.0 and x > 0.0):
            self.sums.clear()
            self.last = None
        elif before is not None:
            self.sums.push(index, _moved(before[0], y, self.log), _moved(before[1], x, self.log))

    @property
    def full(self) -> bool:
        """Whether the window is full."""
        return self.sums.full and self.last is not None

    @property
    def corr(self) -> float | None:
        """Pearson's correlation; None with fewer than two returns, or if a leg does not move."""
        return pearson(self.sums)


class ReturnsColumns:
    """The full `Returns` of many pairs, which take closes at every bar. All closes must have logarithms."""

    def __init__(self, window: int, *, log: bool) -> None:
        self._sums = MomentsColumns(max(1, window - 1))
        self._last = Table(2)
        self._log = log

    def add(self, returns: Returns) -> None:
        """Append a pair with full returns."""
        self._sums.add(returns.sums)
        self._last.add(returns.last or ())

    def fill(self, p: int, returns: Returns) -> None:
        """Let returns continue as those of a pair."""
        self._sums.fill(p, returns.sums)
        y, x = self._last.columns[:, p].tolist()
        returns.last = y, x

    def drop(self, p: int) -> None:
        """Remove a pair. Those after it move up by one."""
        self._sums.drop(p)
        self._last.drop(p)

    def push(self, index: int, y: FloatArray, x: FloatArray) -> None:
        """Add the closes of bar `index`, of shape (count,) each."""
        moved = [_all_moved(before, now, self._log) for before, now in zip(self._last.columns, (y, x), strict=True)]
        self._last.columns[:] = y, x
        self._sums.push(index, *moved)

    @property
    def corr(self) -> FloatArray:
        """Pearson's correlations; NaN where there is none."""
        return fits.pearson(self._sums)


def _moved(before: float, now: float, log: bool) -> float:
    """Return the log return. If the prices are close to each other, it is computed from their difference, since subtracting logarithms
    loses digits."""
    if log:
        return now - before
    near = 0.5 * before < now < 2.0 * before
    return math.log1p((now - before) / before) if near else math.log(now) - math.log(before)


def _all_moved(before: FloatArray, now: FloatArray, log: bool) -> FloatArray:
    """Return the log returns of all pairs. The logarithms are those of `math`, since numpy's differ in the last bit."""
    if log:
        return now - before
    near = (0.5 * before < now) & (now < 2.0 * before)
    moved = np.array(list(map(math.log1p, np.where(near, (now - before) / before, 0.0).tolist())))
    for p in np.flatnonzero(~near).tolist():
        moved[p] = _moved(float(before[p]), float(now[p]), log)
    return moved
