"""Total least squares: a line with noise in both variables."""

import math

from quantd.model import Hedge
from quantd.stats.rolling import still
from quantd.stats.sums import Sums


def orthogonal(sums: Sums, noise_ratio: float = 1.0) -> Hedge | None:
    """Return the total least squares line: the line that minimises sum((y - v)² / noise_ratio + (x - u)²) over itself and points (u, v) on
    it, where `noise_ratio` is the variance of y's noise over that of x's; at 1, the squared distances to the line (W. E. Deming,
    Statistical Adjustment of Data, 1943; W. A. Fuller, Measurement Error Models, 1987, 1.3).

    `stderr` is None: its usual estimate needs normal noise and breaks down as the cloud of points becomes round. `r2` is that of the line
    as a prediction of y; below 0 the mean predicts better. None below two pairs, if x is flat, and if no direction stands out.

    >>> from quantd.stats.sums import Fixed
    >>> orthogonal(Fixed(3, 5.0, 2.0, 8.0, 2.0, 4.0))
    Hedge(alpha=1.0, beta=2.0, n=3, stderr=None, r2=1.0, innovation=None, innovation_std=None, weight=1.0)
    """
    n, syy, sxx, sxy = sums.n, sums.syy, sums.sxx, sums.sxy
    if still(n, sums.mean_x, sxx):
        return None
    excess = syy - noise_ratio * sxx
    root = math.hypot(excess, 2.0 * math.sqrt(noise_ratio) * sxy)
    if excess > 0.0:
        beta = (root + excess) / (2.0 * sxy) if sxy else math.inf
    else:
        beta = 2.0 * noise_ratio * sxy / (root - excess) if root else math.inf
    if not math.isfinite(beta):
        return None
    rss = max(0.0, syy + beta * (beta * sxx - 2.0 * sxy))
    return Hedge(sums.mean_y - beta * sums.mean_x, beta, n, None, None if still(n, sums.mean_y, syy) else 1.0 - rss / syy)
