"""Huber's line: least squares for small residuals, absolute deviations for large ones, with the scale estimated jointly."""

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.kernels.huber import huber_line
from quantd.stats.regression import ols_fit

NEWTON_STEPS = 40
"""Maximum number of Newton steps. A few are mostly enough; if they run in circles, reweighting takes over."""


def huber(y: FloatArray, x: FloatArray, epsilon: float = 1.35) -> Hedge | None:
    """Return the line that minimises sum(sigma + H((y - alpha - beta * x) / sigma) * sigma) over alpha, beta and sigma > 0, for arrays of
    shape (n,); H(z) is z² up to `epsilon` >= 1 and 2 * epsilon * |z| - epsilon² beyond (P. J. Huber, Robust Statistics, 1981, 7.7).

    The problem is solved on standardised prices, so the result does not depend on their scale. `stderr` is Huber's asymptotic one (1981,
    7.6.11). `r2` is None: it measures squares, which the line does not minimise. If least squares leave no residual, or have no line, the
    result is theirs.
    """
    start = ols_fit(y, x)
    if start is None or start.r2 is None or not start.stderr:
        return start
    alpha, beta, stderr = huber_line(np.array(y, np.float64), np.array(x, np.float64), start.beta, epsilon, NEWTON_STEPS)
    return Hedge(alpha=float(alpha), beta=float(beta), n=len(y), stderr=float(stderr))
