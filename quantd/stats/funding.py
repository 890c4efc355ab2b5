"""Funding payments between the holders of perpetuals, as a backtest charges them.

At a funding time a long position pays units * mark price * rate, and a short position receives it; a negative rate reverses the direction.
The payment falls on the position held before that time. A position opened with the bar that begins at that time therefore pays nothing, and
a position closed at that open still pays:

    bars        |-- 07:00 --|-- 08:00 --|-- 09:00 --|      paid at 08:00 by what was open at the close of the bar of 07:00

The payments of the legs mostly offset each other, so a funding time counts only if the rates of both legs are known. Missing times are
inferred from the known ones, which come at regular intervals of mostly 8, 4 or 1 hours.
"""

import math
from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray, IntArray
from quantd.timeframes import HOUR, MINUTE

USUAL = 8 * HOUR
"""Interval between funding times that is assumed if only one is known, ms."""


class Rates(Struct, frozen=True):
    """The funding rates of one symbol, oldest first, at most one a minute; shape (k,), k at least 1."""

    ts: IntArray
    """Funding times, ms."""
    rate: FloatArray
    mark: FloatArray
    """Mark price at that time, NaN if it is unknown. The last close before it is used then, which changes the payment by a few bps."""


def as_rates(paid: Iterable[tuple[int, float, float | None]]) -> Rates | None:
    """Return the rates given as (time, rate, mark price or None) in any order; None if there are none. The last of several in one minute
    counts, because sources may report the same payment with different milliseconds. Raises ValueError for a number that is not finite.

    >>> as_rates([(28_800_000, 0.01, None), (28_800_003, 0.01, 90.0)]).ts.tolist()
    [28800003]
    """
    rows = {ts // MINUTE: (ts, rate, math.nan if mark is None else mark) for ts, rate, mark in paid}
    if wrong := [row for row in rows.values() if not math.isfinite(row[1]) or math.isinf(row[2])]:
        raise ValueError(f"a rate of {wrong[0][1]:g} and a mark price of {wrong[0][2]:g} at {wrong[0][0]}")
    if not rows:
        return None
    ts, rate, mark = zip(*(rows[each] for each in sorted(rows)), strict=True)
    return Rates(np.array(ts, dtype=np.int64), np.array(rate, dtype=float), np.array(mark, dtype=float))


class Funding(Struct, frozen=True):
    """Funding due when a bar opens, for a position held since the previous bar opened; arrays of shape (n,)."""

    y: FloatArray
    """Amount paid by a long position of one unit of y."""
    x: FloatArray
    known: IntArray
    """Number of funding times for which both rates are known."""
    missing: IntArray
    """Number of the other funding times; `y` and `x` hold nothing of them."""


def due(legs: tuple[Rates, Rates], opened: IntArray, closes: tuple[FloatArray, FloatArray]) -> Funding:
    """Return the funding of y and x over bars that opened at these times (ms, ascending, shape (n,)). Venues pay some milliseconds late, so
    times are compared by minute."""
    n = len(opened)
    paid, known, missing = np.zeros((2, n)), np.zeros(n, np.int64), np.zeros(n, np.int64)
    if n:
        lost = [absent(leg.ts, int(opened[0]), int(opened[-1])) for leg in legs]
        gone = np.unique(np.concatenate(lost))
        _count(missing, gone, opened)
        _count(known, np.setdiff1d(np.union1d(*(_minutes(leg.ts) for leg in legs)), gone), opened)
        for leg, (rates, close) in enumerate(zip(legs, closes, strict=True)):
            rows = np.searchsorted(opened, _minutes(rates.ts))
            counts = (rows > 0) & (rows < n) & ~np.isin(_minutes(rates.ts), gone)
            mark = np.where(np.isnan(rates.mark), close[np.maximum(rows, 1) - 1], rates.mark)
            np.add.at(paid[leg], rows[counts], (mark * rates.rate)[counts])
    return Funding(paid[0], paid[1], known, missing)


def _count(into: IntArray, times: IntArray, opened: IntArray) -> None:
    rows = np.searchsorted(opened, times)
    np.add.at(into, rows[(rows > 0) & (rows < len(into))], 1)


def _minutes(ts: IntArray) -> IntArray:
    return ts - ts % MINUTE


def absent(ts: IntArray, start: int, end: int) -> IntArray:
    """Return the funding times in start < t <= end that are missing from the known ones: within a gap that is wider than both gaps beside
    it, and before the first and after the last known time, at the usual interval there.

    >>> (absent(HOUR * np.array([8, 16, 32, 40]), 0, 56 * HOUR) // HOUR).tolist()
    [24, 48, 56]
    """
    times = _minutes(ts)
    apart = np.diff(times)
    usual = _usual(apart).tolist()
    before, after = (usual[0], usual[-1]) if usual else (USUAL, USUAL)
    found = [np.arange(int(times[0]) - before, start, -before), np.arange(int(times[-1]) + after, end + 1, after)]
    for at, (gap, step) in enumerate(zip(apart.tolist(), usual, strict=True)):
        if gap >= 2 * step:
            found.append(np.arange(int(times[at]) + step, int(times[at + 1]) - step // 2, step))
    everything = np.sort(np.concatenate(found)).astype(np.int64)
    return everything[(everything > start) & (everything <= end)]


def _usual(apart: IntArray) -> IntArray:
    """Return the expected interval for each gap: the gap itself, or, if both gaps beside it are shorter, the longer of these."""
    if len(apart) < 2:
        return apart
    left, right = np.concatenate((apart[1:2], apart[:-1])), np.concatenate((apart[1:], apart[-2:-1]))
    return np.minimum(apart, np.maximum(left, right))
