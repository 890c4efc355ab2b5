"""What the z-score of a pair is measured with, bar after bar."""

from collections.abc import Callable

from quantd.flow.pairs.spec import PairSpec, Row
from quantd.model import Hedge
from quantd.stats.rolling import Moments, Window, flat
from quantd.stats.zscore import Gauge, of_closes, of_spreads

Make = Callable[[Row, Hedge], Gauge | None]


class Gauges:
    """The gauges of one pair, made of the closes that `sums` keep for the regression, or of a window of their own."""

    def __init__(self, spec: PairSpec, sums: Moments) -> None:
        zscore, window = spec.zscore, spec.zscore_window
        self.now: Gauge | None = None
        """As of the last bar: prices between closes are scored with it."""
        self._residual = spec.spread == "residual"
        self._before = zscore.against == "before"
        self._closes = sums if window == spec.regression.window else Moments(window)
        self._own = self._closes is not sums
        self._spreads = Window(window)
        self._make: Make = self._of_closes
        if zscore.method == "rolling":
            self._make = self._of_spreads
        elif zscore.method == "innovation":
            self._make = _of_prediction
        else:
            self._gauge = of_closes(zscore.method, window, zscore.halflife, log=spec.log)

    def push(self, row: Row) -> None:
        """Take the closes of a bar."""
        if self._own:
            self._closes.push(row.index, row.y, row.x)

    def clear(self) -> None:
        """There is no hedge as of the last bar."""
        self._spreads.clear()
        self.now = None

    def of(self, row: Row, hedge: Hedge) -> Gauge | None:
        """What the last bar is scored with, whose hedge is this; None while there are too few bars for it."""
        before, self.now = self.now, self._make(row, hedge)
        if self._make is _of_prediction:
            return None if self.now is None else _as_predicted(row, hedge, self.now)
        return before if self._before else self.now

    def _of_closes(self, row: Row, hedge: Hedge) -> Gauge | None:
        return self._gauge(self._closes, hedge.beta) if self._closes.full else None

    def _of_spreads(self, row: Row, hedge: Hedge) -> Gauge | None:
        spread = row.y - hedge.beta * row.x
        self._spreads.push(row.index, spread - hedge.alpha if self._residual else spread)
        return of_spreads(self._spreads, hedge, row.y, residual=self._residual) if self._spreads.full else None


def _of_prediction(row: Row, hedge: Hedge) -> Gauge | None:
    """What the regression says of the next prices: the line, and the standard deviation that it gave its last error."""
    std = hedge.innovation_std
    return None if std is None else Gauge(hedge.beta, hedge.alpha, 0.0, 0.0 if flat(std, row.y) else std)


def _as_predicted(row: Row, hedge: Hedge, gauge: Gauge) -> Gauge | None:
    """What it had said of this bar."""
    return None if hedge.innovation is None else Gauge(hedge.beta, row.y - hedge.innovation, row.x, gauge.std)
