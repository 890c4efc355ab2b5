"""Ridge regression of y on x, from the centred sums of a window or from arrays."""

import math

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.rolling import flat


def ridge(n: int, mean_y: float, mean_x: float, syy: float, sxx: float, sxy: float, penalty: float) -> Hedge | None:
    """The line that minimises sum((y - alpha - beta * x)²) + penalty * sxx * beta² through n pairs (A. E. Hoerl and R. W. Kennard, 1970,
    Technometrics 12, 55-67): beta is least squares' over 1 + `penalty`, and does not depend on the unit of either price.

    None below two pairs and where x is flat. `stderr` is None: beta is biased on purpose, which a standard error does not tell.

    >>> ridge(3, 5.0, 2.0, 8.0, 2.0, 4.0, 1.0)
    Hedge(alpha=3.0, beta=1.0, n=3, stderr=None, r2=0.75, innovation=None, innovation_std=None)
    """
    if n < 2 or flat(math.sqrt(sxx / (n - 1)), mean_x):
        return None
    beta = sxy / (sxx * (1.0 + penalty))
    rss = max(0.0, syy - beta * (2.0 * sxy - beta * sxx))
    still = flat(math.sqrt(syy / (n - 1)), mean_y)
    return Hedge(alpha=mean_y - beta * mean_x, beta=beta, n=n, r2=None if still else 1.0 - rss / syy)


def ridge_fit(y: FloatArray, x: FloatArray, penalty: float) -> Hedge | None:
    """The same line for two arrays of shape (n,); None also where a value is not finite."""
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    mean_y, mean_x = float(y.mean()), float(x.mean())
    dy, dx = y - mean_y, x - mean_x
    return ridge(len(y), mean_y, mean_x, float(dy @ dy), float(dx @ dx), float(dx @ dy), penalty)
