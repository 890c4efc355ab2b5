"""Makes points from rows.

At bar t the hedge is fitted over the closes of the last W bars. spread(t) = y(t) - beta(t) * x(t); alpha(t) is subtracted too if the spread
is the residual. The z-score scores y(t) and x(t) on the gauge, made of the closes of the last Z bars, all priced with beta(t), or on the
gauge of the bar before. corr is Pearson's correlation of the last W closes, corr_returns that of the returns between them. A point exists
once the hedge does.
"""

import hashlib
from collections import deque

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

Scored = tuple[float, float | None, str | None, float | None, float | None]
"""The values of spread, zscore, reason, spread_mean and spread_std."""


class PointMaker:
    """The state of one pair on one timeframe. It depends on the last `memory` rows and on what a recursive regression carries over."""

    def __init__(self, spec: PairSpec, guards: Guards, jobs: JobRunner) -> None:
        self._spec = spec
        self._steps = Steps(spec.regression)
        self._guard = guards(spec.regression, spec.pair)
        self._jobs = jobs
        self._rows: deque[Row] = deque(maxlen=spec.bars_needed)
        self._covered = 0
        self._gauges = Gauges(spec, self._steps.sums)
        self._returns = Returns(spec.regression.window, log=spec.log)
        self._residual = spec.spread == "residual"
        self._mark = _mark(spec.regression)
        self._refused = False

    def state(self) -> bytes | None:
        """Return what the regression carries over from the last row, for `resume`; None if it carries over nothing."""
        carried = self._guard.call(answers.packed, self._steps.regression.state)
        return None if carried is None else self._mark + carried

    def resume(self, state: bytes) -> None:
        """Resume the regression from a state, unless the state is of another regression, other settings or another version. If the
        regression cannot resume, it starts afresh and no further state is tried."""
        if self._refused or not state.startswith(self._mark):
            return
        if not self._guard.call(self._resumed, state[len(self._mark) :]):
            self._steps.regression = msgspec.structs.replace(self._spec.regression)
            self._refused = True

    def step(self, row: Row, *, measure: bool = True) -> PairPoint | None:
        """Return the point at this bar; None while there is no hedge. Without `measure` the jobs do not run."""
        if len(self._rows) == self._rows.maxlen:
            self._covered -= self._rows[0].covered
        self._rows.append(row)
        self._covered += row.covered
        self._steps.push(row.index, row.y, row.x)
        self._gauges.push(row)
        self._returns.push(row.index, row.y, row.x)
        hedge = self._guard.call(self._hedge)
        if hedge is None:
            self._gauges.clear()
        point = None if hedge is None else self._point(row, hedge)
        return self._jobs.run(row, point, measure=measure)

    def nowcast(self, last: PairPoint, ts: int, y: float, x: float) -> PairPoint:
        """Return the point at prices between closes, with the hedge and gauge of the last closed bar."""
        spread, zscore, reason, mean, std = self._scored(last.hedge, self._gauges.now, y, x)
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

    def _point(self, row: Row, hedge: Hedge) -> PairPoint:
        spread, zscore, reason, mean, std = self._scored(hedge, self._gauges.of(row, hedge), row.y, row.x)
        return PairPoint(
            pair=self._spec.pair,
            every=self._spec.every,
            ts=row.ts,
            y=row.y,
            x=row.x,
            hedge=hedge,
            spread=spread,
            zscore=zscore,
            corr=pearson(self._steps.sums),
            coverage=self._covered / (2 * len(self._rows)),
            quality=worse(row.y_quality, row.x_quality),
            reason=reason,
            spread_mean=mean,
            spread_std=std,
            corr_returns=self._returns.corr,
            definition=DEFINITION,
        )

    def _scored(self, hedge: Hedge, gauge: Gauge | None, y: float, x: float) -> Scored:
        """Return the fields of a point that describe the spread at these prices."""
        spread = y - hedge.beta * x - (hedge.alpha if self._residual else 0.0)
        if gauge is None:
            return spread, None, "warming", None, None
        off, std = gauge.off(y, x), gauge.std
        return (spread, off / std, None, spread - off, std) if std else (spread, None, "flat", spread - off, 0.0)

    def _resumed(self, state: bytes) -> bool:
        self._steps.regression.resume(state)
        return True

    def _hedge(self) -> Hedge | None:
        """Return the regression's hedge at the last row. Raises WrongAnswer."""
        return answers.hedge(self._steps.asked, self._steps.hedge())


def _mark(regression: Regression) -> bytes:
    """Return a mark that distinguishes states of this regression, its version and its settings from others."""
    cls = type(regression)
    named = f"{cls.__module__}.{cls.__qualname__} {DEFINITION}.{cls.state_version} ".encode() + msgspec.json.encode(regression)
    return hashlib.blake2b(named, digest_size=8).digest()
