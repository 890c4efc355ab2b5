"""Stage 2: merges bars. A resampler makes the shortest bars; all longer timeframes are merged from these, so their sums agree."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from quantd.model import Bar
from quantd.stats import FloatArray
from quantd.stats.bars import fills, merge
from quantd.timeframes import Timeframe, timeframe

MOST_BRIDGED = 100_000
"""Largest number of flat bars that fill the space between two bars: 69 days of 1m."""
_log = logging.getLogger("quantd.flow")
_LADDER = ("1m", "1h")


def ladder(base: str, wanted: Iterable[str]) -> list[Timeframe]:
    """Return the timeframes to merge on the way from `base` to the wanted ones, shortest first. Minutes and hours in between keep the steps
    small.

    >>> [frame.name for frame in ladder("1s", ["14h", "5m"])]
    ['1m', '5m', '1h', '14h']
    """
    lowest = timeframe(base)
    targets = {timeframe(name) for name in wanted} - {lowest}
    steps = {step for step in map(timeframe, _LADDER) if step.holds(lowest) and any(target.step > step.step for target in targets)}
    return sorted((targets | steps) - {lowest}, key=lambda frame: frame.step)


class Merger:
    """Takes bars of `base` and returns bars of every wanted timeframe: `base` first, then longer bars as they close or change."""

    def __init__(self, base: str, wanted: Sequence[str], reopen: int) -> None:
        self._wanted = frozenset(wanted)
        self._base = base
        self._levels: list[_Level] = []
        for frame in ladder(base, wanted):
            finer = [timeframe(base), *(level.frame for level in self._levels)]
            source = max((step for step in finer if frame.holds(step)), key=lambda step: step.step)
            self._levels.append(_Level(frame, source, reopen))

    def add(self, bars: list[Bar]) -> list[Bar]:
        """Take closed or re-issued bars of `base`. Return the bars that close or change."""
        made = {self._base: bars}
        for level in self._levels:
            made[level.frame.name] = level.add(made[level.source.name])
        return self._chosen(made)

    def absorb(self, bars: Iterable[Bar]) -> None:
        """Take rebuilt bars of some timeframes. Later bars are merged from these."""
        made: dict[str, list[Bar]] = defaultdict(list)
        for bar in bars:
            made[bar.every].append(bar)
        for level in self._levels:
            merged = level.replace(made[level.source.name])
            made[level.frame.name] = made[level.frame.name] or merged

    def forming(self, every: str, open_bars: list[Bar]) -> list[Bar]:
        """Return the open bars of a timeframe, given the open bars of `base`. The closed parts are known here."""
        made = {self._base: open_bars}
        for level in self._levels:
            made[level.frame.name] = level.forming(made[level.source.name])
        return made.get(every, [])

    def parts(self, ts: int) -> dict[str, int]:
        """Return the timeframes whose bars are parts of the buckets that are open at `ts`, where `base` begins, each with the time of the
        first part."""
        since: dict[str, int] = {}
        for level in self._levels:
            opened = level.frame.floor(ts)
            if opened < level.source.floor(ts):
                since[level.source.name] = min(opened, since.get(level.source.name, opened))
        return since

    def begin(self, ts: int, past: Mapping[str, Iterable[Bar]]) -> None:
        """Begin `base` at `ts`, before any bar is taken. These closed bars, by timeframe, are the parts of the buckets that are open
        then."""
        for level in self._levels:
            level.begin(ts, past.get(level.source.name, ()))

    def flush(self) -> list[Bar]:
        """Close the open buckets, since the stream has ended."""
        made: dict[str, list[Bar]] = {self._base: []}
        for level in self._levels:
            made[level.frame.name] = level.add(made[level.source.name]) + level.flush()
        return self._chosen(made)

    def _chosen(self, made: dict[str, list[Bar]]) -> list[Bar]:
        return [bar for name, bars in made.items() if name in self._wanted for bar in bars]


class _Level:
    """One timeframe, merged from the bars of a shorter one."""

    def __init__(self, frame: Timeframe, source: Timeframe, reopen: int) -> None:
        self.frame = frame
        self.source = source
        self._reopen = reopen
        self._parts: dict[int, dict[int, Bar]] = {}
        self._revision: dict[int, int] = {}
        self._open: int | None = None

    def replace(self, bars: Iterable[Bar]) -> list[Bar]:
        """Replace known parts by these bars, and add to the open bucket. Return the closed buckets that change."""
        touched: dict[int, None] = {}
        for bar in bars:
            start = self.frame.floor(bar.ts)
            parts = self._parts.get(start, {})
            if bar.ts in parts or start == self._open:
                self._parts[start][bar.ts] = bar
                touched[start] = None
        return [self._merged(start, self._revision.get(start, 0)) for start in touched if start != self._open]

    def add(self, bars: list[Bar]) -> list[Bar]:
        mended: dict[int, None] = {}
        closed: list[Bar] = []
        for bar in bars:
            start = self.frame.floor(bar.ts)
            if self._open is not None and start < self._open:
                if start >= self._open - self._reopen - self.frame.step:
                    self._parts.setdefault(start, {})[bar.ts] = bar
                    mended[start] = None
                continue
            closed += self._enter(start)
            self._parts[start][bar.ts] = bar
            if self.source.end(bar.ts) >= self.frame.end(start):
                closed += self._enter(self.frame.end(start))
        made = [self._merge(start) for start in mended] + closed
        if self._open is not None:
            self._forget(self._open - self._reopen - self.frame.step)
        return made

    def begin(self, ts: int, bars: Iterable[Bar]) -> None:
        """Open the bucket that holds `ts`, with the bars of that bucket that end by then."""
        self._open = start = self.frame.floor(ts)
        self._parts[start] = {bar.ts: bar for bar in bars if start <= bar.ts and self.source.end(bar.ts) <= ts}

    def forming(self, bars: list[Bar]) -> list[Bar]:
        groups = {} if self._open is None else {self._open: list(self._parts[self._open].values())}
        for bar in bars:
            groups.setdefault(self.frame.floor(bar.ts), []).append(bar)
        made = [merge(parts, self.frame.name, start, whole=False) for start, parts in groups.items() if parts]
        return [msgspec.structs.replace(bar, quality="forming") for bar in made]

    def flush(self) -> list[Bar]:
        return self._enter(self.frame.end(self._open)) if self._open is not None else []

    def _enter(self, start: int) -> list[Bar]:
        """Make `start` the open bucket. Close and return the one that was open."""
        if start == self._open:
            return []
        closed = [self._merge(self._open)] if self._open is not None and self._parts[self._open] else []
        self._open = start
        self._parts[start] = {}
        return closed

    def _forget(self, limit: int) -> None:
        while (oldest := next(iter(self._parts))) < limit:
            del self._parts[oldest]
            self._revision.pop(oldest, None)

    def _merge(self, start: int) -> Bar:
        self._revision[start] = revision = self._revision.get(start, -1) + 1
        return self._merged(start, revision)

    def _merged(self, start: int, revision: int) -> Bar:
        parts = [bar for _, bar in sorted(self._parts[start].items())]
        return merge(parts, self.frame.name, start, whole=fills(parts, start, self.source, self.frame), revision=revision)


def bridge(last: Bar, bar: Bar) -> list[Bar]:
    """Return flat bars of quality `gap` for the buckets that are missing between two bars of one series. If there are too many, return none
    and log a warning: either a time is wrong, or the source was away for months."""
    frame = timeframe(bar.every)
    missing: list[Bar] = []
    count = frame.index(bar.ts) - frame.index(last.ts) - 1
    if count > MOST_BRIDGED:
        text = "%s: %d bars of %s are missing between those of %d and %d (ms): they are left out, and windows go on across the gap"
        _log.warning(text, bar.symbol, count, bar.every, last.ts, bar.ts)
        return missing
    start = frame.end(last.ts)
    while start < bar.ts:
        missing.append(
            Bar(
                last.symbol, last.every, start, *(last.close,) * 4, volume=0.0, trades=None, vwap=None, taker_buy_volume=None, quality="gap"
            )
        )
        start = frame.end(start)
    return missing


def shared_closes(y_bars: Sequence[Bar], x_bars: Sequence[Bar], prices: Literal["raw", "log"], count: int) -> tuple[FloatArray, FloatArray]:
    """Return the last `count` closes that both legs have, oldest first, or their logarithms: shape (n,) each."""
    y, x = ({bar.ts: bar.close for bar in bars} for bars in (y_bars, x_bars))
    both = np.array([(y[ts], x[ts]) for ts in sorted(y.keys() & x.keys())[-count:]]).reshape(-1, 2)
    of_y, of_x = np.log(both.T) if prices == "log" else both.T.copy()
    return of_y, of_x
