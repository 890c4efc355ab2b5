"""One pair on one timeframe, fed with the bars of its legs."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from quantd.flow.pairs.background import Background, Inline, Metrics, SlowRuns
from quantd.flow.pairs.chain import Chain
from quantd.flow.pairs.jobs import Guards, Measures
from quantd.flow.pairs.spec import PairSpec, Row
from quantd.flow.pairs.states import States
from quantd.model import Bar, PairPoint
from quantd.timeframes import timeframe

Recall = Callable[[int, int], list[PairPoint]]
"""The recorded points of start <= ts < end."""
_RECALLED = 1_500
_MOST_WAITING = 5_000
"""Bars of a leg that wait for those of the other, which may still fetch its past."""


class PairSeries:
    """Re-issued bars re-issue the points that they touch.

    A recursive regression goes on from what it left in the recorded points, if `recall` reaches any from shortly before or after the
    first bar."""

    def __init__(
        self, spec: PairSpec, guards: Guards, reopen: int, background: Background | None = None, recall: Recall | None = None
    ) -> None:
        self.spec = spec
        self.last: PairPoint | None = None
        self.points_made = self.points_clipped = 0
        self.guards = guards
        self._slow = SlowRuns(background or Inline(), self._attach)
        self._slow_metrics = frozenset(name for job in spec.jobs if job.background for name in job.metrics)
        self._recall = recall if spec.regression.recursive else None
        self._frame = timeframe(spec.every)
        self._price = spec.price
        self._keep = spec.memory + self._frame.index(self._frame.floor(reopen)) + 2
        self._waiting: tuple[dict[int, Bar], dict[int, Bar]] = ({}, {})
        self._rows: dict[int, Row] = {}
        self._head = -1
        self._revision: dict[int, int] = {}
        self._states: dict[int, bytes] = {}
        self._recalled: dict[int, bytes] = {}
        self._unfinished: dict[int, PairPoint] = {}
        self._arrived: list[PairPoint] = []
        self.changes = States(spec).of
        self._chain = self._fresh_chain()

    def add(self, y_bars: Iterable[Bar], x_bars: Iterable[Bar], measure_from: int = 0) -> list[PairPoint]:
        """Points of the bars that both legs have now, oldest first: those that changed, then the new ones.

        The jobs run at new bars of ts >= `measure_from`, and at the last one."""
        changed = self._mend(0, y_bars) | self._mend(1, x_bars)
        fresh = []
        for ts in sorted(self._waiting[0].keys() & self._waiting[1].keys()):
            self._rows[ts] = self._row(self._waiting[0].pop(ts), self._waiting[1].pop(ts))
            if ts > self._head:
                fresh.append(ts)
            else:
                changed.add(ts)
        if changed:
            self._rows = dict(sorted(self._rows.items()))
        points = self._again(changed) if changed else []
        if fresh and self._head < 0:
            self._look_back(fresh)
        for ts in fresh:
            if self._recalled:
                self._resume(self._head)
            points += self._issued(self._step(self._rows[ts], measure=ts >= measure_from or ts == fresh[-1]))
            self._head = ts
        self._slow.begin()
        self._forget()
        return points

    @property
    def oldest(self) -> int:
        """The time of the oldest bar that may still change; bars before it change nothing here."""
        return next(iter(self._rows), 0)

    @property
    def bars(self) -> int | None:
        """How many bars it has of both legs, of the last ones that it keeps; None where a leg has none at all."""
        return len(self._rows) if self._rows or all(self._waiting) else None

    def nowcast(self, ts: int, y: float, x: float) -> PairPoint | None:
        """The point at the legs' last prices; None where the last bar has no point: there is no hedge."""
        if self.last is None or self.last.ts != self._head:
            return None
        return self._chain.nowcast(self.last, ts, self._price(y), self._price(x))

    def arrived(self) -> list[PairPoint]:
        """The points whose slow jobs have ended since the last call, re-issued with what those found."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def _fresh_chain(self) -> Chain:
        return Chain(self.spec, self.guards, Measures(self.spec, self.guards, self._slow))

    def _step(self, row: Row, *, measure: bool) -> PairPoint | None:
        """The next point, with what the regression carries over from it."""
        point = self._chain.step(row, measure=measure)
        if not self.spec.regression.recursive:
            return point
        state = self._chain.state()
        if state is not None:
            self._states[row.ts] = state
        return point and msgspec.structs.replace(point, state=state)

    def _look_back(self, fresh: list[int]) -> None:
        """Find what the regression left in the recorded points: at the last one before these bars, and at those among them."""
        if self._recall is None:
            return
        first, last, reach = fresh[0], fresh[-1], _RECALLED * self._frame.step
        recorded = {point.ts: point.state for point in self._recall(first - reach, last + reach) if point.state}
        before = max((ts for ts in recorded if ts < first), default=None)
        if before is not None:
            recorded[self._head] = self._states[before] = recorded[before]
        self._recalled = recorded

    def _resume(self, ts: int) -> None:
        """Go on from what was recorded at the bar before, if anything was; forget what is recorded of bars that have gone by."""
        state = self._recalled.pop(ts, None)
        if state:
            self._chain.resume(state)
        while self._recalled and next(iter(self._recalled)) < ts:
            del self._recalled[next(iter(self._recalled))]

    def _attach(self, ts: int, found: Metrics) -> None:
        """What a slow job found of a point that has gone out."""
        point = self._unfinished.get(ts)
        if point:
            self._arrived += self._issued(msgspec.structs.replace(point, metrics={**point.metrics, **found}))

    def _mend(self, leg: int, bars: Iterable[Bar]) -> set[int]:
        """Put re-issued bars into their rows and let the others wait for the other leg; the rows that changed."""
        changed = set()
        for bar in bars:
            row = self._rows.get(bar.ts)
            if row is None and bar.ts < self.oldest:
                continue
            if row is None:
                self._waiting[leg][bar.ts] = bar
                continue
            close = self._price(bar.close)
            mended = {"y": close, "y_quality": bar.quality} if leg == 0 else {"x": close, "x_quality": bar.quality}
            self._rows[bar.ts] = new = msgspec.structs.replace(row, **mended)
            if new != row:
                changed.add(bar.ts)
        return changed

    def _row(self, y: Bar, x: Bar) -> Row:
        return Row(y.ts, self._frame.index(y.ts), self._price(y.close), self._price(x.close), y.quality, x.quality)

    def _again(self, changed: set[int]) -> list[PairPoint]:
        """Walk the rows anew up to the head, and re-issue the points from the first changed row on, as far as they depend on one."""
        rows = [self._rows[ts] for ts in sorted(self._rows) if ts <= self._head]
        numbers = [number for number, row in enumerate(rows) if row.ts in changed]
        begin, reach = max(0, numbers[0] - self.spec.memory), numbers[-1] + self.spec.memory
        self._chain = self._fresh_chain()
        self._slow.mended()
        before = max((ts for ts in self._states if ts < rows[begin].ts), default=None)
        if before is not None:
            self._chain.resume(self._states[before])
        elif self.spec.regression.recursive:
            begin = 0
        points = []
        for number, row in enumerate(rows[begin:], begin):
            touched = numbers[0] <= number and (number <= reach or self.spec.regression.recursive)
            point = self._step(row, measure=touched)
            if touched and point:
                points += self._issued(self._with_earlier_findings(point))
        return points

    def _with_earlier_findings(self, point: PairPoint) -> PairPoint:
        """A mended point keeps what slow jobs had found of it, until they find something new."""
        earlier = self._unfinished.get(point.ts)
        if earlier is None:
            return point
        kept = {name: value for name, value in earlier.metrics.items() if name in self._slow_metrics}
        return msgspec.structs.replace(point, metrics=kept | dict(point.metrics))

    def _issued(self, point: PairPoint | None) -> list[PairPoint]:
        """The point under its next revision."""
        if point is None:
            return []
        revision = self._revision[point.ts] = self._revision.get(point.ts, -1) + 1
        if not revision:
            self.points_made += 1
            self.points_clipped += point.hedge.weight < 1.0
        numbered = msgspec.structs.replace(point, revision=revision) if revision else point
        if self._slow_metrics:
            self._unfinished[point.ts] = numbered
        if self.last is None or numbered.ts >= self.last.ts:
            self.last = numbered
        return [numbered]

    def _forget(self) -> None:
        """Drop rows that no later bar can touch, and bars that the other leg will never match."""
        for table in (self._rows, self._revision, self._unfinished):
            _shorten(table, self._keep)
        for waiting in self._waiting:
            _shorten(waiting, _MOST_WAITING)
        _shorten(self._states, self._keep + 1)


def _shorten(table: dict[int, Any], most: int) -> None:
    while len(table) > most:
        del table[next(iter(table))]
