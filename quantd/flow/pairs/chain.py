"""Rows in, points out.

At bar t the hedge is fitted over the closes of the last W bars; spread(t) = y(t) - beta(t) * x(t), less alpha(t) if it is the residual;
the z-score is that of y(t) and x(t) on the gauge of the closes of the last Z bars, all priced with beta(t), or with the gauge of the bar
before; corr is Pearson's over the last W closes, corr_returns that of the returns between them. A point exists once the hedge does.
"""

import hashlib
from collections import deque

import msgspec

from quantd.flow.pairs.gauges import Gauges
from quantd.flow.pairs.jobs import Guards, Measures
from quantd.flow.pairs.returns import Returns
from quantd.flow.pairs.spec import PairSpec, Row, worse
from quantd.model import DEFINITION, Hedge, PairPoint
from quantd.plugin import answers
from quantd.plugin.regression import Regression, Steps
from quantd.stats.regression import pearson
from quantd.stats.zscore import Gauge

Scored = tuple[float, float | None, str | None, float | None, float | None]
"""spread, zscore, reason, spread_mean and spread_std."""


class Chain:
    """The state of one pair on one timeframe: a function of the last `memory` rows, and of what a recursive regression carries over."""

    def __init__(self, spec: PairSpec, guards: Guards, measures: Measures) -> None:
        self._spec = spec
        self._steps = Steps(spec.regression)
        self._guard = guards(spec.regression, spec.pair)
        self._measures = measures
        self._rows: deque[Row] = deque(maxlen=spec.bars_needed)
        self._covered = 0
        self._gauges = Gauges(spec, self._steps.sums)
        self._returns = Returns(spec.regression.window, log=spec.log)
        self._residual = spec.spread == "residual"
        self._mark = _mark(spec.regression)
        self._refused = False

    def state(self) -> bytes | None:
        """What the regression carries over from the last row, for `resume`; None where it carries nothing."""
        carried = self._guard.call(answers.packed, self._steps.regression.state)
        return None if carried is None else self._mark + carried

    def resume(self, state: bytes) -> None:
        """Have the regression go on from a state, unless another regression left it, or one with other settings or of another version.
        One that cannot begins anew, and is not tried with further states."""
        if self._refused or not state.startswith(self._mark):
            return
        if not self._guard.call(self._resumed, state[len(self._mark) :]):
            self._steps.regression = msgspec.structs.replace(self._spec.regression)
            self._refused = True

    def step(self, row: Row, *, measure: bool = True) -> PairPoint | None:
        """The point at this bar, None while there is no hedge. Without `measure` the jobs do not run."""
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
        return self._measures.take(row, point, measure=measure)

    def nowcast(self, last: PairPoint, ts: int, y: float, x: float) -> PairPoint:
        """The point at prices between closes: the hedge and the gauge stay those of the last closed bar."""
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
        """The fields of a point that tell of the spread at these prices."""
        spread = y - hedge.beta * x - (hedge.alpha if self._residual else 0.0)
        if gauge is None:
            return spread, None, "warming", None, None
        off, std = gauge.off(y, x), gauge.std
        return (spread, off / std, None, spread - off, std) if std else (spread, None, "flat", spread - off, 0.0)

    def _resumed(self, state: bytes) -> bool:
        self._steps.regression.resume(state)
        return True

    def _hedge(self) -> Hedge | None:
        """What the regression answers of the last row. Raises WrongAnswer."""
        return answers.hedge(self._steps.asked, self._steps.hedge())


def _mark(regression: Regression) -> bytes:
    """Tells states of other regressions, of other versions and of other settings, from ours."""
    cls = type(regression)
    named = f"{cls.__module__}.{cls.__qualname__} {DEFINITION}.{cls.state_version} ".encode() + msgspec.json.encode(regression)
    return hashlib.blake2b(named, digest_size=8).digest()
