"""The correlation of the legs' returns."""

import math

from quantd.stats.regression import pearson
from quantd.stats.rolling import Moments


class Returns:
    """The log returns between the last `window` closes of two legs. With `log` the closes are logarithms already.

    The levels of unrelated prices that wander are strongly correlated more often than not; their returns are not.
    """

    def __init__(self, window: int, *, log: bool) -> None:
        self._sums = Moments(max(1, window - 1))
        self._log = log
        self._last: tuple[float, float] | None = None

    def push(self, index: int, y: float, x: float) -> None:
        """Add the closes of bar `index`. A close that has no logarithm restarts the window."""
        before, self._last = self._last, (y, x)
        if not self._log and not (y > 0.0 and x > 0.0):
            self._sums.clear()
            self._last = None
        elif before is not None:
            self._sums.push(index, self._moved(before[0], y), self._moved(before[1], x))

    def _moved(self, before: float, now: float) -> float:
        """Return the log return. If the prices are close to each other, it is computed from their difference, since subtracting logarithms
        loses digits."""
        if self._log:
            return now - before
        near = 0.5 * before < now < 2.0 * before
        return math.log1p((now - before) / before) if near else math.log(now) - math.log(before)

    @property
    def corr(self) -> float | None:
        """Pearson's correlation; None with fewer than two returns, or if a leg does not move."""
        return pearson(self._sums)
