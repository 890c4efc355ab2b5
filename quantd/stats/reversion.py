"""Whether and how fast a spread reverts: half-life, variance ratio, Hurst exponent, zero crossings."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.reasons import unfit
from quantd.stats.regression import ols_fit
from quantd.stats.rolling import FLAT
from quantd.stats.scaling import scaled
from quantd.stats.unit_root import phi_between

Reason = Literal["short", "not finite", "flat", "collinear", "undetermined", "none", "oscillates"]
SHORTEST = 20
_SCALES = 20


class HalfLife(Struct, frozen=True):
    """The number of bars after which half of a deviation is left, with a 95 % interval; `high` is None if the interval has no upper end.

    `reason` says why `bars` is None. Reasons with an interval: undetermined (a random walk fits no worse than any reversion, so the data
    only say "at least `low`"), oscillates (the series crosses the mean within a bar; `low` is 0). Reasons without one: none (the series
    diverges, every reversion is rejected), short, flat, not finite.
    """

    bars: float | None = None
    low: float | None = None
    high: float | None = None
    reason: Reason | None = None


def half_life(series: FloatArray) -> HalfLife:
    """Return the half-life of a series of shape (n,), modelled as an Ornstein-Uhlenbeck process observed at equal steps: s(t) = c + phi *
    s(t - 1) + noise has a half-life of -ln 2 / ln phi bars (G. E. Uhlenbeck and L. S. Ornstein, 1930, Physical Review 36, 823-841).

    phi is the value of which the least-squares estimate is the median. The interval holds all phi that a test at 5 % does not reject: see
    `quantd.stats.unit_root`.
    """
    if reason := unfit(series, SHORTEST):
        return HalfLife(reason=reason)
    series, _ = scaled(series)
    fit = ols_fit(series[1:], series[:-1])
    if fit is None or not fit.stderr:
        return HalfLife(reason="flat")
    least, middle, greatest = phi_between(fit.beta, fit.stderr, fit.n)
    if least >= 1.0:
        return HalfLife(reason="none")
    low, high = _bars(least), None if greatest >= 1.0 else _bars(greatest)
    if 0.0 < middle < 1.0:
        return HalfLife(_bars(middle), low, high)
    return HalfLife(None, low, high, "undetermined" if middle >= 1.0 else "oscillates")


def _bars(phi: float) -> float:
    return -math.log(2.0) / math.log(phi) if phi > 0.0 else 0.0


class VarianceRatio(Struct, frozen=True, gc=False):
    """The variance of steps of `period` bars over `period` times the variance of single steps: 1 for a random walk, less for a
    mean-reverting series."""

    ratio: float
    z: float
    pvalue: float
    """Two-sided p-value of the ratio being 1."""


def variance_ratio(series: FloatArray, period: int = 5) -> VarianceRatio | None:
    """Test a series of levels of shape (n,) for being a random walk (A. W. Lo and A. C. MacKinlay, 1988, Review of Financial Studies 1,
    41-66), with overlapping steps, their small-sample corrections, and the statistic that allows for changing variance (their z*).

    None for fewer than 20 values, or fewer than 2 * `period`, and for a flat or non-finite series.
    """
    n = len(series) - 1
    if unfit(series, max(SHORTEST, 2 * period)):
        return None
    series, _ = scaled(series)
    drift = float(series[-1] - series[0]) / n
    steps = np.diff(series) - drift
    squares = steps * steps
    total = float(squares.sum())
    if total <= n * (FLAT * FLAT):
        return None
    long = series[period:] - series[:-period] - period * drift
    unbiased = period * (n - period + 1) * (1.0 - period / n)
    ratio = float(long @ long) / unbiased / (total / (n - 1))
    lags = range(1, period)
    spread = sum((2.0 * (period - lag) / period) ** 2 * float(squares[lag:] @ squares[:-lag]) for lag in lags) / total**2
    if spread <= 0.0:
        return None
    z = (ratio - 1.0) / math.sqrt(spread)
    return VarianceRatio(ratio, z, math.erfc(abs(z) / math.sqrt(2.0)))


def hurst(series: FloatArray) -> float | None:
    """Return the Hurst exponent of a series of shape (n,): the slope of the logarithm of the mean |step over k bars| against log k, for k
    from 1 to 19 (T. Di Matteo, 2007, Quantitative Finance 7, 21-36, with q = 1). It is 0.5 for a random walk and less for a mean-reverting
    series.

    None for fewer than 100 values, and for a flat or non-finite series. At 250 values its standard error is about 0.06.
    """
    if unfit(series, 5 * _SCALES):
        return None
    scales = np.arange(1, _SCALES)
    series, _ = scaled(series)
    sizes = np.array([np.abs(series[k:] - series[:-k]).mean() for k in scales])
    if sizes.min() <= FLAT:
        return None
    line = ols_fit(np.log(sizes), np.log(scales))
    return None if line is None else line.beta


class Crossings(Struct, frozen=True, gc=False):
    """Crossings of the mean per bar: as counted, and as expected of an AR(1) process with the same autocorrelation, arccos(rho) / pi."""

    rate: float
    expected: float


def zero_crossings(series: FloatArray) -> Crossings | None:
    """Count the crossings of the mean by a series of shape (n,) (S. O. Rice, 1944; B. Kedem, Time Series Analysis by Higher Order
    Crossings, 1994, 4.1). None for fewer than 20 values, and for a flat or non-finite series. A value on the mean belongs to the side of
    the value before it."""
    if unfit(series, SHORTEST):
        return None
    series, _ = scaled(series)
    off = series - series.mean()
    sides = np.sign(off)
    sides = sides[sides != 0.0]
    rho = float(off[1:] @ off[:-1]) / float(off @ off)
    return Crossings(float((sides[1:] != sides[:-1]).sum()) / (len(series) - 1), math.acos(max(-1.0, min(1.0, rho))) / math.pi)
