"""Ridge regression of y on x, from the centred sums of a window or of arrays."""

from quantd.model import Hedge
from quantd.stats.rolling import still
from quantd.stats.sums import Sums


def ridge(sums: Sums, penalty: float) -> Hedge | None:
    """Return the line that minimises sum((y - alpha - beta * x)²) + penalty * sxx * beta² through n pairs (A. E. Hoerl and R. W. Kennard,
    1970, Technometrics 12, 55-67). Its beta is that of least squares over 1 + `penalty`, and does not depend on the unit of either price.

    None below two pairs and if x is flat. `stderr` is None because beta is biased on purpose, which a standard error does not show.

    >>> from quantd.stats.sums import Fixed
    >>> ridge(Fixed(3, 5.0, 2.0, 8.0, 2.0, 4.0), 1.0)
    Hedge(alpha=3.0, beta=1.0, n=3, stderr=None, r2=0.75, innovation=None, innovation_std=None, weight=1.0)
    """
    n, syy, sxx, sxy = sums.n, sums.syy, sums.sxx, sums.sxy
    if still(n, sums.mean_x, sxx):
        return None
    beta = sxy / (sxx * (1.0 + penalty))
    rss = max(0.0, syy - beta * (2.0 * sxy - beta * sxx))
    return Hedge(sums.mean_y - beta * sums.mean_x, beta, n, None, None if still(n, sums.mean_y, syy) else 1.0 - rss / syy)
