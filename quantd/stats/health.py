"""Whether a pair still is what it was: two windows side by side, the older as reference; and whether anything ties its legs."""

import math

import numpy as np
from msgspec import Struct

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.blips import blips
from quantd.stats.cointegration import engle_granger
from quantd.stats.regression import ols_fit
from quantd.stats.reversion import half_life

NEWEST = 6
"""A leap is looked for in the last window / NEWEST bars: what lasts shows in `cusum` by then."""
APART = 4.0
"""How far a close of the evidence stands apart before it is left out; see `blips`."""


class Vitals(Struct, frozen=True, gc=False):
    """What tells a pair that holds from one that breaks; None where it cannot be told."""

    beta_drift: float | None = None
    """|beta of the newer window - beta of the older|, in their joint standard error."""
    cusum: float | None = None
    """The largest sum that the newer residuals from the older line reach, in standard deviations of such a sum."""
    jump: float | None = None
    """The largest of the newest steps of those residuals, less what reverts, in standard deviations of the older ones."""
    half_life: float | None = None
    """Half-life of the residuals of one line through both windows, over the length of one; None also where a random walk fits no worse."""
    reverts: bool = True
    """False where the residuals move away: every return to the line is rejected."""


def vitals(y: FloatArray, x: FloatArray) -> Vitals:
    """The vitals of arrays of shape (2 * window,), oldest first.

    The line is least squares', whatever the pair's own method: it is the pair that is judged. Residuals of a pair that reverts are
    autocorrelated, so errors are widened by sqrt((1 + phi) / (1 - phi)), phi that of the older residuals (G. V. Bayley and J. M.
    Hammersley, 1946, JRSS Supplement 8, 184-197, for a mean; taken here for sums and slopes alike). The sums are the CUSUM of E. S.
    Page (1954, Biometrika 41, 100-115) on residuals from a line that did not know them, as R. L. Brown, J. Durbin and J. M. Evans
    (1975, JRSS B 37, 149-192) have it. A jump is a step r(t) - phi * r(t - 1) of the same residuals, against the standard deviation of the
    older ones: a break shows in it at once, before its sum is large.
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
    """The larger of the p-values of Engle and Granger's test of y on x and of x on y, arrays of shape (n,): small where the legs are tied
    whichever of them is explained by the other. Closes that stand apart from those around them are left out: a bad print that is taken back
    at once passes for a spread that comes back (P. H. Franses and N. Haldrup, 1994, Journal of Business & Economic Statistics 12, 471-478).
    `log` says that they are logarithms of prices. None where there is no test."""
    sound = ~blips(y, x, APART)
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
