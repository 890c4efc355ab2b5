"""`Window` and `Moments` of many pairs at once, with the same bits. Only full windows are held here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray
from quantd.stats.rolling import COLLAPSE, FLAT, Moments, Window, exact_sum, next_block
from quantd.stats.sums import Fixed

Mask = NDArray[np.bool_]
_OF_WINDOW, _OF_MOMENTS = 6, 15
"""How many numbers `values` of each has."""
_PEAK_Y, _PEAK_X, _MEAN_Y, _MEAN_X, _SYY, _SXX, _SXY = range(8, _OF_MOMENTS)
"""Places among the `values` of `Moments`."""


class Table:
    """A table of numbers with a column for each pair; columns are added at the end."""

    def __init__(self, rows: int) -> None:
        self._columns = np.zeros((rows, 0))
        self.count = 0

    @property
    def columns(self) -> FloatArray:
        """The numbers, of shape (rows, count), as a view."""
        columns: FloatArray = self._columns[:, : self.count]
        return columns

    def add(self, numbers: Sequence[float]) -> None:
        """Append a column."""
        if self.count == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.zeros((len(self._columns), max(16, self.count)))], axis=1)
        self._columns[:, self.count] = numbers
        self.count += 1

    def drop(self, p: int) -> None:
        """Remove a column. Those after it move up by one."""
        self._columns[:, p : self.count - 1] = self._columns[:, p + 1 : self.count]
        self.count -= 1


class Rings:
    """The last `window` values of each pair. All pairs take a value at each bar, so that the oldest are in one row."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._values = Table(window)
        self._oldest = 0
        self._steps = np.arange(window)
        self.drop = self._values.drop

    def add(self, values: list[float]) -> None:
        """Append a pair with these values, oldest first."""
        self._values.add(np.roll(values, self._oldest).tolist())

    def of(self, p: int) -> list[float]:
        """Return the values of a pair, oldest first."""
        values: list[float] = self._values.columns[self._places, p].tolist()
        return values

    @property
    def oldest(self) -> FloatArray:
        """The oldest values, of shape (count,)."""
        oldest: FloatArray = self._values.columns[self._oldest]
        return oldest

    def push(self, values: FloatArray) -> None:
        """Replace the oldest values."""
        self._values.columns[self._oldest] = values
        self._oldest = (self._oldest + 1) % self.window

    def some(self, which: NDArray[np.intp]) -> FloatArray:
        """Return a copy of the values of these pairs, of shape (window, len(which)), oldest first."""
        return self._values.columns[np.ix_(self._places, which)]

    def table(self) -> FloatArray:
        """Return a copy of the values, of shape (window, count), oldest first."""
        return self._values.columns[self._places]

    @property
    def _places(self) -> NDArray[np.intp]:
        return (self._steps + self._oldest) % self.window


class WindowColumns:
    """The full `Window`s of many pairs, which take a value each at every bar."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._held = Rings(window)
        self._numbers = Table(_OF_WINDOW)
        self._offsets: list[int] = []

    def add(self, window: Window) -> None:
        """Append a pair with a full window."""
        self._held.add(window.held())
        self._numbers.add(window.values())
        self._offsets.append(window.offset)

    def take(self, p: int) -> Window:
        """Return the window of a pair."""
        window = Window(self.window, self._offsets[p])
        self.fill(p, window)
        return window

    def fill(self, p: int, window: Window) -> None:
        """Let a window continue as that of a pair."""
        window.restore(self._numbers.columns[:, p].tolist(), self._held.of(p))

    def drop(self, p: int) -> None:
        """Remove a pair. Those after it move up by one."""
        self._held.drop(p)
        self._numbers.drop(p)
        del self._offsets[p]

    def push(self, index: int, v: FloatArray) -> None:
        """Add the values of the bar with this index, of shape (count,)."""
        numbers = self._numbers.columns
        due, centre, total, square, peak, _ = numbers
        d, old = v - centre, self._held.oldest - centre
        total = total + (d - old)
        square = square + (d * d - old * old)
        self._held.push(v)
        m2 = square - total * total / self.window
        peak = np.where(square > peak, square, peak)
        rebuilds = (index >= due) | ~(m2 >= COLLAPSE * peak)
        numbers[2:] = total, square, peak, m2
        if rebuilds.any():
            self._rebuild(np.flatnonzero(rebuilds), index)

    def _rebuild(self, which: NDArray[np.intp], index: int) -> None:
        n, values = self.window, self._held.some(which)
        centre = _sums(values) / n
        d = values - centre
        total, square = _sums(d), _sums(d * d)
        due = [next_block(index, n, self._offsets[p]) for p in which.tolist()]
        self._numbers.columns[:, which] = due, centre, total, square, square, _at_least_0(square - total * total / n)

    @property
    def mean(self) -> FloatArray:
        """Means of the values."""
        _, centre, total, *_ = self._numbers.columns
        mean: FloatArray = centre + total / self.window
        return mean

    @property
    def m2(self) -> FloatArray:
        """Sums of squared deviations from the mean."""
        m2: FloatArray = self._numbers.columns[5]
        return m2


class MomentsColumns:
    """The full `Moments` of many pairs, which take a pair of values each at every bar. The properties have the shape (count,)."""

    def __init__(self, window: int) -> None:
        self.window = self.n = window
        self._ys, self._xs = Rings(window), Rings(window)
        self._numbers = Table(_OF_MOMENTS)
        self._offsets: list[int] = []

    def add(self, moments: Moments) -> None:
        """Append a pair with full moments."""
        ys, xs = moments.held()
        self._ys.add(ys)
        self._xs.add(xs)
        self._numbers.add(moments.values())
        self._offsets.append(moments.offset)

    def take(self, p: int) -> Moments:
        """Return the moments of a pair."""
        moments = Moments(self.window, self._offsets[p])
        self.fill(p, moments)
        return moments

    def fill(self, p: int, moments: Moments) -> None:
        """Let moments continue as those of a pair."""
        moments.restore(self._numbers.columns[:, p].tolist(), self._ys.of(p), self._xs.of(p))

    def each(self) -> list[Fixed]:
        """Return the sums of each pair."""
        columns = self._numbers.columns[[_MEAN_Y, _MEAN_X, _SYY, _SXX, _SXY]].tolist()
        return [Fixed(self.n, *row) for row in zip(*columns, strict=True)]

    def drop(self, p: int) -> None:
        """Remove a pair. Those after it move up by one."""
        self._ys.drop(p)
        self._xs.drop(p)
        self._numbers.drop(p)
        del self._offsets[p]

    def push(self, index: int, y: FloatArray, x: FloatArray) -> None:
        """Add the values of the bar with this index, of shape (count,) each."""
        n, numbers = self.window, self._numbers.columns
        due, cy, cx, ty, tx, tyy, txx, tyx, peak_y, peak_x, *_ = numbers
        dy, dx = y - cy, x - cx
        oy, ox = self._ys.oldest - cy, self._xs.oldest - cx
        ty, tx = ty + (dy - oy), tx + (dx - ox)
        tyy = tyy + (dy * dy - oy * oy)
        txx = txx + (dx * dx - ox * ox)
        tyx = tyx + (dy * dx - oy * ox)
        self._ys.push(y)
        self._xs.push(x)
        syy, sxx = tyy - ty * ty / n, txx - tx * tx / n
        peak_y, peak_x = np.where(tyy > peak_y, tyy, peak_y), np.where(txx > peak_x, txx, peak_x)
        rebuilds = (index >= due) | ~((syy >= COLLAPSE * peak_y) & (sxx >= COLLAPSE * peak_x))
        numbers[3:] = ty, tx, tyy, txx, tyx, peak_y, peak_x, cy + ty / n, cx + tx / n, syy, sxx, tyx - ty * tx / n
        if rebuilds.any():
            self._rebuild(np.flatnonzero(rebuilds), index)

    def legs(self) -> tuple[FloatArray, FloatArray]:
        """Return the values of both series, of shape (window, count) each, oldest first."""
        return self._ys.table(), self._xs.table()

    def _rebuild(self, which: NDArray[np.intp], index: int) -> None:
        n, ys, xs = self.window, self._ys.some(which), self._xs.some(which)
        cy, cx = _sums(ys) / n, _sums(xs) / n
        dy, dx = ys - cy, xs - cx
        ty, tx, tyy, txx, tyx = (_sums(values) for values in (dy, dx, dy * dy, dx * dx, dy * dx))
        sums = _at_least_0(tyy - ty * ty / n), _at_least_0(txx - tx * tx / n), tyx - ty * tx / n
        due = [next_block(index, n, self._offsets[p]) for p in which.tolist()]
        self._numbers.columns[:, which] = due, cy, cx, ty, tx, tyy, txx, tyx, tyy, txx, cy + ty / n, cx + tx / n, *sums

    def _column(self, at: int) -> FloatArray:
        column: FloatArray = self._numbers.columns[at]
        return column

    @property
    def peak_y(self) -> FloatArray:
        return self._column(_PEAK_Y)

    @property
    def peak_x(self) -> FloatArray:
        return self._column(_PEAK_X)

    @property
    def mean_y(self) -> FloatArray:
        return self._column(_MEAN_Y)

    @property
    def mean_x(self) -> FloatArray:
        return self._column(_MEAN_X)

    @property
    def syy(self) -> FloatArray:
        return self._column(_SYY)

    @property
    def sxx(self) -> FloatArray:
        return self._column(_SXX)

    @property
    def sxy(self) -> FloatArray:
        return self._column(_SXY)


def _sums(values: FloatArray) -> FloatArray:
    """Return the exact sum of each column."""
    return np.array([exact_sum(column) for column in values.T.tolist()])


def _at_least_0(values: FloatArray) -> FloatArray:
    """Return what `max(0.0, value)` is, also for NaN."""
    return np.where(values > 0.0, values, 0.0)


def still(n: int, mean: FloatArray, square: FloatArray) -> Mask:
    """Return where `quantd.stats.rolling.still` is true, for means and sums of shape (P,)."""
    if n < 2:
        return np.ones(len(mean), bool)
    level = FLAT * mean
    least = (n - 1) * (level * level)
    moving: Mask = (least < square) & (square < np.inf)
    return ~moving
