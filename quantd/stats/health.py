"""Whether a pair still is what it was: two windows side by side, the older as reference, the newer as evidence."""

import math

import numpy as np
from msgspec import Struct

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd.stats.reversion import half_life


class Vitals(Struct, frozen=True, gc=False):
    """What tells a pair that holds from one that breaks; None where it cannot be told."""

    beta_drift: float | None = None
    """|beta of the newer window - beta of the older|, in their joint standard error."""
    cusum: float | None = None
    """The largest sum that the newer residuals from the older line reach, in standard deviations of such a sum."""
    half_life: float | None = None
    """Half-life of the residuals of one line through both windows, over the length of one; None also where they do not come back."""
    reverts: bool = True
    """False where they do not."""


def vitals(y: FloatArray, x: FloatArray) -> Vitals:
    """The vitals of arrays of shape (2 * window,), oldest first.

    The line is least squares', whatever the pair's own method: it is the pair that is judged. Residuals of a pair that reverts are
    autocorrelated, so errors are widened by sqrt((1 + phi) / (1 - phi)), phi that of the older residuals (G. V. Bayley and J. M.
    Hammersley, 1946, JRSS Supplement 8, 184-197, for a mean; taken here for sums and slopes alike). The sums are the CUSUM of E. S.
    Page (1954, Biometrika 41, 100-115) on residuals from a line that did not know them, as R. L. Brown, J. Durbin and J. M. Evans
    (1975, JRSS B 37, 149-192) have it.
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
    widened = _widened(before)
    after = _residuals(older, y[window:], x[window:])
    drift = abs(newer.beta - older.beta) / math.hypot(older.stderr, newer.stderr) / widened
    sums = np.abs(np.cumsum(after)).max() / (noise * widened * math.sqrt(window))
    life = half_life(_residuals(whole, y, x))
    lasting = 0.0 if life.reason == "oscillates" else life.bars and life.bars / window
    return Vitals(drift, float(sums), lasting, life.reason != "none")


def _residuals(line: Hedge, y: FloatArray, x: FloatArray) -> FloatArray:
    return y - line.alpha - line.beta * x


def _widened(residuals: FloatArray) -> float:
    phi = float(residuals[1:] @ residuals[:-1]) / float(residuals @ residuals)
    phi = min(max(phi, 0.0), 0.98)
    return math.sqrt((1.0 + phi) / (1.0 - phi))
