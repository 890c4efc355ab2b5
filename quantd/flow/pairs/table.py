"""The table of many pairs on one timeframe: a bar of all legs makes the points of all pairs at once.

A pair that does anything but go from one bar to the next leaves the table and continues as a `PairSeries` alone: when one leg has no bar,
when a bar is re-issued, when there is no hedge. It may join again once it has caught up. Both give the same bits.
"""

from collections.abc import Sequence

import numpy as np

from quantd.columns.points import CODE, QUALITIES, PointColumns
from quantd.flow.pairs.issue import Counts
from quantd.flow.pairs.makers import PointMakers
from quantd.flow.pairs.point_maker import nowcast
from quantd.flow.pairs.series import PairSeries
from quantd.flow.pairs.spec import Row, worse
from quantd.model import WHOLE, PairPoint
from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.moments import Rings, Table
from quantd.timeframes import Timeframe, timeframe

_TS, _Y, _X, _QUALITIES, _REVISION = range(5)
"""What a row of the past holds: time, closes, both qualities, and the revision of its point."""
_NO_ROW, _NO_POINT = -1, -1
_WORSE = np.array([[CODE[worse(first, second)] for second in QUALITIES] for first in QUALITIES])
_WHOLE = np.array([float(quality in WHOLE) for quality in QUALITIES])


class PairTable:
    """The pairs that share the settings of `like`. All of them take the same bars."""

    def __init__(self, like: PairSeries) -> None:
        self.members: list[PairSeries] = []
        self.head = -1
        """Time (ms) of the last bar."""
        self.changes = 0
        """Number of times that a pair has joined or left."""
        self._places: dict[PairSeries, int] = {}
        self._names: Sequence[str] = ()
        """Positions and names of the members; made again when they are asked for."""
        self._spec = spec = like.spec
        self._frame = timeframe(spec.every)
        self._makers = PointMakers(spec, like.guards(spec.regression, f"all {spec.every}"))
        self._past = [Rings(like.rows.most) for _ in range(5)]
        self._counts = Table(2)
        """Number of points made, and of those whose bar was treated as an outlier."""
        self._batch: Sequence[PairPoint] = []
        """The last points of the first members; `_joined` has those of the members behind them."""
        self._joined: list[PairPoint] = []

    def may_join(self, series: PairSeries) -> bool:
        """Return whether a pair is at the same bar as the members, and nothing of it waits."""
        return series.is_settled and (not self.members or series.head == self.head)

    def join(self, series: PairSeries) -> None:
        """Take in a pair that may join."""
        issuer, last = series.issuer, series.issuer.last
        assert last is not None
        self.head = series.head
        rows = series.rows.until(series.head)
        blank = [float(_NO_ROW)] * (series.rows.most - len(rows))
        columns = zip(*((row.ts, row.y, row.x, _pack(row), issuer.revisions.get(row.ts, _NO_POINT)) for row in rows), strict=True)
        for ring, column in zip(self._past, columns, strict=True):
            ring.add(blank + list(column))
        self._makers.add(series.maker)
        self._counts.add([issuer.counts.made, issuer.counts.clipped])
        self._joined.append(last)
        self.members.append(series)
        self.changes += 1
        series.enter(self)

    def leave(self, series: PairSeries) -> None:
        """Let a member continue alone."""
        p, last = self.members.index(series), self.last(series)
        rows, revisions = _unpacked(self._frame, [ring.of(p) for ring in self._past])
        made, clipped = map(int, self._counts.columns[:, p].tolist())
        self._makers.drop(p, series.maker)
        for ring in self._past:
            ring.drop(p)
        self._counts.drop(p)
        del self.members[p]
        self._places.clear()
        self._names = ()
        self.changes += 1
        if p < len(self._batch):
            self._batch = [*self._batch[:p], *self._batch[p + 1 :]]
        else:
            del self._joined[p - len(self._batch)]
        series.continue_from(rows)
        if not self._spec.jobs:
            series.issuer.restore(revisions, last, Counts(made, clipped))

    def last(self, series: PairSeries) -> PairPoint:
        """Return the newest point of a member."""
        if self._spec.jobs and series.issuer.last:
            return series.issuer.last
        p = self._place(series)
        return self._batch[p] if p < len(self._batch) else self._joined[p - len(self._batch)]

    def oldest(self, series: PairSeries) -> int:
        """Return the time (ms) of the oldest row of a member."""
        return next(int(ts) for ts in self._past[_TS].of(self._place(series)) if ts != _NO_ROW)

    def bars(self, series: PairSeries) -> int:
        """Return the number of rows of a member."""
        return sum(ts != _NO_ROW for ts in self._past[_TS].of(self._place(series)))

    def counts(self, series: PairSeries) -> Counts:
        """Return the counts of a member."""
        return Counts(*map(int, self._counts.columns[:, self._place(series)].tolist()))

    def nowcast(self, series: PairSeries, ts: int, y: float, x: float) -> PairPoint:
        """Return the point of a member at these prices."""
        return nowcast(self._spec, self.last(series), self._makers.gauges.now.of(self._place(series)), ts, y, x)

    def step(self, ts: int, y: FloatArray, x: FloatArray, quality: tuple[IntArray, IntArray]) -> PointColumns:
        """Take a bar, given the closes as the regression sees them and the codes of both qualities, of shape (members,) each. Return the
        points. Members that have none leave."""
        of_y, of_x = quality
        numbers, hedges = self._makers.step(self._frame.index(ts), y, x, _WHOLE[of_y] + _WHOLE[of_x])
        known = hedges.known
        self.head = ts
        past = np.full(len(y), float(ts)), y, x, of_y * len(QUALITIES) + of_x, np.where(known, 0.0, float(_NO_POINT))
        for ring, column in zip(self._past, past, strict=True):
            ring.push(column)
        self._counts.columns[:] += known, known & (hedges.weight < 1.0)
        marks = np.array([hedges.n, _WORSE[of_y, of_x], np.zeros(len(y))]).astype(np.int64)
        states = self._carry(ts) if self._spec.regression.recursive else None
        batch = PointColumns(self._spec.every, ts, self._named(), numbers, marks, states)
        if not known.all():
            batch = batch.take(np.flatnonzero(known))
            self._part_from([self.members[p] for p in np.flatnonzero(~known).tolist()])
        self._batch, self._joined = batch, []
        if self._spec.jobs:
            batch.metrics = [series.measured(point) for series, point in zip(self.members, batch, strict=True)]
        return batch

    def _named(self) -> Sequence[str]:
        """Return the names of the members, which are the same object as long as the members are the same."""
        if len(self._names) != len(self.members):
            self._names = tuple(series.spec.pair for series in self.members)
        return self._names

    def _place(self, series: PairSeries) -> int:
        """Return the position of a member."""
        if len(self._places) != len(self.members):
            self._places = {each: place for place, each in enumerate(self.members)}
        return self._places[series]

    def _part_from(self, series: Sequence[PairSeries]) -> None:
        """Let members leave that have no hedge at the last bar."""
        for each in series:
            self.leave(each)
            each.maker.gauges.clear()
            row = each.maker.rows[-1]
            each.maker.jobs.run(row.ts, row.y, row.x, None, measure=True)

    def _carry(self, ts: int) -> list[bytes | None]:
        """Return what the regressions carry over from the last bar, and store it."""
        states = self._makers.states()
        for series, state in zip(self.members, states, strict=True):
            if state is not None:
                series.carried.keep(ts, state)
                series.carried.forget()
        return states


def _pack(row: Row) -> int:
    return CODE[row.y_quality] * len(QUALITIES) + CODE[row.x_quality]


def _unpacked(frame: Timeframe, past: Sequence[Sequence[float]]) -> tuple[list[Row], dict[int, int]]:
    """Return the rows of one pair, and the revisions of their points by time."""
    rows, revisions = [], {}
    for ts, y, x, qualities, revision in zip(*past, strict=True):
        if ts != _NO_ROW:
            of_y, of_x = divmod(int(qualities), len(QUALITIES))
            rows.append(Row(int(ts), frame.index(int(ts)), y, x, QUALITIES[of_y], QUALITIES[of_x]))
            if revision != _NO_POINT:
                revisions[int(ts)] = int(revision)
    return rows, revisions
