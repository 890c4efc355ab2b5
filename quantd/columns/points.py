"""The points of many pairs at one bar, as columns."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, get_args, overload

import numpy as np
from numpy.typing import NDArray

from quantd.model import DEFINITION, Hedge, Metric, PairPoint, Quality

OF_HEDGE = ("alpha", "beta", "stderr", "r2", "innovation", "innovation_std", "weight")
OF_POINT = ("y", "x", "spread", "zscore", "corr", "corr_returns", "coverage", "spread_mean", "spread_std")
NUMBERS = (*OF_HEDGE, *OF_POINT)
"""The columns of numbers; NaN stands for None."""
AT = {name: at for at, name in enumerate(NUMBERS)}
"""The row of each column in `PointColumns.numbers`."""
QUALITIES: tuple[Quality, ...] = get_args(Quality)
"""The qualities by their codes."""
NO_METRICS: Mapping[str, Metric] = {}
"""The metrics of all points without any: a dict for each would make the garbage collector run."""
CODE = {quality: code for code, quality in enumerate(QUALITIES)}


class PointColumns(Sequence[PairPoint]):
    """The points of n pairs at one bar of one timeframe. The struct of a point is made when it is read.

    `numbers` has the shape (len(NUMBERS), n) and holds the columns NUMBERS. `marks` has the shape (3, n): the n of each hedge, the code of
    each quality, and the revisions. `states` are what recursive regressions carry over. A batch is not changed after it was made.
    """

    __slots__ = ("every", "marks", "metrics", "numbers", "pairs", "states", "ts")

    def __init__(
        self,
        every: str,
        ts: int,
        pairs: Sequence[str],
        numbers: NDArray[np.float64],
        marks: NDArray[np.int64],
        states: Sequence[bytes | None] | None = None,
        metrics: Sequence[Mapping[str, Metric]] | None = None,
    ) -> None:
        self.every = every
        self.ts = ts
        self.pairs = pairs
        self.numbers = numbers
        self.marks = marks
        self.states = states
        self.metrics = metrics

    @classmethod
    def of(cls, points: Sequence[PairPoint]) -> "PointColumns":
        """Make a batch of points that have the same bar and timeframe, and the current definition."""
        numbers = np.array([numbers_of(point) for point in points]).T.copy()
        return cls(
            points[0].every,
            points[0].ts,
            [point.pair for point in points],
            numbers,
            np.array([(point.hedge.n, CODE[point.quality], point.revision) for point in points]).T.copy(),
            [point.state for point in points],
            [point.metrics for point in points],
        )

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one of NUMBERS, of shape (n,)."""
        column: NDArray[np.float64] = self.numbers[AT[name]]
        return column

    def take(self, which: Sequence[int] | NDArray[np.intp]) -> "PointColumns":
        """Return a batch of the points at these places."""
        places = np.asarray(which, np.intp)
        chosen = places.tolist()
        return PointColumns(
            self.every,
            self.ts,
            [self.pairs[at] for at in chosen],
            self.numbers[:, places],
            self.marks[:, places],
            None if self.states is None else [self.states[at] for at in chosen],
            None if self.metrics is None else [self.metrics[at] for at in chosen],
        )

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, at: int) -> PairPoint: ...

    @overload
    def __getitem__(self, at: slice) -> "PointColumns": ...

    def __getitem__(self, at: int | slice) -> "PairPoint | PointColumns":
        if isinstance(at, slice):
            return self.take(range(*at.indices(len(self))))
        return self._point(range(len(self))[at])

    def __iter__(self) -> Iterator[PairPoint]:
        for at, (numbers, marks) in enumerate(zip(self.numbers.T.tolist(), self.marks.T.tolist(), strict=True)):
            yield self._made(at, numbers, marks)

    def _point(self, at: int) -> PairPoint:
        return self._made(at, self.numbers[:, at].tolist(), self.marks[:, at].tolist())

    def _made(self, at: int, numbers: list[float], marks: list[int]) -> PairPoint:
        metrics = NO_METRICS if self.metrics is None else self.metrics[at]
        state = None if self.states is None else self.states[at]
        return point_of((self.pairs[at], self.every, self.ts), numbers, (*marks, DEFINITION), metrics, state)


def point_of(
    key: tuple[str, str, int], numbers: Iterable[float], marks: Sequence[int], metrics: Mapping[str, Metric], state: bytes | None
) -> PairPoint:
    """Return the struct of a point. `key` is its pair, timeframe and time (ms), `numbers` has the values of NUMBERS, and `marks` the n of
    the hedge, the code of the quality, the revision and the definition."""
    values: list[Any] = [None if number != number else number for number in numbers]
    alpha, beta, stderr, r2, innovation, innovation_std, weight, *of_point = values
    y, x, spread, zscore, corr, corr_returns, coverage, mean, std = of_point
    pair, every, ts = key
    bars, quality, revision, definition = marks
    return PairPoint(
        pair=pair,
        every=every,
        ts=ts,
        y=y,
        x=x,
        hedge=Hedge(alpha, beta, bars, stderr, r2, innovation, innovation_std, weight),
        spread=spread,
        zscore=zscore,
        corr=corr,
        coverage=coverage,
        quality=QUALITIES[quality],
        revision=revision,
        reason=why(zscore, std),
        spread_mean=mean,
        spread_std=std,
        corr_returns=corr_returns,
        metrics=metrics,
        state=state,
        definition=definition,
    )


def why(zscore: float | None, std: float | None) -> str | None:
    """Return why there is no z-score, given the unit of the spread; None if there is one."""
    if zscore is not None:
        return None
    return "warming" if std is None else "flat"


def fits(point: PairPoint) -> bool:
    """Return whether the columns give a point back as it is."""
    in_bounds = 0 <= point.hedge.n < 1 << 32 and 0 <= point.revision < 1 << 16 and 1 <= point.definition < 128
    return in_bounds and not point.provisional and point.reason == why(point.zscore, point.spread_std)


def all_fit(batch: PointColumns) -> bool:
    """Return whether the columns give the points of a batch back as they are."""
    low, high = batch.marks.min(axis=1).tolist(), batch.marks.max(axis=1).tolist()
    return bool(min(low) >= 0 and high[0] < 1 << 32 and high[2] < 1 << 16)


_of_hedge = attrgetter(*OF_HEDGE)
_of_point = attrgetter(*OF_POINT)


def numbers_of(point: PairPoint) -> list[float]:
    """Return the values of NUMBERS of a point, NaN for None."""
    return [math.nan if value is None else value for value in (*_of_hedge(point.hedge), *_of_point(point))]
