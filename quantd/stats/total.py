"""Total least squares: a line with noise in both variables."""

import math

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.rolling import flat


def orthogonal(n: int, mean_y: float, mean_x: float, syy: float, sxx: float, sxy: float, noise_ratio: float = 1.0) -> Hedge | None:
    """Total least squares: the line that minimises sum((y - v)² / noise_ratio + (x - u)²) over itself and points (u, v) on it, where
    `noise_ratio` is the variance of y's noise over that of x's; at 1, the squared distances to the line (W. E. Deming, Statistical
    Adjustment of Data, 1943; W. A. Fuller, Measurement Error Models, 1987, 1.3).

    `stderr` is None: its usual estimate needs normal noise and breaks down as the cloud of points grows round. `r2` is that of the line
    read as a prediction of y; below 0 the mean predicts better. None below two pairs, where x is flat, and where no direction stands out.

    >>> orthogonal(3, 5.0, 2.0, 8.0, 2.0, 4.0)
    Hedge(alpha=1.0, beta=2.0, n=3, stderr=None, r2=1.0, innovation=None, innovation_std=None)
    """
    if _flat(n, mean_x, sxx):
        return None
    excess = syy - noise_ratio * sxx
    root = math.hypot(excess, 2.0 * math.sqrt(noise_ratio) * sxy)
    if excess > 0.0:
        beta = (root + excess) / (2.0 * sxy) if sxy else math.inf
    else:
        beta = 2.0 * noise_ratio * sxy / (root - excess) if root else math.inf
    return _hedge(n, mean_y, mean_x, syy, sxx, sxy, beta) if math.isfinite(beta) else None


def orthogonal_fit(y: FloatArray, x: FloatArray, noise_ratio: float = 1.0) -> Hedge | None:
    """The same line for two arrays of shape (n,); None also where a value is not finite."""
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    mean_y, mean_x = float(y.mean()), float(x.mean())
    dy, dx = y - mean_y, x - mean_x
    return orthogonal(len(y), mean_y, mean_x, float(dy @ dy), float(dx @ dx), float(dx @ dy), noise_ratio)


def _flat(n: int, mean: float, square: float) -> bool:
    return n < 2 or flat(math.sqrt(square / (n - 1)), mean)


def _hedge(n: int, mean_y: float, mean_x: float, syy: float, sxx: float, sxy: float, beta: float) -> Hedge:
    rss = max(0.0, syy + beta * (beta * sxx - 2.0 * sxy))
    return Hedge(alpha=mean_y - beta * mean_x, beta=beta, n=n, r2=None if _flat(n, mean_y, syy) else 1.0 - rss / syy)
