"""The points of one pair at many bars, as columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from quantd.columns.points import AT, CODE, NO_METRICS, NUMBERS, fits, numbers_of, point_of
from quantd.model import DEFINITION, Metric, PairPoint

Metrics = Mapping[str, Metric]


class PointSeries(Sequence[PairPoint]):
    """The points of one pair on one timeframe, ascending. The struct of a point is made when it is read.

    `ts` has the shape (k,) and holds the open times (ms). `numbers` has the shape (len(NUMBERS), k) and holds the columns NUMBERS, NaN for
    None. `marks` has the shape (4, k): the n of each hedge, the code of each quality, the revisions and the definitions. `metrics` and
    `states` hold those of some points, by time (ms); `exact` holds, by time, points that the columns alone cannot give back.
    """

    __slots__ = ("every", "exact", "marks", "metrics", "numbers", "pair", "states", "ts")

    def __init__(
        self,
        key: tuple[str, str],
        ts: NDArray[np.int64],
        numbers: NDArray[np.float64],
        marks: NDArray[np.int64],
        metrics: Mapping[int, Metrics] | None = None,
        states: Mapping[int, bytes] | None = None,
        exact: Mapping[int, PairPoint] | None = None,
    ) -> None:
        self.pair, self.every = key
        self.ts = ts
        self.numbers = numbers
        self.marks = marks
        self.metrics: Mapping[int, Metrics] = metrics or {}
        self.states: Mapping[int, bytes] = states or {}
        self.exact: Mapping[int, PairPoint] = exact or {}

    @classmethod
    def of(cls, pair: str, every: str, points: Sequence[PairPoint]) -> "PointSeries":
        """Return the columns of these points of one pair and timeframe."""
        marks = [(point.hedge.n, CODE[point.quality], point.revision, point.definition) for point in points]
        return cls(
            (pair, every),
            np.array([point.ts for point in points], np.int64),
            np.array([numbers_of(point) for point in points], np.float64).reshape(-1, len(NUMBERS)).T.copy(),
            np.array(marks, np.int64).reshape(-1, 4).T.copy(),
            {point.ts: point.metrics for point in points if point.metrics},
            {point.ts: point.state for point in points if point.state is not None},
            {point.ts: point for point in points if not fits(point)},
        )

    @classmethod
    def joined(cls, pair: str, every: str, pieces: Sequence["PointSeries"]) -> "PointSeries":
        """Return the points of pieces of one pair and timeframe that follow one another."""
        if len(pieces) == 1:
            return pieces[0]
        parts = (cls.of(pair, every, ()), *pieces)
        return cls(
            (pair, every),
            np.concatenate([each.ts for each in parts]),
            np.concatenate([each.numbers for each in parts], axis=1),
            np.concatenate([each.marks for each in parts], axis=1),
            {ts: metrics for each in parts for ts, metrics in each.metrics.items()},
            {ts: state for each in parts for ts, state in each.states.items()},
            {ts: point for each in parts for ts, point in each.exact.items()},
        )

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one of NUMBERS, of shape (k,)."""
        column: NDArray[np.float64] = self.numbers[AT[name]]
        return column

    def current(self) -> "PointSeries":
        """Return the points of the current definition."""
        return self if (self.marks[3] == DEFINITION).all() else self.take(self.marks[3] == DEFINITION)

    def take(self, which: slice | NDArray[np.bool_]) -> "PointSeries":
        """Return a part of the points."""
        key = self.pair, self.every
        return PointSeries(key, self.ts[which], self.numbers[:, which], self.marks[:, which], self.metrics, self.states, self.exact)

    def __len__(self) -> int:
        return len(self.ts)

    @overload
    def __getitem__(self, at: int) -> PairPoint: ...

    @overload
    def __getitem__(self, at: slice) -> "PointSeries": ...

    def __getitem__(self, at: int | slice) -> "PairPoint | PointSeries":
        if isinstance(at, slice):
            return self.take(at)
        return self._point(int(self.ts[at]), self.numbers[:, at].tolist(), self.marks[:, at].tolist())

    def __iter__(self) -> Iterator[PairPoint]:
        return map(self._point, self.ts.tolist(), self.numbers.T.tolist(), self.marks.T.tolist())

    def _point(self, ts: int, numbers: list[float], marks: list[int]) -> PairPoint:
        exact = self.exact.get(ts) if self.exact else None
        return exact or point_of((self.pair, self.every, ts), numbers, marks, self.metrics.get(ts, NO_METRICS), self.states.get(ts))
