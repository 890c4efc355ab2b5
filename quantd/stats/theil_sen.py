"""The Theil-Sen line, whose slope is the median of the slopes of all pairs of points."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.order import median
from quantd.stats.ring import Ring
from quantd.stats.slopes import Slopes

ALL_PAIRS = 120
"""Number of points up to which every slope is kept in memory (7,140 of them); above, only those near the median are kept."""


def theil_sen(y: FloatArray, x: FloatArray) -> Hedge | None:
    """Return the line through the medians of y and x whose slope is the median of the slopes of all pairs of points with different x;
    arrays of shape (n,). H. Theil (1950), P. K. Sen (1968, Journal of the American Statistical Association 63, 1379-1389).

    It tolerates up to 29 % of arbitrary outliers. `stderr` is None: the method yields a confidence interval, from the order of the slopes,
    but no standard error. `r2` is None, because the line does not minimise squares. None if all x are equal or a value is not finite.

    >>> theil_sen(np.array([1.0, 3.0, 5.0, 7.0, 99.0]), np.arange(5.0))
    Hedge(alpha=1.0, beta=2.0, n=5, stderr=None, r2=None, innovation=None, innovation_std=None, weight=1.0)
    """
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    return _line(_median_of_all(y, x) if len(y) <= ALL_PAIRS else Slopes(y, x).median(), y, x)


class RollingTheilSen:
    """The Theil-Sen line, with the same bits as `theil_sen`, through the last `window` points of two series, which must be finite.

    >>> rolling = RollingTheilSen(3)
    >>> for y, x in [(9.0, 0.0), (1.0, 1.0), (2.0, 2.0), (4.0, 3.0)]:
    ...     rolling.push(y, x)
    >>> rolling.hedge() == theil_sen(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    True
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._legs = Ring(2, window)
        self._slopes: Slopes | None = None

    def push(self, y: float, x: float) -> None:
        """Add a point; a full window drops its oldest point."""
        if self._slopes is not None:
            self._slopes.leave(*self._legs.last(self._window))
        self._legs.append((y, x))
        if self._slopes is not None:
            self._slopes.enter(*self._legs.last(self._window))

    def hedge(self) -> Hedge | None:
        """Return the line; None before the window is full, and if `theil_sen` has none."""
        if len(self._legs) < self._window:
            return None
        y, x = self._legs.last(self._window)
        if self._window <= ALL_PAIRS:
            return theil_sen(y, x)
        beta = None if self._slopes is None else self._slopes.median()
        return _line(self._anew(y, x) if beta is None else beta, y, x)

    def _anew(self, y: FloatArray, x: FloatArray) -> float | None:
        if self._slopes is None:
            self._slopes = Slopes(y, x)
        else:
            self._slopes.recount(y, x)
        return self._slopes.median()


def _line(beta: float | None, y: FloatArray, x: FloatArray) -> Hedge | None:
    if beta is None:
        return None
    alpha = median(y) - beta * median(x)
    return Hedge(alpha=alpha, beta=beta, n=len(y)) if math.isfinite(alpha) else None


@lru_cache(maxsize=8)
def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(n, 1)
    return first, second


@np.errstate(all="ignore")
def _median_of_all(y: FloatArray, x: FloatArray) -> float | None:
    first, second = _pairs(len(y))
    dy, dx = y[second] - y[first], x[second] - x[first]
    moved = dx != 0.0
    found = dy / dx if moved.all() else dy[moved] / dx[moved]
    return median(found) + 0.0 if len(found) else None
