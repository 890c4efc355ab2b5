"""Recursive least squares of many pairs at once."""

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.recursions import RecursionColumns
from quantd.stats.rolling import FLAT

_INDEX, _N, _WEIGHT, _MEAN_Y, _MEAN_X, _SYY, _SXX, _SXY = range(8)


class ForgettingColumns(RecursionColumns):
    """P recursions `Forgetting` with the same `memory`, with the same bits as each of them alone."""

    def __init__(self, memory: float) -> None:
        super().__init__(heads=0, values=7)
        self._memory = memory

    def step(self, which: IntArray, y: FloatArray, x: FloatArray, bars: IntArray) -> None:
        place = self.place(which)
        n, weight, mean_y, mean_x, syy, sxx, sxy = self._numbers[_N:, place]
        with np.errstate(all="ignore"):
            lost = ~np.isfinite(syy + sxx)
            if lost.any():
                n, weight, mean_y, mean_x, syy, sxx, sxy = np.where(lost, 0.0, (n, weight, mean_y, mean_x, syy, sxx, sxy))
            memory = self._memory_over(bars)
            before = memory * weight
            weight = before + 1.0
            dy, dx, share = y - mean_y, x - mean_x, before / weight
            by_x = share * dx
            self._numbers[_N:, place] = (
                *(n + 1.0, weight, mean_y + dy / weight, mean_x + dx / weight),
                *(memory * syy + share * dy * dy, memory * sxx + by_x * dx, memory * sxy + by_x * dy),
            )

    def hedges(self, which: IntArray) -> HedgeColumns:
        n, _, mean_y, mean_x, syy, sxx, sxy = self._numbers[_N:, self.place(which)]
        with np.errstate(all="ignore"):
            beta = sxy / sxx
            rss = syy - beta * sxy
            r2 = 1.0 - np.where(rss < 0.0, 0.0, rss) / syy
            r2[_still(n, mean_y, syy)] = np.nan
            alpha = mean_y - beta * mean_x
        none = np.full(len(which), np.nan)
        known = ~_still(n, mean_x, sxx)
        return HedgeColumns(alpha, beta, none, r2, none, none, np.ones(len(which)), n.astype(np.int64), known)

    def _memory_over(self, bars: IntArray) -> float | FloatArray:
        """Return `memory` to the power of each number of bars. Python raises it, because numpy's power differs in the last bit."""
        if (bars == 1).all():
            return self._memory
        return np.array([self._memory if each == 1 else self._memory**each for each in bars.tolist()])


def _still(n: FloatArray, mean: FloatArray, square: FloatArray) -> NDArray[np.bool_]:
    """Return what `rolling.still` returns for each column."""
    level = FLAT * mean
    moves = ((n - 1.0) * (level * level) < square) & (square < np.inf) & (n >= 2.0)
    return ~moves
