"""Makes points from rows.

At bar t the hedge is fitted over the closes of the last W bars. spread(t) = y(t) - beta(t) * x(t); alpha(t) is subtracted too if the spread
is the residual. The z-score scores y(t) and x(t) on the gauge, made of the closes of the last Z bars, all priced with beta(t), or on the
gauge of the bar before. corr is Pearson's correlation of the last W closes, corr_returns that of the returns between them. A point exists
once the hedge does.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVarTuple

import msgspec

from quantd.flow.pairs.gauges import Gauges
from quantd.flow.pairs.jobs import Guards, JobRunner
from quantd.flow.pairs.returns import Returns
from quantd.flow.pairs.spec import PairSpec, Row, worse
from quantd.model import DEFINITION, Hedge, PairPoint
from quantd.plugin import answers
from quantd.plugin.regression import Regression, Steps
from quantd.stats.regression import pearson
from quantd.stats.zscore import Gauge

Args = TypeVarTuple("Args")
Scored = tuple[float, float | None, str | None, float | None, float | None]
"""The values of spread, zscore, reason, spread_mean and spread_std."""


class PointMaker:
    """The state of one pair on one timeframe. It depends on the last `memory` rows and on what a recursive regression carries over."""

    def __init__(self, spec: PairSpec, guards: Guards, jobs: JobRunner) -> None:
        self._spec = spec
        self.steps = Steps(spec.regression, spec.offset)
        self.guard = guards(spec.regression, spec.pair)
        self.jobs = jobs
        self.rows: deque[Row] = deque(maxlen=spec.bars_needed)
        self.covered = 0
        self.gauges = Gauges(spec, self.steps.sums)
        self.returns = Returns(spec.regression.window, spec.offset, log=spec.log)
        self.mark = _mark(spec.regression)
        self._refused = False

    def state(self) -> bytes | None:
        """Return what the regression carries over from the last row, for `resume`; None if it carries over nothing."""
        carried = self.guard.call(answers.packed, self.steps.regression.state)
        return None if carried is None else self.mark + carried

    def resume(self, state: bytes) -> None:
        """Resume the regression from a state, unless the state is of another regression, other settings or another version. If the
        regression cannot resume, it starts afresh and no further state is tried."""
        if self._refused or not state.startswith(self.mark):
            return
        if not self.guard.call(self._resumed, state[len(self.mark) :]):
            self.steps.regression = msgspec.structs.replace(self._spec.regression)
            self._refused = True

    def step(self, row: Row, *, measure: bool = True) -> PairPoint | None:
        """Return the point at this bar; None while there is no hedge. Without `measure` the jobs do not run."""
        if len(self.rows) == self.rows.maxlen:
            self.covered -= self.rows[0].covered
        self.rows.append(row)
        self.covered += row.covered
        self.steps.push(row.index, row.y, row.x)
        self.gauges.push(row)
        self.returns.push(row.index, row.y, row.x)
        hedge = self.guard.call(self._hedge)
        if hedge is None:
            self.gauges.clear()
        point = None if hedge is None else self._point(row, hedge)
        return self.jobs.run(row.ts, row.y, row.x, point, measure=measure)

    @property
    def is_full(self) -> bool:
        """Whether all its windows are full."""
        own = self.gauges.own
        full = self.steps.sums.full and self.returns.full and (own is None or own.full)
        return full and len(self.rows) == self.rows.maxlen

    def rest(self) -> None:
        """Free the memory of the windows: the state has been taken elsewhere, and comes back before the next row."""
        self.rows.clear()
        for window in (self.steps.sums, self.returns.sums, self.gauges.own):
            if window is not None:
                window.clear()

    def continue_from(self, rows: Sequence[Row]) -> None:
        """Continue after these rows, as far as the last rows are read."""
        self.rows.clear()
        self.rows.extend(rows)

    def _point(self, row: Row, hedge: Hedge) -> PairPoint:
        spread, zscore, reason, mean, std = scored(self._spec, hedge, self.gauges.of(row, hedge), row.y, row.x)
        return PairPoint(
            pair=self._spec.pair,
            every=self._spec.every,
            ts=row.ts,
            y=row.y,
            x=row.x,
            hedge=hedge,
            spread=spread,
            zscore=zscore,
            corr=pearson(self.steps.sums),
            coverage=self.covered / (2 * len(self.rows)),
            quality=worse(row.y_quality, row.x_quality),
            reason=reason,
            spread_mean=mean,
            spread_std=std,
            corr_returns=self.returns.corr,
            definition=DEFINITION,
        )

    @property
    def regression(self) -> Regression:
        """The regression that the bars go through."""
        return self.steps.regression

    def go_on_with(self, regression: Regression) -> None:
        """Continue with a regression that has taken the same bars elsewhere."""
        self.steps.regression = regression

    def asked(self, method: Callable[[*Args], Hedge | None], *args: *Args) -> Hedge | None:
        """Return the hedge that a method of the regression returns; None if it fails."""
        return self.guard.call(_hedge, method, args)

    def _resumed(self, state: bytes) -> bool:
        self.steps.regression.resume(state)
        return True

    def _hedge(self) -> Hedge | None:
        """Return the regression's hedge at the last row. Raises WrongAnswer."""
        return answers.hedge(self.steps.asked, self.steps.hedge())


def _hedge(method: Callable[..., Hedge | None], args: tuple[object, ...]) -> Hedge | None:
    return answers.hedge(method, method(*args))


def nowcast(spec: PairSpec, last: PairPoint, gauge: Gauge | None, ts: int, y: float, x: float) -> PairPoint:
    """Return the point at prices between closes, with the hedge and gauge of the last closed bar."""
    spread, zscore, reason, mean, std = scored(spec, last.hedge, gauge, y, x)
    return PairPoint(
        pair=last.pair,
        every=last.every,
        ts=ts,
        y=y,
        x=x,
        hedge=last.hedge,
        spread=spread,
        zscore=zscore,
        corr=last.corr,
        coverage=last.coverage,
        quality="forming",
        provisional=True,
        reason=reason,
        spread_mean=mean,
        spread_std=std,
        corr_returns=last.corr_returns,
        metrics=last.metrics,
        definition=DEFINITION,
    )


def scored(spec: PairSpec, hedge: Hedge, gauge: Gauge | None, y: float, x: float) -> Scored:
    """Return the fields of a point that describe the spread at these prices."""
    spread = y - hedge.beta * x - (hedge.alpha if spec.spread == "residual" else 0.0)
    if gauge is None:
        return spread, None, "warming", None, None
    off, std = gauge.off(y, x), gauge.std
    return (spread, off / std, None, spread - off, std) if std else (spread, None, "flat", spread - off, 0.0)


def _mark(regression: Regression) -> bytes:
    """Return a mark that distinguishes states of this regression, its version and its settings from others."""
    cls = type(regression)
    named = f"{cls.__module__}.{cls.__qualname__} {DEFINITION}.{cls.state_version} ".encode() + msgspec.json.encode(regression)
    return hashlib.blake2b(named, digest_size=8).digest()
