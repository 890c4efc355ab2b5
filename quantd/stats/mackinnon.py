"""MacKinnon's response surfaces: p-values of Dickey-Fuller statistics for one series, or for the residuals of a regression between two."""

import math
from typing import Literal

from msgspec import Struct

Trend = Literal["n", "c", "ct"]


class _Surface(Struct, frozen=True):
    """p = Phi(polynomial in the statistic): `left` up to `star`, `right` above it; 0 below `low`, 1 above `high`."""

    low: float
    star: float
    high: float
    left: tuple[float, ...]
    right: tuple[float, ...]


# J. G. MacKinnon (1994), "Approximate asymptotic distribution functions for unit-root and cointegration tests", Journal of Business &
# Economic Statistics 12, 167-176, tables 3 and 4 (tau), in the values of his update of 2010 (QED working paper 1227); by the number of
# series: 1 for a unit root, 2 for the residuals of a line between two.
SURFACES: dict[tuple[Trend, int], _Surface] = {
    ("n", 1): _Surface(-19.04, -1.04, math.inf, (0.6344, 1.2378, 0.032496), (0.4797, 0.93557, -0.06999, 0.033066)),
    ("c", 1): _Surface(-18.83, -1.61, 2.74, (2.1659, 1.4412, 0.038269), (1.7339, 0.93202, -0.12745, -0.010368)),
    ("ct", 1): _Surface(-16.18, -2.89, 0.7, (3.2512, 1.6047, 0.049588), (2.5261, 0.61654, -0.37956, -0.060285)),
    ("n", 2): _Surface(-19.62, -1.53, 1.51, (1.9129, 1.3857, 0.035322), (1.5578, 0.8558, -0.2083, -0.033549)),
    ("c", 2): _Surface(-18.86, -2.62, 0.92, (2.92, 1.5012, 0.039796), (2.1945, 0.64695, -0.29198, -0.042377)),
    ("ct", 2): _Surface(-21.15, -3.19, 0.63, (3.6646, 1.5419, 0.036448), (2.85, 0.5272, -0.36622, -0.051695)),
}


def mackinnon_pvalue(stat: float, trend: Trend = "c", series: int = 1) -> float:
    """Return the approximate asymptotic p-value of a Dickey-Fuller t-statistic, in [0, 1]; a small value means stationary.

    With `series` 2 the statistic is that of the residuals of one series on another, and `trend` is the trend of that regression.

    >>> round(mackinnon_pvalue(-2.86154, "c"), 3), round(mackinnon_pvalue(-3.33613, "c", series=2), 3)
    (0.05, 0.05)
    """
    surface = SURFACES[trend, series]
    if stat < surface.low:
        return 0.0
    if stat > surface.high:
        return 1.0
    z = 0.0
    for coefficient in reversed(surface.left if stat <= surface.star else surface.right):
        z = z * stat + coefficient
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
