"""Ordinary least squares of y on x and Pearson's correlation, from the centred sums of a window or from arrays."""

import math

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.rolling import flat


def ols(n: int, mean_y: float, mean_x: float, syy: float, sxx: float, sxy: float) -> Hedge | None:
    """The line y = alpha + beta * x through n pairs, given their means and centred sums of squares and products.

    None below two pairs and where x is flat. `stderr` is that of beta, None for two pairs; `r2` is None where y is flat.
    Residuals below a hundred-millionth of y's movement are lost in rounding: `ols_fit` resolves them.

    >>> ols(3, 5.0, 2.0, 8.0, 2.0, 4.0)
    Hedge(alpha=1.0, beta=2.0, n=3, stderr=0.0, r2=1.0, innovation=None, innovation_std=None)
    """
    if _flat(n, mean_x, sxx):
        return None
    beta = sxy / sxx
    return _hedge(n, mean_y, mean_x, syy, sxx, beta, rss=max(0.0, syy - beta * sxy))


def ols_fit(y: FloatArray, x: FloatArray) -> Hedge | None:
    """The same line for two arrays of shape (n,), in two passes. None also where a value is not finite."""
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    mean_y, mean_x = float(y.mean()), float(x.mean())
    dy, dx = y - mean_y, x - mean_x
    sxx = float(dx @ dx)
    if _flat(len(x), mean_x, sxx):
        return None
    beta = float(dx @ dy) / sxx
    residuals = dy - beta * dx
    return _hedge(len(y), mean_y, mean_x, float(dy @ dy), sxx, beta, rss=float(residuals @ residuals))


def pearson(n: int, mean_y: float, mean_x: float, syy: float, sxx: float, sxy: float) -> float | None:
    """Pearson's correlation in [-1, 1] from the same sums; None below two pairs and where either series is flat.

    >>> pearson(3, 5.0, 2.0, 8.0, 2.0, -4.0)
    -1.0
    """
    if _flat(n, mean_y, syy) or _flat(n, mean_x, sxx):
        return None
    return max(-1.0, min(1.0, sxy / sxx * math.sqrt(sxx / syy)))


def _flat(n: int, mean: float, square: float) -> bool:
    return n < 2 or flat(math.sqrt(square / (n - 1)), mean)


def _hedge(n: int, mean_y: float, mean_x: float, syy: float, sxx: float, beta: float, *, rss: float) -> Hedge:
    return Hedge(
        alpha=mean_y - beta * mean_x,
        beta=beta,
        n=n,
        stderr=math.sqrt(rss / (n - 2) / sxx) if n > 2 else None,
        r2=None if _flat(n, mean_y, syy) else max(0.0, 1.0 - rss / syy),
    )
