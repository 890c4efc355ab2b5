"""`PointMaker`s of many pairs with the same settings, as columns: all points of a bar at once, with the bits of each pair alone."""

from collections.abc import Callable

import numpy as np

from quantd.columns.points import NUMBERS
from quantd.flow.pairs.gauge_columns import GaugesOfPairs
from quantd.flow.pairs.hedgers import hedger
from quantd.flow.pairs.point_maker import PointMaker
from quantd.flow.pairs.returns import ReturnsColumns
from quantd.flow.pairs.spec import PairSpec
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.columns import fits
from quantd.stats.columns.gauges import GaugeColumns
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import MomentsColumns, Rings, Table


class PointMakers:
    """The makers of a table's pairs, whose windows are all full. Each bar goes to all of them."""

    def __init__(self, spec: PairSpec, guard: Guard) -> None:
        self._residual = spec.spread == "residual"
        self._sums = MomentsColumns(spec.regression.window)
        self._hedger = hedger(spec.regression, self._sums, guard)
        self.gauges = GaugesOfPairs(spec, self._sums)
        self._returns = ReturnsColumns(spec.regression.window, log=spec.log)
        self._rows = spec.bars_needed
        self._whole = Rings(spec.bars_needed)
        """Number of whole bars of each row, 0 to 2."""
        self._covered = Table(1)
        parts = self._sums, self._hedger, self.gauges, self._returns, self._whole, self._covered
        self._drops: list[Callable[[int], None]] = [part.drop for part in parts]

    def add(self, maker: PointMaker) -> None:
        """Append a pair, which continues as its maker."""
        self._sums.add(maker.steps.sums)
        self._hedger.add(maker)
        self.gauges.add(maker.gauges)
        self._returns.add(maker.returns)
        self._whole.add([float(row.covered) for row in maker.rows])
        self._covered.add([maker.covered])

    def drop(self, p: int, maker: PointMaker) -> None:
        """Remove a pair. Its maker continues in its place, and still has to be given its rows. The pairs after it move up by one."""
        self._sums.fill(p, maker.steps.sums)
        self.gauges.fill(p, maker.gauges)
        self._returns.fill(p, maker.returns)
        maker.covered = int(self._covered.columns[0, p])
        for drop in self._drops:
            drop(p)
        maker.steps.refill()

    def step(self, index: int, y: FloatArray, x: FloatArray, whole: FloatArray) -> tuple[FloatArray, HedgeColumns]:
        """Add the bar of this absolute number, of which `whole` of the two bars of each pair hold every trade. Return the numbers of the
        points, of shape (len(NUMBERS), pairs), and the hedges. All arguments have the shape (pairs,)."""
        self._covered.columns[0] += whole - self._whole.oldest
        self._whole.push(whole)
        self._sums.push(index, y, x)
        self.gauges.push(index, y, x)
        self._returns.push(index, y, x)
        hedges = self._hedger.hedges(index, y, x)
        return self._numbers(y, x, hedges, self.gauges.of(index, y, x, hedges)), hedges

    def states(self) -> list[bytes | None]:
        """Return what the regressions carry over from the last bar, as `PointMaker.state`."""
        return self._hedger.states()

    def _numbers(self, y: FloatArray, x: FloatArray, hedges: HedgeColumns, gauge: GaugeColumns) -> FloatArray:
        numbers = np.empty((len(NUMBERS), len(y)))
        with np.errstate(all="ignore"):
            spread = y - hedges.beta * x - (hedges.alpha if self._residual else 0.0)
            off, std = gauge.off(y, x), np.where(gauge.known, gauge.std, np.nan)
            zscore = np.where(std == 0.0, np.nan, off / std)
            mean = np.where(gauge.known, spread - off, np.nan)
        numbers[:7] = hedges.alpha, hedges.beta, hedges.stderr, hedges.r2, hedges.innovation, hedges.innovation_std, hedges.weight
        coverage = self._covered.columns[0] / (2 * self._rows)
        numbers[7:] = y, x, spread, zscore, fits.pearson(self._sums), self._returns.corr, coverage, mean, std
        return numbers
