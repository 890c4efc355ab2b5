"""One pair on one timeframe, which takes the bars of its legs and makes points."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from quantd.flow.pairs.background import Background, Inline, SlowRuns
from quantd.flow.pairs.carried import CarriedStates, Recall
from quantd.flow.pairs.issue import Counts, Issuer
from quantd.flow.pairs.jobs import Guards, JobRunner
from quantd.flow.pairs.point_maker import PointMaker, nowcast
from quantd.flow.pairs.rows import Rows
from quantd.flow.pairs.spec import PairSpec, Row
from quantd.flow.pairs.states import States
from quantd.model import Bar, Metric, PairPoint
from quantd.timeframes import timeframe

if TYPE_CHECKING:
    from quantd.flow.pairs.table import PairTable


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
        self.rows = Rows(spec, most)
        self.carried = CarriedStates(spec, recall, most + 1)
        self.issuer = Issuer((name for job in spec.jobs if job.background for name in job.metrics), most)
        self.slow = SlowRuns(background or Inline(), self.issuer.attach)
        self.maker = self._fresh_maker()
        self.head = -1
        """Time (ms) of the last bar that both legs have."""
        self.table: PairTable | None = None
        """The table that makes its points at present."""

    def add(self, y_bars: Iterable[Bar], x_bars: Iterable[Bar], measure_from: int = 0) -> list[PairPoint]:
        """Add bars of each leg. Return the points of the bars that both legs have now: those that changed, then the new ones, each oldest
        first.

        Jobs run at new bars of ts >= `measure_from` (ms), and at the last bar.
        """
        if self.table:
            self.table.leave(self)
        changed, fresh = self.rows.put(y_bars, x_bars, self.head)
        points = self._again(changed) if changed else []
        if fresh and self.head < 0:
            self.carried.look_back(fresh[0].ts, fresh[-1].ts, self.head)
        for row in fresh:
            if state := self.carried.recorded(self.head):
                self.maker.resume(state)
            point = self._step(row, measure=row.ts >= measure_from or row is fresh[-1])
            if point:
                points.append(self.issuer.issued(point))
            self.head = row.ts
        self.slow.begin()
        self.rows.forget()
        self.issuer.forget()
        self.carried.forget()
        return points

    @property
    def key(self) -> Hashable:
        """The same for all pairs that may share a table."""
        spec = self.spec
        return spec.every, self.maker.mark, spec.zscore, spec.spread, tuple(map(id, spec.jobs)), self.rows.most

    @property
    def is_settled(self) -> bool:
        """Whether it goes from bar to bar: its windows are full, its last bar has a point, and nothing waits."""
        last = self.issuer.last
        if last is None or last.ts != self.head or not self.maker.is_full:
            return False
        return not (self.rows.waits_after(self.head) or self.carried.waits)

    def enter(self, table: "PairTable") -> None:
        """Let a table, which has taken the state, make the points from now on."""
        self.table = table
        self.rows.restore([])
        self.maker.rest()

    def continue_from(self, rows: Sequence[Row]) -> None:
        """Leave the table, and continue alone after these rows."""
        self.table = None
        self.rows.restore(rows)
        self.maker.continue_from(rows)
        self.head = rows[-1].ts

    def measured(self, point: PairPoint) -> Mapping[str, Metric]:
        """Run the jobs on a point that a table has made, and return their metrics."""
        measured = self.maker.jobs.run(point.ts, point.y, point.x, point, measure=True) or point
        self.issuer.issued(measured)
        self.issuer.forget()
        self.slow.begin()
        return measured.metrics

    @property
    def counts(self) -> Counts:
        """Number of points made, and of those whose bar was treated as an outlier."""
        return self.table.counts(self) if self.table else self.issuer.counts

    @property
    def last(self) -> PairPoint | None:
        """The newest point, at its last revision."""
        return self.table.last(self) if self.table else self.issuer.last

    @property
    def oldest(self) -> int:
        """The time (ms) of the oldest bar that may still change; earlier bars are ignored."""
        return self.table.oldest(self) if self.table else self.rows.oldest

    @property
    def bars(self) -> int | None:
        """Number of stored bars that both legs have; None if a leg has no bar at all."""
        return self.table.bars(self) if self.table else self.rows.count

    def nowcast(self, ts: int, y: float, x: float) -> PairPoint | None:
        """Return the point at the legs' last prices; None if the last bar has no point, since there is no hedge."""
        prices = self.spec.price(y), self.spec.price(x)
        if self.table:
            return self.table.nowcast(self, ts, *prices)
        last = self.issuer.last
        if last is None or last.ts != self.head:
            return None
        return nowcast(self.spec, last, self.maker.gauges.now, ts, *prices)

    def arrived(self) -> list[PairPoint]:
        """Return the points whose slow jobs have ended since the last call, re-issued with their results."""
        return self.issuer.arrived()

    def _fresh_maker(self) -> PointMaker:
        return PointMaker(self.spec, self.guards, JobRunner(self.spec, self.guards, self.slow))

    def _step(self, row: Row, *, measure: bool) -> PairPoint | None:
        """Return the next point, with what the regression carries over from it."""
        point = self.maker.step(row, measure=measure)
        if not self.spec.regression.recursive:
            return point
        state = self.maker.state()
        if state is not None:
            self.carried.keep(row.ts, state)
        return point and msgspec.structs.replace(point, state=state)

    def _again(self, changed: set[int]) -> list[PairPoint]:
        """Compute the rows again up to the head. Re-issue the points that depend on a changed row."""
        rows = self.rows.until(self.head)
        numbers = [number for number, row in enumerate(rows) if row.ts in changed]
        begin, reach = max(0, numbers[0] - self.spec.memory), numbers[-1] + self.spec.memory
        self.maker = self._fresh_maker()
        self.slow.mended()
        before = self.carried.before(rows[begin].ts)
        if before is not None:
            self.maker.resume(before)
        elif self.spec.regression.recursive:
            begin = 0
        points = []
        for number, row in enumerate(rows[begin:], begin):
            touched = numbers[0] <= number and (number <= reach or self.spec.regression.recursive)
            point = self._step(row, measure=touched)
            if touched and point:
                points.append(self.issuer.mended(point))
        return points
