"""Kalman filters of many pairs at once."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.judge import BoolArray, Judges
from quantd.stats.columns.line import Bars, Lines, Noises, corrected, expected, learned, scales
from quantd.stats.columns.recursions import Place, RecursionColumns
from quantd.stats.noise import DIFFUSE
from quantd.stats.rolling import FLAT
from quantd.stats.steadfast import PLAIN, FilterSettings

FEW = 6
"""Up to this number of columns are stepped one at a time, which is faster then."""
_FIXED = PLAIN + 10
_ALPHA_WALK, _BETA_WALK, _INDEX, _N, _SEEN, _MOVED, _X0, _UNIT, _LEVEL, _SLOPE, _LL, _LS, _SS = range(13)
_INNOVATION, _VARIANCE, _LEARNED, _WEIGHT, _PACE, _TRUSTED, _TRIES, _MISSED, _AWAY, _SUSPENDED, _LOOSE = range(13, 24)
_WALKS, _LINE = slice(_ALPHA_WALK, _INDEX), slice(_X0, _INNOVATION)


class KalmanColumns(RecursionColumns):
    """P filters of the same `FilterSettings`, with the same bits as each of them alone; each has walks of its own.

    Bars that are no outliers are computed for all columns at once. A filter of its own takes the first bar of a column, an outlier, the bar
    after it, and the bars of a loose line. What it keeps beyond its fixed numbers (the bars of a run and the old line) is stored per
    column, for as long as it exists.
    """

    def __init__(self, settings: FilterSettings, few: int = FEW) -> None:
        super().__init__(heads=2, values=PLAIN if settings.clip is None else _FIXED, others=_FIXED - PLAIN if settings.clip is None else 0)
        self._settings = settings
        self._few = few
        self._clip2 = math.inf if settings.clip is None else settings.clip * settings.clip
        self._longer: dict[int, tuple[float, ...]] = {}
        """The values of a column beyond its fixed numbers."""

    def add(self) -> int:
        """Append a fresh filter without walks; return its number."""
        p = super().add()
        self.put(p, self._settings.filter(0.0, 0.0).values())
        return p

    def drop(self, p: int) -> None:
        super().drop(p)
        self._longer = {at - (at > p): values for at, values in self._longer.items() if at != p}

    def put(self, p: int, values: Sequence[float], index: int = 0) -> None:
        super().put(p, values[: self._values], index)
        self._longer.pop(p, None)
        if len(values) > self._values:
            self._longer[p] = tuple(values[self._values :])

    def put_walks(self, p: int, alpha_walk: float, beta_walk: float) -> None:
        """Set the walks of a column."""
        self._numbers[_WALKS, p] = alpha_walk, beta_walk

    def values(self, p: int) -> tuple[float, ...]:
        return *super().values(p), *self._longer.get(p, ())

    def packed(self, which: IntArray, *, heads: bool = False) -> list[bytes]:
        found = super().packed(which, heads=heads)
        if self._longer:
            for at in np.flatnonzero(np.isin(which, list(self._longer))).tolist():
                values = self._longer[int(which[at])]
                found[at] += struct.pack(f"<{len(values)}d", *values)
        return found

    def step(self, which: IntArray, y: FloatArray, x: FloatArray, bars: IntArray) -> None:
        if len(which) <= self._few:
            self._step_singly(which, y, x, bars)
            return
        place = self.place(which)
        with np.errstate(all="ignore"):
            after, settled = self._stepped(self._numbers[:, place], y, x, bars)
        odd = np.flatnonzero(~settled)
        these = which[odd]
        kept = self._numbers[:, these]
        self._write(place, after)
        self._numbers[:, these] = kept
        if self._longer:
            keeps = np.flatnonzero(settled & (self._numbers[_SUSPENDED, place] > 0.0))
            self._go_away(which[keeps], bars[keeps])
        if len(odd):
            self._step_singly(these, y[odd], x[odd], bars[odd])

    def hedges(self, which: IntArray) -> HedgeColumns:
        numbers = self._numbers[:, self.place(which)]
        lines, innovation, variance = Lines(*numbers[_WALKS], *numbers[_LINE]), numbers[_INNOVATION], numbers[_VARIANCE]
        with np.errstate(all="ignore"):
            beta = lines.slope / lines.unit
            alpha = lines.level - beta * lines.x0
            known = (numbers[_MOVED] > 0.0) & np.isfinite(alpha + beta + innovation)
            if self._settings.noise is not None:
                before = now = np.full(len(which), self._settings.noise)
            else:
                before = np.where(numbers[_SEEN] > 0.0, numbers[_LEARNED], np.nan)
                now = np.where(variance < DIFFUSE, self._learned(numbers).learned, before)
            stderr = _roots(lines.ss * now) / lines.unit
            innovation_std = _roots(variance * before)
        weight = np.ones(len(which)) if self._settings.clip is None else numbers[_WEIGHT].copy()
        n = numbers[_N].astype(np.int64)
        return HedgeColumns(alpha, beta, stderr, np.full(len(which), np.nan), innovation.copy(), innovation_std, weight, n, known)

    def _stepped(self, numbers: FloatArray, y: FloatArray, x: FloatArray, bars: IntArray) -> tuple[list[NDArray[Any]], BoolArray]:
        """Return the numbers of these columns after a bar, from `n` on, as far as a bar of a settled filter changes them, and the columns
        of which it is such a bar."""
        settings, n, noises = self._settings, numbers[_N], self._learned(numbers)
        before, these = Lines(*numbers[_WALKS], *numbers[_LINE]), Bars(y, x, bars.astype(np.float64), scales(x, settings.least_scale))
        lines, last = expected(before, these)
        moved = (numbers[_MOVED] > 0.0) | (np.abs(last.u) > FLAT)
        after = [n + 1.0, noises.seen, moved, *corrected(lines, last)[2:], last.innovation, last.variance, noises.learned]
        settled = n > 0.0
        if settings.clip is not None:
            judges = Judges(self._clip2, settings.memory, settings.least_scale, n, numbers[_PACE], numbers[_TRUSTED], noises)
            admitted, pace = judges.judge(before, last, these)
            settled &= admitted & (numbers[_TRIES] == 0.0) & (numbers[_LOOSE] == 0.0)
            after += np.ones(len(x)), pace, x
        return after, settled

    def _learned(self, numbers: FloatArray) -> Noises:
        """Return the noises of these columns with the last innovations included."""
        noises = Noises(numbers[_LEARNED], numbers[_SEEN])
        return learned(noises, numbers[_INNOVATION], numbers[_VARIANCE], self._clip2, self._settings.memory)

    def _write(self, place: Place, after: list[NDArray[Any]]) -> None:
        """Store the numbers from the number of bars on."""
        for row, numbers in enumerate(after, _N):
            self._numbers[row, place] = numbers

    def _step_singly(self, which: IntArray, y: FloatArray, x: FloatArray, bars: IntArray) -> None:
        """Take a bar in each of these columns, one after the other. Raises the last error of a filter, whose column then lacks the bar."""
        after, size, made = [], self._values, (0.0, 0.0)
        failed: ArithmeticError | None = None
        one = self._settings.filter(*made)
        before = self._numbers[:, which].T.tolist()
        for p, (alpha_walk, beta_walk, _, *values), *bar in zip(which.tolist(), before, y.tolist(), x.tolist(), bars.tolist(), strict=True):
            if (alpha_walk, beta_walk) != made:
                made = alpha_walk, beta_walk
                one = self._settings.filter(*made)
            new = old = (*values[:size], *self._longer.pop(p, ()))
            one.restore(old)
            try:
                one.step(*bar)
                new = one.values()
            except ArithmeticError as error:
                failed = error
            after.append(new[:size])
            if len(new) > size:
                self._longer[p] = new[size:]
        self._numbers[_N : _N + size, which] = np.array(after).T
        if failed:
            raise failed

    def _go_away(self, which: IntArray, bars: IntArray) -> None:
        """Count the bars of these columns, which keep an old line, and discard the lines that are too old."""
        self._numbers[_AWAY, which] += bars
        for p in which[self._numbers[_AWAY, which] > self._settings.patience].tolist():
            self._numbers[_SUSPENDED, p] = 0.0
            del self._longer[p]


def _roots(variances: FloatArray) -> FloatArray:
    return np.sqrt(np.where((variances >= 0.0) & (variances < np.inf), variances, np.nan))
