"""How fast, and whether, a spread comes back: half-life, variance ratio, Hurst exponent, zero crossings."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd.stats.rolling import FLAT

Reason = Literal["short", "flat", "none", "oscillates"]
Z95 = 1.959963984540054
"""The 97.5 % point of a standard normal."""
SHORTEST = 20
_SCALES = 20


class HalfLife(Struct, frozen=True):
    """Bars after which half of a departure is left, with a 95 % interval; `high` is None where the interval has no end. `reason` says why
    there is none: short, flat (or not finite), none (no reversion), oscillates (beyond the mean within a bar)."""

    bars: float | None = None
    low: float | None = None
    high: float | None = None
    reason: Reason | None = None


def half_life(series: FloatArray) -> HalfLife:
    """The half-life of a series of shape (n,) as an Ornstein-Uhlenbeck process seen at equal steps: s(t) = c + phi * s(t - 1) + noise, and
    -ln 2 / ln phi bars (G. E. Uhlenbeck and L. S. Ornstein, 1930, Physical Review 36, 823-841).

    phi is that of least squares, corrected for its bias towards zero, (n phi + 1) / (n - 3) (G. H. Orcutt and H. S. Winokur, 1969,
    Econometrica 37, 1-14); the interval's ends are those of phi ± 1.96 standard errors, carried through the same formula.
    """
    if len(series) < SHORTEST:
        return HalfLife(reason="short")
    if _still(series):
        return HalfLife(reason="flat")
    fit = ols_fit(series[1:], series[:-1])
    if fit is None or fit.stderr is None:
        return HalfLife(reason="flat")
    phi = (fit.n * fit.beta + 1.0) / (fit.n - 3)
    if phi >= 1.0 or phi <= 0.0:
        return HalfLife(reason="none" if phi >= 1.0 else "oscillates")
    low, high = phi - Z95 * fit.stderr, phi + Z95 * fit.stderr
    return HalfLife(_bars(phi), _bars(low) if low > 0.0 else 0.0, _bars(high) if high < 1.0 else None)


def _bars(phi: float) -> float:
    return -math.log(2.0) / math.log(phi)


class VarianceRatio(Struct, frozen=True, gc=False):
    """The variance of steps of `period` bars over `period` times that of single ones; 1 for a random walk, less where it comes back."""

    ratio: float
    z: float
    pvalue: float
    """Two-sided, of the ratio being 1."""


def variance_ratio(series: FloatArray, period: int = 5) -> VarianceRatio | None:
    """The test of A. W. Lo and A. C. MacKinlay (1988, Review of Financial Studies 1, 41-66) on a series of levels of shape (n,), with
    overlapping steps, its corrections for small samples, and the statistic that allows for changing variance (their z*).

    None for fewer than 20 values, or fewer than 2 * `period`, and for a flat or non-finite series.
    """
    n = len(series) - 1
    if len(series) < max(SHORTEST, 2 * period) or _still(series):
        return None
    series = series / float(np.abs(series).max())
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
    """The Hurst exponent of a series of shape (n,): the slope of the logarithm of the mean |step over k bars| on that of k, k from 1 to 19
    (T. Di Matteo, 2007, Quantitative Finance 7, 21-36, with q = 1). 0.5 for a random walk, less where it comes back.

    None for fewer than 100 values, and for a flat or non-finite series. At 250 values its standard error is about 0.06.
    """
    if len(series) < 5 * _SCALES or _still(series):
        return None
    scales = np.arange(1, _SCALES)
    series = series / float(np.abs(series).max())
    sizes = np.array([np.abs(series[k:] - series[:-k]).mean() for k in scales])
    if sizes.min() <= FLAT:
        return None
    line = ols_fit(np.log(sizes), np.log(scales))
    return None if line is None else line.beta


class Crossings(Struct, frozen=True, gc=False):
    """How often a series crosses its mean, a bar: as counted, and as an AR(1) process of its autocorrelation would, arccos(rho) / pi."""

    rate: float
    expected: float


def zero_crossings(series: FloatArray) -> Crossings | None:
    """Crossings of the mean by a series of shape (n,) (S. O. Rice, 1944; B. Kedem, Time Series Analysis by Higher Order Crossings, 1994,
    4.1). None for fewer than 20 values, and for a flat or non-finite series. A value on the mean belongs to the side before it."""
    if len(series) < SHORTEST or _still(series):
        return None
    series = series / float(np.abs(series).max())
    off = series - series.mean()
    sides = np.sign(off)
    sides = sides[sides != 0.0]
    rho = float(off[1:] @ off[:-1]) / float(off @ off)
    return Crossings(float((sides[1:] != sides[:-1]).sum()) / (len(series) - 1), math.acos(max(-1.0, min(1.0, rho))) / math.pi)


def _still(series: FloatArray) -> bool:
    low, high = float(series.min()), float(series.max())
    peak = max(abs(low), abs(high))
    return not math.isfinite(peak) or high - low <= FLAT * peak
