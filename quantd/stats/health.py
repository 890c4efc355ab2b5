"""Tells whether a pair still behaves as before, by comparing two adjacent windows, the older as reference; and whether its legs are
cointegrated at all."""

import math

import numpy as np
from msgspec import Struct

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.outliers import outliers
from quantd.stats.regression import ols_fit
from quantd.stats.reversion import half_life

NEWEST = 6
"""A jump is looked for in the last window / NEWEST bars: an older break that lasts shows in `cusum` by now."""
APART = 4.0
"""Outlier threshold: closes that stand out by more than this are left out of the test; see `outliers`."""


class Vitals(Struct, frozen=True, gc=False):
    """Measures that separate a pair that holds from one that breaks; None if a measure cannot be computed."""

    beta_drift: float | None = None
    """|beta of the newer window - beta of the older|, in units of their joint standard error."""
    cusum: float | None = None
    """Largest cumulative sum of the newer residuals from the older line, in standard deviations of such a sum."""
    jump: float | None = None
    """Largest recent step of those residuals, corrected for mean reversion, in standard deviations of the older steps."""
    half_life: float | None = None
    """Half-life of the residuals of one line through both windows, as a share of the length of one window; None also if a random walk fits
    no worse."""
    reverts: bool = True
    """False if the residuals diverge: the data reject every return to the line."""


def vitals(y: FloatArray, x: FloatArray) -> Vitals:
    """Return the measures for arrays of shape (2 * window,), oldest first.

    The line is fitted by least squares whatever the pair's own method, because the pair is judged and not the method. Residuals of a pair
    that reverts are autocorrelated, so errors are widened by sqrt((1 + phi) / (1 - phi)), where phi is that of the older residuals (G. V.
    Bayley and J. M. Hammersley, 1946, JRSS Supplement 8, 184-197, for a mean; applied here to sums and slopes alike). The sums are the
    CUSUM of E. S. Page (1954, Biometrika 41, 100-115) on residuals from a line that was fitted without them, as in R. L. Brown, J. Durbin
    and J. M. Evans (1975, JRSS B 37, 149-192). A jump is a step r(t) - phi * r(t - 1) of the same residuals, relative to the standard
    deviation of the older steps: it shows a break at once, before the sum is large.
    """
    window = len(y) // 2
    if window < 10 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return Vitals()
    older, newer = ols_fit(y[:window], x[:window]), ols_fit(y[window:], x[window:])
    whole = ols_fit(y, x)
    if not (older and newer and whole and older.stderr and newer.stderr):
        return Vitals()
    before = _residuals(older, y[:window], x[:window])
    if not before.any():
        return Vitals()
    noise = math.sqrt(float(before @ before) / (window - 2))
    phi = float(before[1:] @ before[:-1]) / float(before @ before)
    widened = _widened(phi)
    after = _residuals(older, y[window:], x[window:])
    drift = abs(newer.beta - older.beta) / math.hypot(older.stderr, newer.stderr) / widened
    sums = np.abs(np.cumsum(after)).max() / (noise * widened * math.sqrt(window))
    life = half_life(_residuals(whole, y, x))
    lasting = 0.0 if life.reason == "oscillates" else life.bars and life.bars / window
    return Vitals(drift, float(sums), _jump(before, after, phi), lasting, life.reason != "none")


def tie(y: FloatArray, x: FloatArray, *, log: bool = False) -> float | None:
    """Return the larger of the p-values of the Engle-Granger test of y on x and of x on y, arrays of shape (n,).

    It is small if the legs are cointegrated whichever of them is explained by the other. Outliers are left out, because a bad print that is
    reversed at once looks like a spread that reverts (P. H. Franses and N. Haldrup, 1994, Journal of Business & Economic Statistics 12,
    471-478). `log` says that the values are logarithms of prices. None if there is no test.
    """
    sound = ~outliers(y, x, APART)
    y, x = y[sound], x[sound]
    way, back = engle_granger(y, x, log=log), engle_granger(x, y, log=log)
    return None if way.pvalue is None or back.pvalue is None else max(way.pvalue, back.pvalue)


def _residuals(line: Hedge, y: FloatArray, x: FloatArray) -> FloatArray:
    return y - line.alpha - line.beta * x


def _widened(phi: float) -> float:
    phi = min(max(phi, 0.0), 0.98)
    return math.sqrt((1.0 + phi) / (1.0 - phi))


def _jump(before: FloatArray, after: FloatArray, phi: float) -> float | None:
    steps = before[1:] - phi * before[:-1]
    size = math.sqrt(float(steps @ steps) / (len(steps) - 2))
    newest = after[-max(1, len(after) // NEWEST) :]
    earlier = np.concatenate([before[-1:], after])[-len(newest) - 1 : -1]
    return float(np.abs(newest - phi * earlier).max()) / size if size > 0.0 else None
