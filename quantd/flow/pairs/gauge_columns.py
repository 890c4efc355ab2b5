"""`Gauges` of many pairs with the same settings, as columns."""

import numpy as np

from quantd.flow.pairs.gauges import Gauges
from quantd.flow.pairs.spec import PairSpec
from quantd.stats import FloatArray
from quantd.stats.columns import gauges
from quantd.stats.columns.gauges import GaugeColumns
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import MomentsColumns, WindowColumns
from quantd.stats.rolling import Moments, Window
from quantd.stats.zscore import of_closes


class GaugesOfPairs:
    """The gauges of the pairs of a table, whose windows are full. They are made as in `Gauges`."""

    def __init__(self, spec: PairSpec, sums: MomentsColumns) -> None:
        self.now = gauges.gauge_columns([])
        """The gauges at the last bar."""
        self._spec = spec
        self._spreads = WindowColumns(spec.zscore_window) if spec.zscore.method == "rolling" else None
        separate = spec.zscore.method not in ("rolling", "innovation") and spec.zscore_window != spec.regression.window
        self._own = MomentsColumns(spec.zscore_window) if separate else None
        self._closes = self._own or sums
        self._before = spec.zscore.against == "before"
        method = "window" if spec.zscore.method in ("rolling", "innovation") else spec.zscore.method
        self._alone = of_closes(method, spec.zscore_window, spec.zscore.halflife, log=spec.log)

    def add(self, of: Gauges) -> None:
        """Append a pair."""
        if self._own is not None and isinstance(of.own, Moments):
            self._own.add(of.own)
        if self._spreads is not None and isinstance(of.own, Window):
            self._spreads.add(of.own)
        self.now = self.now.joined(of.now)

    def drop(self, p: int) -> None:
        """Remove a pair. Those after it move up by one."""
        for window in (self._own, self._spreads):
            if window is not None:
                window.drop(p)
        self.now = self.now.without(p)

    def fill(self, p: int, of: Gauges) -> None:
        """Let gauges continue as those of a pair."""
        if self._own is not None and isinstance(of.own, Moments):
            self._own.fill(p, of.own)
        if self._spreads is not None and isinstance(of.own, Window):
            self._spreads.fill(p, of.own)
        of.now = self.now.of(p)

    def push(self, index: int, y: FloatArray, x: FloatArray) -> None:
        """Add the closes of a bar."""
        if self._own is not None:
            self._own.push(index, y, x)

    def of(self, index: int, y: FloatArray, x: FloatArray, hedges: HedgeColumns) -> GaugeColumns:
        """Return the gauges that score a bar, given its hedges."""
        before, self.now = self.now, self._made(index, y, x, hedges)
        if self._spec.zscore.method == "innovation":
            return gauges.as_predicted(self.now, hedges, y, x)
        return before if self._before else self.now

    def _made(self, index: int, y: FloatArray, x: FloatArray, hedges: HedgeColumns) -> GaugeColumns:
        log, residual = self._spec.log, self._spec.spread == "residual"
        if self._spreads is not None:
            with np.errstate(all="ignore"):
                spread = y - hedges.beta * x
                self._spreads.push(index, spread - hedges.alpha if residual else spread)
            return gauges.of_spreads(self._spreads, hedges, y, x, log=log, residual=residual)
        if self._spec.zscore.method == "innovation":
            return gauges.of_predictions(hedges, y, x, log=log)
        if self._spec.zscore.method == "window":
            return gauges.of_sums(self._closes, hedges, self._alone, log=log)
        return gauges.of_each(self._closes, hedges, self._alone)
