"""Funding: what the holders of perpetuals pay one another at fixed times, as a backtest charges it.

At a funding time a long pays units * mark price * rate, and a short receives it; a negative rate turns that round. It falls on what was
held before that time, so a position that opens with the bar that begins then pays nothing, and one that is left at that open still pays:

    bars        |-- 07:00 --|-- 08:00 --|-- 09:00 --|      paid at 08:00 by what was open at the close of the bar of 07:00

The legs' payments mostly offset, so those of a time count only where no leg's is missing. Which ones are missing is told by the times that
are known: they have a rhythm, of mostly 8, 4 or 1 hours.
"""

import math
from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray, IntArray
from quantd.timeframes import HOUR, MINUTE

USUAL = 8 * HOUR
"""Between funding times, where a single one is known."""


class Rates(Struct, frozen=True):
    """The funding of one symbol, oldest first, each minute once; shape (k,), k at least 1."""

    ts: IntArray
    """ms."""
    rate: FloatArray
    mark: FloatArray
    """The mark price then; NaN where it is not told: the last close before stands in, which differs by some bps of what is paid."""


def as_rates(paid: Iterable[tuple[int, float, float | None]]) -> Rates | None:
    """Of (time, rate, mark price or None) in any order; None of nothing. Of one minute the last counts: sources may tell one payment with
    milliseconds of their own. Raises ValueError for a number that is not finite.

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
    """What is due of a position that is open when a bar opens, since the bar before it opened; arrays of shape (n,)."""

    y: FloatArray
    """Paid by one unit of y that is held long."""
    x: FloatArray
    known: IntArray
    """Funding times of which nothing is missing."""
    missing: IntArray
    """Others; nothing of them is in `y` and `x`."""


def due(legs: tuple[Rates, Rates], opened: IntArray, closes: tuple[FloatArray, FloatArray]) -> Funding:
    """The funding of y and x over bars that opened at these times (ms, ascending, shape (n,)). Venues are some ms late: the minute
    counts."""
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
    """The funding times of start < t <= end that are missing among those that are known: between two that are further apart than both
    their neighbours, and before the first and behind the last, in steps of what is usual there.

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
    """Between which times each gap should be: what it is, unless both gaps beside it are shorter, then the longer of them."""
    if len(apart) < 2:
        return apart
    left, right = np.concatenate((apart[1:2], apart[:-1])), np.concatenate((apart[1:], apart[-2:-1]))
    return np.minimum(apart, np.maximum(left, right))
