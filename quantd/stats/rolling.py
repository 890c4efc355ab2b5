"""Streaming windows in O(1): centred sums of the last `window` values, with the same bits after a restart.

Sums are kept of deviations from a fixed centre. They are rebuilt (recentred at the window's mean and summed exactly) at the first push of
every block of `window` indices, so a value depends on at most the last 2 * window pushes. A block begins where the index plus `offset`
divides by `window`: series of different offsets are rebuilt at different bars. They are also rebuilt whenever the centred sum of squares
has collapsed, so that the rounding left by large values that have passed through never shows.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from quantd.stats import FloatArray

COLLAPSE = 1e-2
"""A rebuild is due when the centred sum of squares falls below this fraction of the largest shifted sum since the last rebuild.

The accumulated rounding is at most about window * 1.1e-16 of that largest sum, hence window * 1.1e-14 of the value: 7e-13 at 60. A result
of sums that nearly cancel, such as the residual of a close fit, therefore keeps nine digits. Rarer rebuilds would not be measurably faster.
"""

FLAT = 1e-12
"""Standard deviations up to this fraction of the level are rounding, not movement."""


def still(n: int, mean: float, square: float) -> bool:
    """Return whether n values with this mean and this sum of squared deviations move by rounding alone; True also below two values.

    >>> still(1, 5.0, 0.0), still(3, 50_000.0, 1e-16), still(3, 0.01, 2e-4)
    (True, True, False)
    """
    level = FLAT * mean
    return n < 2 or not (n - 1) * (level * level) < square < math.inf


def next_block(index: int, window: int, offset: int) -> int:
    """Return the first index of the block of `window` indices that follows that of `index`.

    >>> next_block(119, 60, 0), next_block(120, 60, 0), next_block(120, 60, 7)
    (120, 180, 173)
    """
    return ((index + offset) // window + 1) * window - offset


def _dot(a: Iterable[float], b: Iterable[float]) -> float:
    return exact_sum([u * v for u, v in zip(a, b, strict=True)])


def exact_sum(values: Iterable[float]) -> float:
    """Return the exact sum; NaN if it is out of range, so that every result computed from it is None."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return math.nan


class Window:
    """The last `window` values of one series. Values must be finite, indices must increase.

    `n` values are held; `m2` is the sum of squared deviations from their mean, in squared units, exactly 0 for equal values.

    >>> w = Window(3)
    >>> for i, v in enumerate([9.0, 1.0, 2.0, 3.0]):
    ...     w.push(i, v)
    >>> w.full, w.mean, w.m2, w.std
    (True, 2.0, 2.0, 1.0)
    """

    __slots__ = ("_centre", "_due", "_peak", "_square", "_sum", "_values", "m2", "n", "offset", "window")

    def __init__(self, window: int, offset: int = 0) -> None:
        self.window, self.offset = window, offset
        self._values: deque[float] = deque(maxlen=window)
        self.clear()

    def clear(self) -> None:
        """Remove all values."""
        self._values.clear()
        self._due: float = -math.inf
        self._centre = self._sum = self._square = self._peak = 0.0
        self.n = 0
        self.m2 = 0.0

    def push(self, index: int, v: float) -> None:
        """Add the value of the bar with this index; a full window drops its oldest value."""
        values = self._values
        centre = self._centre
        d = v - centre
        n = self.n
        if n == self.window:
            old = values[0] - centre
            total = self._sum + (d - old)
            square = self._square + (d * d - old * old)
        else:
            self.n = n = n + 1
            total = self._sum + d
            square = self._square + d * d
        values.append(v)
        m2 = square - total * total / n
        peak = square if square > self._peak else self._peak
        if index >= self._due or not m2 >= COLLAPSE * peak:  # also true for NaN, so values out of range leave no trace
            self._rebuild(index)
        else:
            self._sum, self._square, self._peak, self.m2 = total, square, peak, m2

    def _rebuild(self, index: int) -> None:
        self._due = next_block(index, self.window, self.offset)
        centre = self._centre = exact_sum(self._values) / self.n
        d = [v - centre for v in self._values]
        self._sum = exact_sum(d)
        self._square = self._peak = _dot(d, d)
        self.m2 = max(0.0, self._square - self._sum * self._sum / self.n)

    def values(self) -> tuple[float, ...]:
        """Return all that the window keeps besides its values, for `restore`."""
        return self._due, self._centre, self._sum, self._square, self._peak, self.m2

    def restore(self, values: Sequence[float], held: Sequence[float]) -> None:
        """Continue from the `values` of a window that held these, oldest first."""
        self._values.clear()
        self._values.extend(held)
        self.n = len(held)
        self._due, self._centre, self._sum, self._square, self._peak, self.m2 = values

    def held(self) -> list[float]:
        """Return the values, oldest first."""
        return list(self._values)

    @property
    def full(self) -> bool:
        return self.n == self.window

    @property
    def mean(self) -> float:
        """Mean of the values; needs at least one value."""
        return self._centre + self._sum / self.n

    @property
    def std(self) -> float | None:
        """Sample standard deviation (ddof 1); None below two values."""
        return math.sqrt(self.m2 / (self.n - 1)) if self.n > 1 else None


class Moments:
    """The last `window` pairs of two series: means and centred sums. Values must be finite, indices must increase.

    `syy`, `sxx`, `sxy` are the sums of squared deviations and of their products over the `n` pairs, `mean_y` and `mean_x` their means.
    `peak_y` and `peak_x` are the largest recent sums of squares from which `syy` and `sxx` were computed: their rounding is a share of
    these. A series paired with itself gives three equal sums, and equal values give exact zeros.

    >>> m = Moments(3)
    >>> for i, (y, x) in enumerate([(9.0, 7.0), (2.0, 1.0), (4.0, 2.0), (6.0, 3.0)]):
    ...     m.push(i, y, x)
    >>> m.full, m.mean_y, m.mean_x, m.syy, m.sxx, m.sxy
    (True, 4.0, 2.0, 8.0, 2.0, 4.0)
    """

    __slots__ = (
        *("_ys", "_xs", "_due", "_shifted"),
        *("window", "offset", "n", "mean_y", "mean_x", "syy", "sxx", "sxy", "peak_y", "peak_x"),
    )

    def __init__(self, window: int, offset: int = 0) -> None:
        self.window, self.offset = window, offset
        self._ys: deque[float] = deque(maxlen=window)
        self._xs: deque[float] = deque(maxlen=window)
        self.clear()

    def clear(self) -> None:
        """Remove all pairs."""
        self._ys.clear()
        self._xs.clear()
        self._due: float = -math.inf
        self._shifted = (0.0,) * 7  # the centres of y and x; the sums of dy, dx, dy², dx² and dy dx, deviations from them
        self.n = 0
        self.peak_y = self.peak_x = 0.0
        self.mean_y = self.mean_x = self.syy = self.sxx = self.sxy = 0.0

    def push(self, index: int, y: float, x: float) -> None:
        """Add the pair of the bar with this index; a full window drops its oldest pair."""
        ys, xs = self._ys, self._xs
        cy, cx, ty, tx, tyy, txx, tyx = self._shifted
        dy, dx = y - cy, x - cx
        n = self.n
        if n == self.window:
            oy, ox = ys[0] - cy, xs[0] - cx
            ty += dy - oy
            tx += dx - ox
            tyy += dy * dy - oy * oy
            txx += dx * dx - ox * ox
            tyx += dy * dx - oy * ox
        else:
            self.n = n = n + 1
            ty, tx = ty + dy, tx + dx
            tyy, txx, tyx = tyy + dy * dy, txx + dx * dx, tyx + dy * dx
        ys.append(y)
        xs.append(x)
        syy, sxx = tyy - ty * ty / n, txx - tx * tx / n
        peak_y = tyy if tyy > self.peak_y else self.peak_y
        peak_x = txx if txx > self.peak_x else self.peak_x
        if index >= self._due or not (syy >= COLLAPSE * peak_y and sxx >= COLLAPSE * peak_x):
            self._rebuild(index)
            return
        self._shifted = cy, cx, ty, tx, tyy, txx, tyx
        self.peak_y, self.peak_x = peak_y, peak_x
        self.mean_y, self.mean_x = cy + ty / n, cx + tx / n
        self.syy, self.sxx, self.sxy = syy, sxx, tyx - ty * tx / n

    def held(self) -> tuple[list[float], list[float]]:
        """Return the values of both series, oldest first."""
        return list(self._ys), list(self._xs)

    def legs(self) -> tuple[FloatArray, FloatArray]:
        """Return the values of both series, oldest first, of shape (n,) each."""
        return np.array(self._ys), np.array(self._xs)

    def _rebuild(self, index: int) -> None:
        self._due = next_block(index, self.window, self.offset)
        n = self.n
        cy, cx = exact_sum(self._ys) / n, exact_sum(self._xs) / n
        dy, dx = [y - cy for y in self._ys], [x - cx for x in self._xs]
        ty, tx, tyx = exact_sum(dy), exact_sum(dx), _dot(dy, dx)
        tyy, txx = self.peak_y, self.peak_x = _dot(dy, dy), _dot(dx, dx)
        self._shifted = cy, cx, ty, tx, tyy, txx, tyx
        self.mean_y, self.mean_x = cy + ty / n, cx + tx / n
        self.syy = max(0.0, tyy - ty * ty / n)
        self.sxx = max(0.0, txx - tx * tx / n)
        self.sxy = tyx - ty * tx / n

    def values(self) -> tuple[float, ...]:
        """Return all that these moments keep besides the pairs, for `restore`."""
        sums = self.mean_y, self.mean_x, self.syy, self.sxx, self.sxy
        return self._due, *self._shifted, self.peak_y, self.peak_x, *sums

    def restore(self, values: Sequence[float], ys: Sequence[float], xs: Sequence[float]) -> None:
        """Continue from the `values` of moments that held these pairs, oldest first."""
        self._ys.clear()
        self._ys.extend(ys)
        self._xs.clear()
        self._xs.extend(xs)
        self.n = len(ys)
        self._due, cy, cx, ty, tx, tyy, txx, tyx, self.peak_y, self.peak_x, *sums = values
        self._shifted = cy, cx, ty, tx, tyy, txx, tyx
        self.mean_y, self.mean_x, self.syy, self.sxx, self.sxy = sums

    @property
    def full(self) -> bool:
        return self.n == self.window
