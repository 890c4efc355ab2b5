"""Determines the timeframe of bars from their times."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import quantd

TIMEFRAMES = [
    quantd.timeframe(f"{count}{unit}") for unit, most in (("s", 59), ("m", 59), ("h", 23), ("d", 1)) for count in range(1, most + 1)
]
STRAY = 100
"""One row in this many may be off the grid."""


class OffGrid(ValueError):
    """The bars have the length of a timeframe, but do not open where its buckets do."""

    def __init__(self, frame: quantd.Timeframe) -> None:
        super().__init__(frame.name)
        self.frame = frame


def find(times: Sequence[Iterable[int]], named: quantd.Timeframe | None) -> quantd.Timeframe:
    """Return the timeframe whose buckets open at these times (ms; a sequence for each symbol) except stray ones, and whose whole or
    shortest bucket equals their usual smallest step; `named` if there is no step. Raises OffGrid or ValueError.
    """
    each = [sorted(set(of)) for of in times]
    step = _step(each)
    if not step and named:
        return named
    for frame in TIMEFRAMES:
        if step in (frame.step, frame.field % frame.step or frame.step) and _fits(frame, each):
            return frame
    for frame in TIMEFRAMES:
        if step == frame.step:
            raise OffGrid(frame)
    seen = f"the smallest step of its times is {step:,} ms" if step else "no two rows of a symbol differ in time"
    raise ValueError(seen)


def check(times: Sequence[Iterable[int]], frame: quantd.Timeframe) -> quantd.Timeframe:
    """Return the frame if its buckets open at these times, except stray ones. Raises OffGrid."""
    if not _fits(frame, [sorted(set(of)) for of in times]):
        raise OffGrid(frame)
    return frame


def _step(times: Sequence[Sequence[int]]) -> int:
    """Return the smallest step that is not a stray one; 0 if there is none."""
    counts = Counter(after - before for of in times for before, after in pairwise(of))
    return min((step for step, count in counts.items() if count * STRAY >= counts.total()), default=0)


def _fits(frame: quantd.Timeframe, times: Sequence[Sequence[int]]) -> bool:
    off = sum(frame.floor(ts) != ts for of in times for ts in of)
    return off * STRAY <= sum(map(len, times))
