"""The gauges of many pairs at one bar: `quantd.stats.zscore.Gauge` as columns, with the same bits."""

import math
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import Mask, MomentsColumns, WindowColumns
from quantd.stats.rolling import FLAT, Moments
from quantd.stats.zscore import BETA_ERROR, CANCELS, VANISHES, Gauge


class GaugeColumns(Struct, frozen=True):
    """Gauges of n pairs, each number of the shape (n,); `known` says where there is a gauge."""

    beta: FloatArray
    y: FloatArray
    x: FloatArray
    std: FloatArray
    known: Mask

    def off(self, y: FloatArray, x: FloatArray) -> FloatArray:
        """Return the distances of y from the lines."""
        return (y - self.y) - self.beta * (x - self.x)

    def joined(self, gauge: Gauge | None) -> "GaugeColumns":
        """Return these gauges and one more at the end."""
        more = gauge_columns([gauge])
        return GaugeColumns(*(np.append(getattr(self, name), getattr(more, name)) for name in self.__struct_fields__))

    def without(self, p: int) -> "GaugeColumns":
        """Return these gauges without one."""
        return GaugeColumns(*(np.delete(getattr(self, name), p) for name in self.__struct_fields__))

    def of(self, p: int) -> Gauge | None:
        """Return the gauge of one pair."""
        if not self.known[p]:
            return None
        return Gauge(float(self.beta[p]), float(self.y[p]), float(self.x[p]), float(self.std[p]))


def gauge_columns(gauges: list[Gauge | None]) -> GaugeColumns:
    """Return these gauges as columns."""
    rows = [(gauge.beta, gauge.y, gauge.x, gauge.std) if gauge else (math.nan,) * 4 for gauge in gauges]
    beta, y, x, std = np.array(rows).reshape(-1, 4).T.copy()
    return GaugeColumns(beta, y, x, std, np.array([gauge is not None for gauge in gauges], bool))


def rounding(y: FloatArray, x: FloatArray, beta: FloatArray, *, log: bool) -> FloatArray:
    """Return what `quantd.stats.zscore.rounding` returns for each pair."""
    return FLAT * (1.0 + np.abs(beta) if log else np.abs(y) + np.abs(beta * x))


def of_sums(closes: MomentsColumns, hedges: HedgeColumns, of_each: Callable[[Moments, float], Gauge], *, log: bool) -> GaugeColumns:
    """Return the gauges of the method `window`. Where the difference of the sums has too few digits, `of_each` makes the gauge of the
    pair."""
    beta, n = hedges.beta, closes.n
    mean_y, mean_x = closes.mean_y.copy(), closes.mean_x.copy()
    with np.errstate(all="ignore"):
        square = closes.syy - 2.0 * beta * closes.sxy + beta * beta * closes.sxx
        lost = hedges.known & ~(square > CANCELS * (closes.peak_y + beta * beta * closes.peak_x) + VANISHES)
        std = np.sqrt(square / (n - 1)) if n > 2 else np.zeros(len(beta))
        std = np.where((rounding(mean_y, mean_x, beta, log=log) < std) & (std < np.inf), std, 0.0)
    for p in np.flatnonzero(lost).tolist():
        gauge = of_each(closes.take(p), float(beta[p]))
        mean_y[p], mean_x[p], std[p] = gauge.y, gauge.x, gauge.std
    return GaugeColumns(beta, mean_y, mean_x, std, hedges.known)


def of_each(closes: MomentsColumns, hedges: HedgeColumns, make: Callable[[Moments, float], Gauge]) -> GaugeColumns:
    """Return the gauges of a method that has no columns: `make` makes the gauge of each pair."""
    known = hedges.known.tolist()
    return gauge_columns([make(closes.take(p), beta) if known[p] else None for p, beta in enumerate(hedges.beta.tolist())])


def of_spreads(spreads: WindowColumns, hedges: HedgeColumns, y: FloatArray, x: FloatArray, *, log: bool, residual: bool) -> GaugeColumns:
    """Return the gauges of the method `rolling`, of windows that hold the spreads of the bar with the closes y and x, too."""
    beta = hedges.beta
    with np.errstate(all="ignore"):
        least = np.maximum(rounding(y, x, beta, log=log), BETA_ERROR * np.abs(beta * x))
        std = np.sqrt(spreads.m2 / (spreads.window - 1))
        middle = spreads.mean + hedges.alpha if residual else spreads.mean
        std = np.where((least < std) & (std < np.inf), std, 0.0)
    return GaugeColumns(beta, middle, np.zeros(len(beta)), std, hedges.known)


def of_predictions(hedges: HedgeColumns, y: FloatArray, x: FloatArray, *, log: bool) -> GaugeColumns:
    """Return the gauges of the method `innovation` for the next bar."""
    beta, std = hedges.beta, hedges.innovation_std
    with np.errstate(all="ignore"):
        unit = np.where(std > rounding(y, x, beta, log=log), std, 0.0)
    return GaugeColumns(beta, hedges.alpha, np.zeros(len(beta)), unit, hedges.known & ~np.isnan(std))


def as_predicted(now: GaugeColumns, hedges: HedgeColumns, y: FloatArray, x: FloatArray) -> GaugeColumns:
    """Return the gauges of the predictions of this bar."""
    known = now.known & ~np.isnan(hedges.innovation)
    return GaugeColumns(hedges.beta, y - hedges.innovation, x, now.std, known)
