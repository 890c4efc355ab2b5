"""Rows in, points out.

At bar t the hedge is fitted over the closes of the last W bars; spread(t) = y(t) - beta(t) * x(t), less alpha(t) if it is the residual;
the z-score is that of spread(t) among the last Z spreads, each with its own hedge, or that of y(t) against what the regression had
predicted; corr is Pearson's over the last W bars. A point exists once the hedge does.
"""

import hashlib
import math
from collections import deque

import msgspec

from quantd.flow.pairs.jobs import Guards, Measures
from quantd.flow.pairs.spec import PairSpec, Row
from quantd.model import Hedge, PairPoint, Quality
from quantd.plugin.regression import Regression, Steps
from quantd.stats.regression import pearson
from quantd.stats.zscore import score, scores

_FROM_GOOD_TO_BAD: tuple[Quality, ...] = ("complete", "imported", "partial", "forming", "gap")


class Chain:
    """The state of one pair on one timeframe: a function of the last `memory` rows, and of what a recursive regression carries over."""

    def __init__(self, spec: PairSpec, guards: Guards, measures: Measures) -> None:
        self._spec = spec
        self._steps = Steps(spec.regression)
        self._guard = guards(spec.regression, spec.pair)
        self._measures = measures
        self._rows: deque[Row] = deque(maxlen=spec.regression.window)
        self._covered = 0
        self._spreads = scores("rolling" if spec.zscore == "innovation" else spec.zscore, spec.zscore_window, spec.halflife)
        self._level: tuple[float, float] | None = None
        self._residual = spec.spread == "residual"
        self._mark = _mark(spec.regression)

    def state(self) -> bytes | None:
        """What the regression carries over from the last row, for `resume`; None where it carries nothing."""
        carried = self._guard.call(self._steps.regression.state)
        return None if carried is None else self._mark + carried

    def resume(self, state: bytes) -> None:
        """Have the regression go on from a state, unless another regression, or one with other settings, left it."""
        if state.startswith(self._mark):
            self._guard.call(self._steps.regression.resume, state[len(self._mark) :])

    def step(self, row: Row, *, measure: bool = True) -> PairPoint | None:
        """The point at this bar, None while there is no hedge. Without `measure` the jobs do not run."""
        if len(self._rows) == self._rows.maxlen:
            self._covered -= self._rows[0].covered
        self._rows.append(row)
        self._covered += row.covered
        self._steps.push(row.index, row.y, row.x)
        hedge = self._guard.call(self._hedge)
        if hedge is None:
            self._spreads.clear()
            self._measures.clear()
            return None
        return self._measures.take(self._point(row, hedge), measure=measure)

    def nowcast(self, last: PairPoint, ts: int, y: float, x: float) -> PairPoint:
        """The point at prices between closes: the hedge, the middle and the spread of the z-score stay those of the last closed bar."""
        hedge = last.hedge
        spread = self._spread(hedge, y, x)
        predicted = msgspec.structs.replace(hedge, innovation=y - hedge.alpha - hedge.beta * x)
        zscore, reason = self._zscore(predicted, spread, y)
        return msgspec.structs.replace(
            last, ts=ts, y=y, x=x, spread=spread, zscore=zscore, reason=reason, quality="forming", revision=0, provisional=True, state=None
        )

    def _point(self, row: Row, hedge: Hedge) -> PairPoint:
        spread = self._spread(hedge, row.y, row.x)
        self._spreads.push(row.index, spread)
        self._level = self._spreads.level if self._spreads.full else None
        zscore, reason = self._zscore(hedge, spread, row.y)
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
            quality=row.y_quality if row.y_quality == row.x_quality else max(row.y_quality, row.x_quality, key=_FROM_GOOD_TO_BAD.index),
            reason=reason,
        )

    def _spread(self, hedge: Hedge, y: float, x: float) -> float:
        spread = y - hedge.beta * x
        return spread - hedge.alpha if self._residual else spread

    def _zscore(self, hedge: Hedge, spread: float, price: float) -> tuple[float | None, str | None]:
        if self._spec.zscore == "innovation":
            if hedge.innovation is None or hedge.innovation_std is None:
                return None, "warming"
            zscore = score(hedge.innovation, 0.0, hedge.innovation_std, price)
        elif self._level is None:
            return None, "warming"
        else:
            zscore = score(spread, *self._level, price)
        return zscore, "flat" if zscore is None else None

    def _hedge(self) -> Hedge | None:
        """What the regression answers of the last row, if every number is finite. Raises ValueError."""
        hedge = self._steps.hedge()
        if hedge is None:
            return None
        numbers = (hedge.alpha, hedge.beta, hedge.stderr or 0.0, hedge.r2 or 0.0, hedge.innovation or 0.0, hedge.innovation_std or 0.0)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"answered {hedge}, which is not finite: return None where there is no answer")
        return hedge


def _mark(regression: Regression) -> bytes:
    """Tells states of other regressions, and of other settings, from ours."""
    named = f"{type(regression).__module__}.{type(regression).__qualname__}".encode() + msgspec.json.encode(regression)
    return hashlib.blake2b(named, digest_size=8).digest()
