"""The distribution of the least-squares t-statistic of phi in s(t) = c + phi s(t - 1) + noise, which is the less normal the nearer phi is
to 1.

Near a unit root the estimate of phi is too low and its standard error too small, so that phi ± 1.96 standard errors covers the true value
too seldom. The quantiles of the statistic at each phi tell which phi are compatible with an estimate (D. W. K. Andrews, 1993, Econometrica
61, 139-165, for the median-unbiased estimate; B. E. Hansen, 1999, Review of Economics and Statistics 81, 594-607, for an interval from a
grid of phi, by t-statistics).
"""

import math

import numpy as np

from quantd.stats import FloatArray

QUANTILES = (0.025, 0.5, 0.975)
SIZES = (20, 50, 125, 300, 750, 2000)
"""Numbers of pairs of neighbours in the regression."""
_KNOTS = 10
_FINE = 400
TABLE = np.array(
    [
        [
            [-3.368, -1.531, 0.342],
            [-3.366, -1.531, 0.341],
            [-3.356, -1.524, 0.35],
            [-3.32, -1.488, 0.386],
            [-3.24, -1.394, 0.476],
            [-3.098, -1.224, 0.629],
            [-2.923, -0.998, 0.818],
            [-2.719, -0.767, 1.038],
            [-2.534, -0.556, 1.281],
            [-2.365, -0.377, 1.489],
            [-2.207, -0.215, 1.678],
        ],
        [
            [-3.214, -1.559, 0.271],
            [-3.21, -1.556, 0.277],
            [-3.195, -1.536, 0.302],
            [-3.127, -1.45, 0.39],
            [-3.004, -1.258, 0.583],
            [-2.836, -0.989, 0.831],
            [-2.643, -0.729, 1.129],
            [-2.485, -0.526, 1.367],
            [-2.34, -0.37, 1.543],
            [-2.216, -0.25, 1.678],
            [-2.106, -0.143, 1.795],
        ],
        [
            [-3.155, -1.566, 0.242],
            [-3.151, -1.563, 0.244],
            [-3.117, -1.512, 0.303],
            [-2.997, -1.325, 0.493],
            [-2.794, -1.007, 0.807],
            [-2.585, -0.701, 1.17],
            [-2.415, -0.486, 1.423],
            [-2.282, -0.341, 1.599],
            [-2.179, -0.238, 1.712],
            [-2.104, -0.156, 1.788],
            [-2.042, -0.083, 1.863],
        ],
        [
            [-3.149, -1.568, 0.251],
            [-3.144, -1.56, 0.26],
            [-3.074, -1.449, 0.388],
            [-2.846, -1.104, 0.722],
            [-2.595, -0.718, 1.156],
            [-2.403, -0.472, 1.453],
            [-2.266, -0.322, 1.622],
            [-2.183, -0.228, 1.728],
            [-2.122, -0.161, 1.802],
            [-2.067, -0.107, 1.865],
            [-2.029, -0.058, 1.911],
        ],
        [
            [-3.14, -1.568, 0.242],
            [-3.125, -1.549, 0.263],
            [-2.956, -1.295, 0.525],
            [-2.64, -0.795, 1.059],
            [-2.397, -0.468, 1.452],
            [-2.236, -0.301, 1.631],
            [-2.154, -0.2, 1.738],
            [-2.099, -0.14, 1.812],
            [-2.056, -0.099, 1.865],
            [-2.022, -0.068, 1.898],
            [-1.997, -0.041, 1.929],
        ],
        [
            [-3.119, -1.567, 0.244],
            [-3.08, -1.513, 0.31],
            [-2.783, -1.014, 0.82],
            [-2.44, -0.518, 1.421],
            [-2.238, -0.296, 1.654],
            [-2.135, -0.189, 1.762],
            [-2.076, -0.131, 1.822],
            [-2.048, -0.094, 1.868],
            [-2.018, -0.067, 1.892],
            [-2.004, -0.046, 1.913],
            [-1.983, -0.026, 1.935],
        ],
    ]
)
"""Quantiles of the statistic, shape (sizes, phi, quantiles), from 120,000 simulated series each, stationary unless phi is 1 (`python
benchmarks/half_life.py --table`)."""


def phis(steps: int = _KNOTS) -> FloatArray:
    """Return values of phi from 1 to 0, spaced more closely near 1.

    >>> phis(2).tolist()
    [1.0, 0.9375, 0.0]
    """
    return 1.0 - (np.arange(steps + 1) / steps) ** 4


def phi_between(estimate: float, stderr: float, n: int) -> tuple[float, float, float]:
    """Return the phi that are compatible with a least-squares estimate from n pairs: the smallest that a two-sided test at 5 % does not
    reject, the one of which the estimate is the median, and the largest not rejected. 1 stands for 1 or more.

    >>> phi_between(0.9, 0.05, 100)[1] > 0.92
    True
    """
    size = min(max(n, SIZES[0]), SIZES[-1])
    fine = phis(_FINE)
    stand_in = 1.0 - (1.0 - fine) * max(1.0, n / size)  # for more pairs, use the phi whose distance from 1, times n, is the same
    after = max(1, int(np.searchsorted(SIZES, size)))
    weight = math.log(size / SIZES[after - 1]) / math.log(SIZES[after] / SIZES[after - 1])
    table = (1.0 - weight) * TABLE[after - 1] + weight * TABLE[after]
    at = np.maximum(1.0 - stand_in, 0.0) ** 0.25 * _KNOTS
    statistic = (estimate - fine) / stderr
    low, middle, high = (_crossing(fine, statistic - np.interp(at, np.arange(_KNOTS + 1), table[:, which])) for which in (2, 1, 0))
    return low, middle, high


def _crossing(fine: FloatArray, excess: FloatArray) -> float:
    """Return the greatest phi at which the statistic exceeds its quantile; 1 if it does so at 1, and a negative number if it does so at
    none."""
    first = int((excess >= 0.0).argmax())
    if excess[first] < 0.0:
        return -1.0
    if first == 0:
        return 1.0
    share = excess[first] / (excess[first] - excess[first - 1])
    return float(fine[first] + share * (fine[first - 1] - fine[first]))
