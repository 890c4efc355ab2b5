"""One pair on one timeframe, which takes the bars of its legs and makes points."""

from collections.abc import Iterable

import msgspec

from quantd.flow.pairs.background import Background, Inline, SlowRuns
from quantd.flow.pairs.carried import CarriedStates, Recall
from quantd.flow.pairs.issue import Issuer
from quantd.flow.pairs.jobs import Guards, JobRunner
from quantd.flow.pairs.point_maker import PointMaker
from quantd.flow.pairs.rows import Rows
from quantd.flow.pairs.spec import PairSpec, Row
from quantd.flow.pairs.states import States
from quantd.model import Bar, PairPoint
from quantd.timeframes import timeframe


class PairSeries:
    """Makes the points of one pair on one timeframe. Re-issued bars re-issue the points that depend on them.

    A recursive regression resumes from a state in the recorded points, if `recall` finds one shortly before or after the first bar.
    """

    def __init__(
        self, spec: PairSpec, guards: Guards, reopen: int, background: Background | None = None, recall: Recall | None = None
    ) -> None:
        self.spec = spec
        self.guards = guards
        self.changes = States(spec).of
        frame = timeframe(spec.every)
        most = spec.memory + frame.index(frame.floor(reopen)) + 2
        self._rows = Rows(spec, most)
        self._carried = CarriedStates(spec, recall, most + 1)
        self._issuer = Issuer((name for job in spec.jobs if job.background for name in job.metrics), most)
        self.counts = self._issuer.counts
        self._slow = SlowRuns(background or Inline(), self._issuer.attach)
        self._maker = self._fresh_maker()
        self._head = -1

    def add(self, y_bars: Iterable[Bar], x_bars: Iterable[Bar], measure_from: int = 0) -> list[PairPoint]:
        """Add bars of each leg. Return the points of the bars that both legs have now: those that changed, then the new ones, each oldest
        first.

        Jobs run at new bars of ts >= `measure_from` (ms), and at the last bar.
        """
        changed, fresh = self._rows.put(y_bars, x_bars, self._head)
        points = self._again(changed) if changed else []
        if fresh and self._head < 0:
            self._carried.look_back(fresh[0].ts, fresh[-1].ts, self._head)
        for row in fresh:
            if state := self._carried.recorded(self._head):
                self._maker.resume(state)
            point = self._step(row, measure=row.ts >= measure_from or row is fresh[-1])
            if point:
                points.append(self._issuer.issued(point))
            self._head = row.ts
        self._slow.begin()
        self._rows.forget()
        self._issuer.forget()
        self._carried.forget()
        return points

    @property
    def last(self) -> PairPoint | None:
        """The newest point, at its last revision."""
        return self._issuer.last

    @property
    def oldest(self) -> int:
        """The time (ms) of the oldest bar that may still change; earlier bars are ignored."""
        return self._rows.oldest

    @property
    def bars(self) -> int | None:
        """Number of stored bars that both legs have; None if a leg has no bar at all."""
        return self._rows.count

    def nowcast(self, ts: int, y: float, x: float) -> PairPoint | None:
        """Return the point at the legs' last prices; None if the last bar has no point, since there is no hedge."""
        last = self._issuer.last
        if last is None or last.ts != self._head:
            return None
        return self._maker.nowcast(last, ts, self.spec.price(y), self.spec.price(x))

    def arrived(self) -> list[PairPoint]:
        """Return the points whose slow jobs have ended since the last call, re-issued with their results."""
        return self._issuer.arrived()

    def _fresh_maker(self) -> PointMaker:
        return PointMaker(self.spec, self.guards, JobRunner(self.spec, self.guards, self._slow))

    def _step(self, row: Row, *, measure: bool) -> PairPoint | None:
        """Return the next point, with what the regression carries over from it."""
        point = self._maker.step(row, measure=measure)
        if not self.spec.regression.recursive:
            return point
        state = self._maker.state()
        if state is not None:
            self._carried.keep(row.ts, state)
        return point and msgspec.structs.replace(point, state=state)

    def _again(self, changed: set[int]) -> list[PairPoint]:
        """Compute the rows again up to the head. Re-issue the points that depend on a changed row."""
        rows = self._rows.until(self._head)
        numbers = [number for number, row in enumerate(rows) if row.ts in changed]
        begin, reach = max(0, numbers[0] - self.spec.memory), numbers[-1] + self.spec.memory
        self._maker = self._fresh_maker()
        self._slow.mended()
        before = self._carried.before(rows[begin].ts)
        if before is not None:
            self._maker.resume(before)
        elif self.spec.regression.recursive:
            begin = 0
        points = []
        for number, row in enumerate(rows[begin:], begin):
            touched = numbers[0] <= number and (number <= reach or self.spec.regression.recursive)
            point = self._step(row, measure=touched)
            if touched and point:
                points.append(self._issuer.mended(point))
        return points
