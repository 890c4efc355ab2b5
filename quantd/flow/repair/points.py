"""Rebuilds points from closed bars.

A point depends on its own bar and on the `memory` bars before it that both legs have. So if bars change, the points of the `memory` bars
behind them change too. The first of these is right only after another `memory` bars, which are fed without making points:

    time ------------>  |<-- memory -->|<- bars that changed ->|<-- memory -->|
    bars that are fed   ======================================================
    points that are rebuilt            ========================================
                                     first                  last            until

A hole in the bars makes the way back longer: `memory` counts bars, not time. The rebuilt points are then compared with the known ones, see
`revisions`.

A recursive regression also carries over what it learned from all earlier bars. Each recorded point holds that (`state`), and a fresh series
resumes from it instead of learning anew. For such a regression only the points of the changed bars themselves are rebuilt, and only if the
live series no longer holds those bars; it rebuilds its own points.

Points are rebuilt on three occasions: bars were rebuilt (`changed_by`), recorded points do not fit their bars (`rebuild_misfits`, called by
`check`), and points of an older definition (`outdated`) are rebuilt in one pass along the bars.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate

import msgspec
from msgspec import Struct

from quantd.flow.ingest.ledger import Span
from quantd.flow.pair import PairStage, RebuiltPoints
from quantd.flow.pairs import Guards, PairSeries, PairSpec
from quantd.flow.pairs.spec import worse
from quantd.flow.repair.revisions import next_revisions
from quantd.history.history import History
from quantd.model import DEFINITION, WHOLE, Bar, PairPoint
from quantd.timeframes import timeframe


class Legs(Struct, frozen=True):
    """The symbols of a pair."""

    y: str
    x: str


class LegBars(Struct, frozen=True):
    """Bars of both legs on one timeframe, ascending."""

    y: Sequence[Bar]
    x: Sequence[Bar]

    def shared(self) -> list[tuple[Bar, Bar]]:
        """The bars that both legs have, ascending."""
        x = {bar.ts: bar for bar in self.x}
        return [(bar, x[bar.ts]) for bar in self.y if bar.ts in x]


class PointRebuilder:
    """Rebuilds the points of one pair on one timeframe from the bars of the history. Regression and jobs run behind `guards`."""

    def __init__(self, spec: PairSpec, guards: Guards, history: History, legs: Legs) -> None:
        self.spec = spec
        self._guards = guards
        self._history = history
        self._legs = legs
        self._reach = spec.memory * timeframe(spec.every).step
        """How far (ms) a point looks back if no bar is missing."""

    @classmethod
    def of(cls, pair: PairStage, series: PairSeries, history: History) -> "PointRebuilder":
        """Return a rebuilder for a live series of a pair. The series itself is not touched."""
        return cls(series.spec, series.guards, history, Legs(pair.y.symbol, pair.x.symbol))

    async def changed_by(self, bars: Iterable[Bar], live_from: int) -> RebuiltPoints:
        """Return the points that change with these bars, which the history does not have yet. `live_from` is the time (ms) of the oldest
        bar that the live series holds."""
        changed = [bar for bar in bars if bar.every == self.spec.every]
        if not changed:
            return RebuiltPoints()
        first, until = self._affected(min(bar.ts for bar in changed), max(bar.ts for bar in changed))
        until = min(until, live_from) if self.spec.regression.recursive else until
        return await asyncio.to_thread(self.rebuild, first, until, changed)

    def rebuild_misfits(self, start: int, end: int) -> RebuiltPoints:
        """Return the points that do not fit their bars of start <= ts < end (ms), and those behind them. Reads the store: call it in a
        thread."""
        found = self._misfits(start, end)
        return self.rebuild(*self._affected(found[0], found[-1])) if found else RebuiltPoints()

    def _misfits(self, start: int, end: int) -> list[int]:
        """Return the times of the bars of start <= ts < end (ms) whose point is missing or has other prices, quality or coverage. Reads the
        store: call it in a thread."""
        rows = self._bars_and_before(start, end).shared()
        known = self._known(start, end)
        fits = [
            self._fits(known.get(y.ts), y, x, coverage)
            for (y, x), coverage in zip(rows, _coverages(rows, self.spec.bars_needed), strict=True)
        ]
        return [y.ts for (y, _), fit in zip(rows, fits, strict=True) if y.ts >= start and not fit]

    def rebuild(self, first: int, until: int, changed: Sequence[Bar] = ()) -> RebuiltPoints:
        """Return the points of first <= ts < until (ms) that are unknown or differ from the known ones. `changed` are bars that the history
        does not have yet. Reads the store: call it in a thread."""
        bars = self._bars_and_before(first, until, changed)
        known = self._known(first, until)
        points = self._series().add(bars.y, bars.x, measure_from=first)
        made = [_with_findings(point, known.get(point.ts)) for point in points if point.ts >= first]
        if self.spec.regression.recursive:
            made = [point for point in made if point.ts not in known or not _of_same_bars(point, known[point.ts])]
        ends = [leg[-1].ts + 1 for leg in (bars.y, bars.x) if leg]
        return RebuiltPoints(next_revisions(made, known), min(ends, default=first))

    def bars(self, start: int, end: int, changed: Sequence[Bar] = ()) -> LegBars:
        """Return the bars of start <= ts < end (ms), with the changed ones in place."""
        return LegBars(self._leg(self._legs.y, start, end, changed), self._leg(self._legs.x, start, end, changed))

    def warm_up_from(self, ts: int) -> int:
        """Return the time (ms) from which on bars must be fed for the point at `ts`; for a recursive regression, the first recorded bar.
        Reads the store: call it in a thread."""
        if self.spec.regression.recursive:
            return min(self._first_bar(ts), ts)
        bars = self._bars_and_before(ts, ts)
        return min((leg[0].ts for leg in (bars.y, bars.x) if leg), default=ts)

    def _affected(self, first: int, last: int) -> Span:
        """Return the span of time (ms) in which points change if bars of first <= ts <= last change."""
        return first, last + 1 + (0 if self.spec.regression.recursive else self._reach)

    def _bars_and_before(self, first: int, until: int, changed: Sequence[Bar] = ()) -> LegBars:
        """Return the bars of first <= ts < until (ms), and as many before them as a point depends on, or all there are."""
        reach, oldest = self._reach, None
        while True:
            bars = self.bars(first - reach, until, changed)
            if sum(y.ts < first for y, _ in bars.shared()) >= self.spec.memory:
                return bars
            oldest = self._first_bar(first) if oldest is None else oldest
            if first - reach <= oldest:
                return bars
            reach *= 4

    def _first_bar(self, default: int) -> int:
        """Return the time (ms) of the first recorded bar that both legs may have."""
        spans = [self._history.recorded_span("bars", leg, self.spec.every) for leg in (self._legs.y, self._legs.x)]
        return max(span[0] if span else default for span in spans)

    def _leg(self, symbol: str, start: int, end: int, changed: Sequence[Bar]) -> list[Bar]:
        known = self._history.bars(symbol, self.spec.every, start, end)
        fresh = {bar.ts: bar for bar in changed if bar.symbol == symbol}
        if not fresh:
            return known
        bars = {bar.ts: bar for bar in known} | fresh
        return [bars[ts] for ts in sorted(bars)]

    def _known(self, start: int, end: int) -> dict[int, PairPoint]:
        return {point.ts: point for point in self._history.known_points(self.spec.pair, self.spec.every, start, end, states=True)}

    def _series(self) -> PairSeries:
        """Return a fresh series without slow jobs. Their results stay as they are, since these jobs run at few bars."""
        quick = msgspec.structs.replace(self.spec, jobs=tuple(job for job in self.spec.jobs if not job.background))
        recall = partial(self._history.points, self.spec.pair, self.spec.every, states=True)
        return PairSeries(quick, self._guards, reopen=0, recall=recall)

    def _fits(self, point: PairPoint | None, y: Bar, x: Bar, coverage: float) -> bool:
        """Return whether a point fits these bars. A point of an older definition is left to the upgrade."""
        if point is None or point.definition < DEFINITION:
            return point is not None
        told = (point.y, point.x, point.quality, point.coverage)
        return told == (self.spec.price(y.close), self.spec.price(x.close), worse(y.quality, x.quality), coverage)


def _coverages(rows: Sequence[tuple[Bar, Bar]], reach: int) -> list[float]:
    """Return, for each row, the share of the `reach` bars up to it that hold every trade."""
    whole = [(y.quality in WHOLE) + (x.quality in WHOLE) for y, x in rows]
    sums = [0, *accumulate(whole)]
    return [(sums[end] - sums[max(0, end - reach)]) / (2 * min(end, reach)) for end in range(1, len(sums))]


def _with_findings(point: PairPoint, known: PairPoint | None) -> PairPoint:
    """Return a rebuilt point with the results of slow jobs from the known one."""
    return point if known is None else msgspec.structs.replace(point, metrics={**known.metrics, **point.metrics})


def _of_same_bars(point: PairPoint, other: PairPoint) -> bool:
    return (point.y, point.x, point.quality, point.coverage) == (other.y, other.x, other.quality, other.coverage)
