"""Stage 3: the bars of two legs become points: hedge ratio, spread, z-score, correlation, and what the pair's jobs compute.

At bar t the hedge is fitted over the closes of the last W bars; spread(t) = y(t) - beta(t) * x(t); the z-score is that of spread(t)
among the last Z spreads (ddof 1), each with its own beta; corr is Pearson's over the last W bars. A point exists once the hedge does.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from quantd.model import Bar, Hedge, PairPoint, Quality
from quantd.plugin.base import PairJob, PairView, Plugin, Regression
from quantd.plugin.guard import Guard
from quantd.stats.regression import pearson
from quantd.stats.ring import Ring
from quantd.stats.rolling import Moments, Window, flat
from quantd.timeframes import timeframe

Guards = Callable[[Plugin, str], Guard]
COLUMNS = ("ts", "y", "x", "alpha", "beta", "spread", "zscore", "corr")
_COVERED = frozenset({"complete", "imported"})
_FROM_GOOD_TO_BAD: tuple[Quality, ...] = ("complete", "imported", "partial", "forming", "gap")


class PairSpec(Struct, frozen=True):
    """How one pair is processed on one timeframe."""

    pair: str
    every: str
    regression: Regression
    zscore_window: int
    jobs: tuple[PairJob, ...] = ()

    @property
    def points_read(self) -> int:
        """How many points a job reads at most."""
        return max((job.needs(self.regression.window) for job in self.jobs), default=1)

    @property
    def memory(self) -> int:
        """How many bars a point depends on at most, to the last bit."""
        return 2 * self.regression.window + max(2 * self.zscore_window, self.points_read)


class Row(Struct, frozen=True, gc=False):
    """One bar of both legs: the prices as the regression sees them."""

    ts: int
    index: int
    y: float
    x: float
    y_quality: Quality
    x_quality: Quality

    @property
    def covered(self) -> int:
        """How many of the two bars hold every trade of their bucket."""
        return (self.y_quality in _COVERED) + (self.x_quality in _COVERED)


class Chain:
    """Rows in, points out: the state of one pair on one timeframe, a function of the last `memory` rows alone."""

    def __init__(self, spec: PairSpec, guards: Guards) -> None:
        self._spec = spec
        self._regression = msgspec.structs.replace(spec.regression)
        self._hedge = self._update if type(spec.regression).update is not Regression.update else self._fit
        self._guard = guards(spec.regression, spec.pair)
        self._jobs = [(job, guards(job, spec.pair)) for job in spec.jobs]
        self._rows: deque[Row] = deque(maxlen=spec.regression.window)
        self._covered = 0
        self._prices = Moments(spec.regression.window)
        self._spreads = Window(spec.zscore_window)
        self._points = Ring(len(COLUMNS), spec.points_read)

    def step(self, row: Row, *, measure: bool = True) -> PairPoint | None:
        """The point at this bar, None while there is no hedge. Without `measure` the jobs do not run."""
        if len(self._rows) == self._rows.maxlen:
            self._covered -= self._rows[0].covered
        self._rows.append(row)
        self._covered += row.covered
        self._prices.push(row.index, row.y, row.x)
        hedge = self._guard.call(self._hedge, row)
        if hedge is None:
            self._spreads.clear()
            self._points.clear()
            return None
        point = self._point(row, hedge)
        return self._measured(point, measure=measure) if self._jobs else point

    def nowcast(self, last: PairPoint, ts: int, y: float, x: float) -> PairPoint:
        """The point at prices between closes: beta, mean and sigma stay those of the last closed bar."""
        spread = y - last.hedge.beta * x
        zscore, reason = self._zscore(spread, y)
        return msgspec.structs.replace(
            last, ts=ts, y=y, x=x, spread=spread, zscore=zscore, reason=reason, quality="forming", revision=0, provisional=True
        )

    def _point(self, row: Row, hedge: Hedge) -> PairPoint:
        prices = self._prices
        spread = row.y - hedge.beta * row.x
        self._spreads.push(row.index, spread)
        zscore, reason = self._zscore(spread, row.y)
        return PairPoint(
            pair=self._spec.pair,
            every=self._spec.every,
            ts=row.ts,
            y=row.y,
            x=row.x,
            hedge=hedge,
            spread=spread,
            zscore=zscore,
            corr=pearson(prices.n, prices.mean_y, prices.mean_x, prices.syy, prices.sxx, prices.sxy),
            coverage=self._covered / (2 * len(self._rows)),
            quality=max(row.y_quality, row.x_quality, key=_FROM_GOOD_TO_BAD.index),
            reason=reason,
        )

    def _zscore(self, spread: float, price: float) -> tuple[float | None, str | None]:
        if not self._spreads.full:
            return None, "warming"
        std = self._spreads.std
        if std is None or flat(std, price):
            return None, "flat"
        return (spread - self._spreads.mean) / std, None

    def _update(self, row: Row) -> Hedge | None:
        return _usable(self._regression.update(row.index, row.y, row.x))

    def _fit(self, row: Row) -> Hedge | None:
        if len(self._rows) < self._spec.regression.window:
            return None
        y, x = np.array([(each.y, each.x) for each in self._rows]).T.copy()
        return _usable(self._regression.fit(y, x))

    def _measured(self, point: PairPoint, *, measure: bool) -> PairPoint:
        """The point with its jobs' metrics."""
        numbers = (point.y, point.x, point.hedge.alpha, point.hedge.beta, point.spread, point.zscore, point.corr)
        self._points.append((point.ts, *(math.nan if number is None else number for number in numbers)))
        if not measure:
            return point
        metrics: dict[str, float | None] = {}
        for job, guard in self._jobs:
            metrics |= dict.fromkeys(job.metrics)
            metrics |= guard.call(self._run, job, point.ts) or {}
        return msgspec.structs.replace(point, metrics=metrics)

    def _run(self, job: PairJob, ts: int) -> Mapping[str, float | None]:
        table = self._points.last(job.needs(self._spec.regression.window))
        columns = dict(zip(COLUMNS, table, strict=True)) | {"ts": table[0].astype(np.int64)}
        return _declared(job, job.run(PairView(self._spec.pair, self._spec.every, ts, self._spec.regression.window, columns)))


def _usable(hedge: Hedge | None) -> Hedge | None:
    """What a regression answered, if every number is finite. Raises ValueError."""
    if hedge is None:
        return None
    numbers = (hedge.alpha, hedge.beta, hedge.stderr or 0.0, hedge.r2 or 0.0)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"answered {hedge}, which is not finite: return None where there is no answer")
    return hedge


def _declared(job: PairJob, metrics: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """What a job answered, if it is what it declares and finite. Raises ValueError."""
    if set(metrics) - set(job.metrics) or not all(value is None or math.isfinite(value) for value in metrics.values()):
        raise ValueError(f"answered {metrics!r}, but declares {job.metrics}, each a finite number or None")
    return metrics


class PairSeries:
    """One pair on one timeframe, fed with the bars of its legs; re-issued bars re-issue the points that they touch."""

    def __init__(self, spec: PairSpec, guards: Guards, reopen: int) -> None:
        self.spec = spec
        self.last: PairPoint | None = None
        self.points_made = 0
        self._guards = guards
        self._frame = timeframe(spec.every)
        self._price: Callable[[float], float] = math.log if spec.regression.prices == "log" else float
        self._keep = spec.memory + self._frame.index(self._frame.floor(reopen)) + 2
        self._waiting: tuple[dict[int, Bar], dict[int, Bar]] = ({}, {})
        self._rows: dict[int, Row] = {}
        self._head = -1
        self._revision: dict[int, int] = {}
        self._chain = Chain(spec, guards)

    def add(self, y_bars: Iterable[Bar], x_bars: Iterable[Bar]) -> list[PairPoint]:
        """Points of the bars that both legs have now, oldest first: those that changed, then the new ones."""
        changed = self._mend(0, y_bars) | self._mend(1, x_bars)
        fresh = []
        for ts in sorted(self._waiting[0].keys() & self._waiting[1].keys()):
            self._rows[ts] = self._row(self._waiting[0].pop(ts), self._waiting[1].pop(ts))
            if ts > self._head:
                fresh.append(ts)
            else:
                changed.add(ts)
        points = self._again(changed) if changed else []
        for ts in fresh:
            points += self._issued(self._chain.step(self._rows[ts]))
            self._head = ts
        self._forget()
        return points

    def nowcast(self, ts: int, y: float, x: float) -> PairPoint | None:
        """The point at the legs' last prices; None before the first point."""
        if self.last is None:
            return None
        return self._chain.nowcast(self.last, ts, self._price(y), self._price(x))

    def _mend(self, leg: int, bars: Iterable[Bar]) -> set[int]:
        """Put re-issued bars into their rows and let the others wait for the other leg; the rows that changed."""
        changed = set()
        for bar in bars:
            row = self._rows.get(bar.ts)
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
        self._chain = Chain(self.spec, self._guards)
        points = []
        for number, row in enumerate(rows[begin:], begin):
            touched = numbers[0] <= number <= reach
            point = self._chain.step(row, measure=touched)
            if touched:
                points += self._issued(point)
        return points

    def _issued(self, point: PairPoint | None) -> list[PairPoint]:
        """The point under its next revision."""
        if point is None:
            return []
        revision = self._revision[point.ts] = self._revision.get(point.ts, -1) + 1
        self.points_made += not revision
        numbered = msgspec.structs.replace(point, revision=revision) if revision else point
        if self.last is None or numbered.ts >= self.last.ts:
            self.last = numbered
        return [numbered]

    def _forget(self) -> None:
        """Drop rows that no later bar can touch, and bars that the other leg will never match."""
        for table in (self._rows, self._revision, *self._waiting):
            while len(table) > self._keep:
                del table[next(iter(table))]


def analyse(y_bars: Sequence[Bar], x_bars: Sequence[Bar], spec: PairSpec, guards: Guards) -> list[PairPoint]:
    """The points of these bars, as a live pair of the same spec would make them. A symbol with itself is perfectly hedged by definition:
    beta 1, spread 0, z-score 0, corr 1."""
    points = PairSeries(spec, guards, reopen=0).add(y_bars, x_bars)
    if y_bars and x_bars and y_bars[0].symbol == x_bars[0].symbol:
        hedge = Hedge(alpha=0.0, beta=1.0, n=spec.regression.window, stderr=0.0, r2=1.0)
        return [
            msgspec.structs.replace(point, hedge=hedge, spread=0.0, zscore=0.0, corr=1.0, reason=None)
            for point in points[spec.zscore_window - 1 :]
        ]
    return points
