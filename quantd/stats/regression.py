"""Ordinary least squares of y on x and Pearson's correlation, from the centred sums of a window or from arrays."""

import math

import msgspec

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.rolling import still
from quantd.stats.sums import Sums, sums_of


def ols(sums: Sums) -> Hedge | None:
    """Return the least-squares line y = alpha + beta * x through n pairs.

    None below two pairs and if x is flat. `stderr` is that of beta, None for two pairs; `r2` is None if y is flat. Residuals below a
    hundred-millionth of y's movement are lost in rounding; `ols_fit` resolves them.

    >>> from quantd.stats.sums import Fixed
    >>> ols(Fixed(3, 5.0, 2.0, 8.0, 2.0, 4.0))
    Hedge(alpha=1.0, beta=2.0, n=3, stderr=0.0, r2=1.0, innovation=None, innovation_std=None, weight=1.0)
    """
    n, mean_x, sxx, syy = sums.n, sums.mean_x, sums.sxx, sums.syy
    if still(n, mean_x, sxx):
        return None
    mean_y, sxy = sums.mean_y, sums.sxy
    beta = sxy / sxx
    rss = syy - beta * sxy
    if rss < 0.0:
        rss = 0.0
    stderr = math.sqrt(rss / (n - 2) / sxx) if n > 2 else None
    return Hedge(mean_y - beta * mean_x, beta, n, stderr, None if still(n, mean_y, syy) else 1.0 - rss / syy)


def ols_fit(y: FloatArray, x: FloatArray) -> Hedge | None:
    """Return the least-squares line for two arrays of shape (n,), with each residual computed by itself. None also if a value is not
    finite."""
    sums = sums_of(y, x)
    if sums is None:
        return None
    line = ols(sums)
    if line is None or line.stderr is None:
        return line
    residuals = y - sums.mean_y - line.beta * (x - sums.mean_x)
    rss = float(residuals @ residuals)
    r2 = None if line.r2 is None else max(0.0, 1.0 - rss / sums.syy)
    return msgspec.structs.replace(line, stderr=math.sqrt(rss / (sums.n - 2) / sums.sxx), r2=r2)


def pearson(sums: Sums) -> float | None:
    """Return Pearson's correlation in [-1, 1] from the sums of a window; None below two pairs and if either series is flat.

    >>> from quantd.stats.sums import Fixed
    >>> pearson(Fixed(3, 5.0, 2.0, 8.0, 2.0, -4.0))
    -1.0
    """
    n, syy, sxx = sums.n, sums.syy, sums.sxx
    if still(n, sums.mean_y, syy) or still(n, sums.mean_x, sxx):
        return None
    corr = sums.sxy / sxx * math.sqrt(sxx / syy)
    return -1.0 if corr < -1.0 else 1.0 if corr > 1.0 else corr
