"""The gauges of a pair at each bar: the scale that its z-score is measured on."""

from typing import Protocol

from quantd.flow.pairs.spec import PairSpec, Row
from quantd.model import Hedge
from quantd.stats.rolling import Moments, Window
from quantd.stats.zscore import BETA_ERROR, Gauge, of_closes, of_spreads, rounding


class Method(Protocol):
    """A way to make gauges. `own` is the window that it keeps itself."""

    @property
    def own(self) -> Moments | Window | None: ...

    def push(self, row: Row) -> None:
        """Add the closes of a bar."""

    def clear(self) -> None:
        """Note that the last bar has no hedge."""

    def of(self, row: Row, hedge: Hedge) -> Gauge | None:
        """Return the gauge at the last bar, given the bar's hedge; None while there are too few bars."""


class Gauges:
    """The gauges of one pair. They are made from the closes that `sums` keeps for the regression, or from what a method keeps itself."""

    def __init__(self, spec: PairSpec, sums: Moments) -> None:
        self.now: Gauge | None = None
        """The gauge at the last bar, on which prices between closes are scored."""
        self._before = spec.zscore.against == "before"
        self._predicts = spec.zscore.method == "innovation"
        self._method = _method(spec, sums)
        self.own = self._method.own
        """The window that the gauges keep themselves; None if there is none."""
        self.push = self._method.push

    def clear(self) -> None:
        """Note that the last bar has no hedge."""
        self._method.clear()
        self.now = None

    def of(self, row: Row, hedge: Hedge) -> Gauge | None:
        """Return the gauge that scores the last bar, given the bar's hedge; None while there are too few bars."""
        before, self.now = self.now, self._method.of(row, hedge)
        if self._predicts:
            return None if self.now is None else _as_predicted(row, hedge, self.now)
        return before if self._before else self.now


def _method(spec: PairSpec, sums: Moments) -> Method:
    if spec.zscore.method == "rolling":
        return _Spreads(spec)
    if spec.zscore.method == "innovation":
        return _Predictions(spec)
    return _Closes(spec, sums)


class _Closes:
    """Makes gauges from closes that are all priced with the last hedge ratio."""

    def __init__(self, spec: PairSpec, sums: Moments) -> None:
        self.own = Moments(spec.zscore_window, spec.offset) if spec.zscore_window != spec.regression.window else None
        self._closes = self.own or sums
        self._gauge = of_closes(spec.zscore.method, spec.zscore_window, spec.zscore.halflife, log=spec.log)

    def push(self, row: Row) -> None:
        if self.own:
            self.own.push(row.index, row.y, row.x)

    def clear(self) -> None:
        """Do nothing: closes do not depend on the hedge."""

    def of(self, row: Row, hedge: Hedge) -> Gauge | None:
        return self._gauge(self._closes, hedge.beta) if self._closes.full else None


class _Spreads:
    """Makes gauges from spreads that are each priced with the hedge of their own bar."""

    def __init__(self, spec: PairSpec) -> None:
        self.own = self._spreads = Window(spec.zscore_window, spec.offset)
        self._residual = spec.spread == "residual"
        self._log = spec.log
        self.clear = self._spreads.clear

    def push(self, row: Row) -> None:
        """Do nothing: the spread is known only once the hedge is."""

    def of(self, row: Row, hedge: Hedge) -> Gauge | None:
        spread = row.y - hedge.beta * row.x
        self._spreads.push(row.index, spread - hedge.alpha if self._residual else spread)
        if not self._spreads.full:
            return None
        least = max(rounding(row.y, row.x, hedge.beta, log=self._log), BETA_ERROR * abs(hedge.beta * row.x))
        return of_spreads(self._spreads, hedge, least, residual=self._residual)


class _Predictions:
    """Makes gauges from the regression's prediction of the next prices and the standard deviation that it gave its last error."""

    own = None

    def __init__(self, spec: PairSpec) -> None:
        self._log = spec.log

    def push(self, row: Row) -> None:
        """Do nothing: the regression keeps the closes."""

    def clear(self) -> None:
        """Do nothing: no prediction is kept."""

    def of(self, row: Row, hedge: Hedge) -> Gauge | None:
        std = hedge.innovation_std
        if std is None:
            return None
        return Gauge(hedge.beta, hedge.alpha, 0.0, std if std > rounding(row.y, row.x, hedge.beta, log=self._log) else 0.0)


def _as_predicted(row: Row, hedge: Hedge, gauge: Gauge) -> Gauge | None:
    """Return the gauge of the regression's prediction of this bar."""
    return None if hedge.innovation is None else Gauge(hedge.beta, row.y - hedge.innovation, row.x, gauge.std)
