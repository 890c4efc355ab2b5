"""Kalman filters of many pairs at once."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.line import Last, Lines, Walks, corrected, expected, learned, scales
from quantd.stats.columns.recursions import Place, RecursionColumns
from quantd.stats.noise import DIFFUSE, SOUND
from quantd.stats.rolling import FLAT
from quantd.stats.steadfast import PLAIN, FilterSettings

FEW = 12
"""Up to this number of columns are stepped one at a time, which is faster then."""
_FIXED = PLAIN + 10
_ALPHA_WALK, _BETA_WALK, _INDEX, _N, _SEEN, _MOVED, _X0, _UNIT, _LEVEL, _SLOPE, _LL, _LS, _SS = range(13)
_INNOVATION, _VARIANCE, _LEARNED, _WEIGHT, _PACE, _TRUSTED, _TRIES, _MISSED, _AWAY, _SUSPENDED, _LOOSE = range(13, 24)
_WALKS, _LINE = slice(_ALPHA_WALK, _INDEX), slice(_X0, _INNOVATION)


class KalmanColumns(RecursionColumns):
    """P filters of the same `FilterSettings`, with the same bits as each of them alone; each has walks of its own.

    Bars of settled filters are computed for all columns at once. One at a time, by a filter of its own, a column takes its first bar, an
    outlier, a jump of x, and the bars of a run and of a loose line. What such a filter keeps beyond its fixed numbers (the bars of the run
    and the old line) is stored per column and only for as long as it exists.
    """

    def __init__(self, settings: FilterSettings, few: int = FEW) -> None:
        super().__init__(heads=2, values=PLAIN if settings.clip is None else _FIXED, others=_FIXED - PLAIN if settings.clip is None else 0)
        self._settings = settings
        self._few = few
        self._clip2 = math.inf if settings.clip is None else settings.clip * settings.clip
        self._longer: dict[int, list[float]] = {}
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
            self._longer[p] = list(values[self._values :])

    def put_walks(self, p: int, alpha_walk: float, beta_walk: float) -> None:
        """Set the walks of a column."""
        self._numbers[_WALKS, p] = alpha_walk, beta_walk

    def values(self, p: int) -> tuple[float, ...]:
        return *super().values(p), *self._longer.get(p, ())

    def packed(self, which: IntArray, *, heads: bool = False) -> list[bytes]:
        found = super().packed(which, heads=heads)
        if self._longer:
            for at, p in enumerate(which.tolist()):
                if p in self._longer:
                    found[at] += np.array(self._longer[p], "<f8").tobytes()
        return found

    def step(self, which: IntArray, y: FloatArray, x: FloatArray, bars: IntArray) -> None:
        if len(which) <= self._few:
            self._step_singly(which, y, x, bars)
            return
        place = self.place(which)
        with np.errstate(all="ignore"):
            after, odd = self._stepped(self._numbers[:, place], y, x, bars)
        if odd.any():
            kept = self._numbers[:, which[odd]]
            self._write(place, after)
            self._numbers[:, which[odd]] = kept
            self._step_singly(which[odd], y[odd], x[odd], bars[odd])
        else:
            self._write(place, after)
        if self._longer:
            self._go_away(which[~odd], bars[~odd])

    def hedges(self, which: IntArray) -> HedgeColumns:
        numbers = self._numbers[:, self.place(which)]
        lines, innovation, variance, noise = Lines(*numbers[_LINE]), numbers[_INNOVATION], numbers[_VARIANCE], numbers[_LEARNED]
        none = np.full(len(which), np.nan)
        with np.errstate(all="ignore"):
            beta = lines.slope / lines.unit
            alpha = lines.level - beta * lines.x0
            known = (numbers[_MOVED] > 0.0) & np.isfinite(alpha + beta + innovation)
            if self._settings.noise is not None:
                before = now = np.full(len(which), self._settings.noise)
            else:
                before = np.where(numbers[_SEEN] > 0.0, noise, np.nan)
                after, _ = learned(noise, numbers[_SEEN], Last(none, innovation, variance), self._settings.memory, self._clip2)
                now = np.where(variance < DIFFUSE, after, before)
            stderr = _roots(lines.ss * now) / lines.unit
            innovation_std = _roots(variance * before)
        weight = np.ones(len(which)) if self._settings.clip is None else numbers[_WEIGHT].copy()
        n = numbers[_N].astype(np.int64)
        return HedgeColumns(alpha, beta, stderr, none, innovation.copy(), innovation_std, weight, n, known)

    def _stepped(self, numbers: FloatArray, y: FloatArray, x: FloatArray, bars: IntArray) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
        """Return the numbers of these columns after a bar, as far as a bar of a settled filter changes them, and the columns in which it is
        no such bar."""
        settings, n, last = self._settings, numbers[_N], Last(x, numbers[_INNOVATION], numbers[_VARIANCE])
        noise, seen = learned(numbers[_LEARNED], numbers[_SEEN], last, settings.memory, self._clip2)
        walks = Walks(bars * numbers[_ALPHA_WALK], bars * numbers[_BETA_WALK], scales(x, settings.least_scale))
        lines, last = expected(Lines(*numbers[_LINE]), walks, y, x)
        moved = (numbers[_MOVED] > 0.0) | (np.abs(last.u) > FLAT)
        after = [n + 1.0, seen, moved, *corrected(lines, last), last.innovation, last.variance, noise]
        odd = n == 0.0
        if settings.clip is not None:
            way = x - numbers[_TRUSTED]
            square, pace = way * way / bars, numbers[_PACE]
            limit = self._clip2 * pace
            leapt = (square > limit) & (limit > 0.0)
            off = last.innovation * last.innovation > self._clip2 * last.variance * noise
            off &= (noise > 0.0) & (np.abs(last.innovation) > FLAT * np.abs(y))
            odd |= (leapt | off) & (seen >= SOUND)
            odd |= (numbers[_TRIES] > 0.0) | (numbers[_LOOSE] > 0.0)
            after += np.ones(len(x)), pace + (square - pace) / np.minimum(n, float(settings.memory)), x
        return after, odd

    def _write(self, place: Place, after: list[NDArray[Any]]) -> None:
        """Store the numbers from the number of bars on."""
        for row, numbers in enumerate(after, _N):
            self._numbers[row, place] = numbers

    def _step_singly(self, which: IntArray, y: FloatArray, x: FloatArray, bars: IntArray) -> None:
        """Take a bar in each of these columns, one after the other."""
        for p, *bar in zip(which.tolist(), y.tolist(), x.tolist(), bars.tolist(), strict=True):
            one = self._settings.filter(*self._numbers[_WALKS, p].tolist())
            one.restore(self.values(p))
            one.step(*bar)
            self.put(p, one.values(), int(self._numbers[_INDEX].view(np.int64)[p]))

    def _go_away(self, which: IntArray, bars: IntArray) -> None:
        """Count the bars of those of these columns that keep an old line, and discard the lines that are too old."""
        keeps = self._numbers[_SUSPENDED, which] > 0.0
        which = which[keeps]
        self._numbers[_AWAY, which] += bars[keeps]
        for p in which[self._numbers[_AWAY, which] > self._settings.patience].tolist():
            self._numbers[_SUSPENDED, p] = 0.0
            del self._longer[p]


def _roots(variances: FloatArray) -> FloatArray:
    return np.sqrt(np.where((variances >= 0.0) & (variances < np.inf), variances, np.nan))
