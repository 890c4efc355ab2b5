"""Huber's line: least squares for small residuals, absolute deviations for large ones, with the scale estimated jointly."""

import math

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.kernels.huber import huber_line
from quantd.stats.kernels.huber_arrays import mean, ordered_sum
from quantd.stats.regression import ols_fit
from quantd.stats.rolling import still

NEWTON_STEPS = 40
"""Maximum number of Newton steps. A few are mostly enough; if they run in circles, reweighting takes over."""


def huber(y: FloatArray, x: FloatArray, epsilon: float = 1.35) -> Hedge | None:
    """Return the line that minimises sum(sigma + H((y - alpha - beta * x) / sigma) * sigma) over alpha, beta and sigma > 0, for arrays of
    shape (n,); H(z) is z² up to `epsilon` >= 1 and 2 * epsilon * |z| - epsilon² beyond (P. J. Huber, Robust Statistics, 1981, 7.7).

    The problem is solved on standardised prices, so the result does not depend on their scale. `stderr` is Huber's asymptotic one (1981,
    7.6.11), None if no residual is small. `r2` is None: it measures squares, which the line does not minimise. If least squares leave no
    residual, or have no line, the result is theirs.
    """
    slope = least_squares(y, x)
    if slope is None:
        return ols_fit(y, x)
    alpha, beta, stderr = huber_line(np.array(y, np.float64), np.array(x, np.float64), slope, epsilon, NEWTON_STEPS)
    return Hedge(alpha=float(alpha), beta=float(beta), n=len(y), stderr=float(stderr) if math.isfinite(stderr) else None)


def least_squares(y: FloatArray, x: FloatArray) -> float | None:
    """Return the slope of least squares, with sums in the order of the values; None below three pairs, if y or x is flat or a value is not
    finite, and if the line leaves no residual."""
    n = len(y)
    if n < 3 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    mean_y, mean_x = mean(y), mean(x)
    dy, dx = y - mean_y, x - mean_x
    sxx = ordered_sum(dx * dx)
    if still(n, mean_x, sxx) or still(n, mean_y, ordered_sum(dy * dy)):
        return None
    beta = ordered_sum(dx * dy) / sxx
    rest = dy - beta * dx
    return beta if ordered_sum(rest * rest) > 0.0 else None
