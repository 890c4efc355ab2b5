"""The Sharpe ratio of a tested time, with its uncertainty."""

import math

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray, IntArray
from quantd.timeframes import DAY

LEAST_DAYS = 30
"""Days of tested time below which an annual ratio is meaningless."""
LEAST_TRADES = 30
_YEAR_DAYS = 365
_FLAT = 1e-12


class Sharpe(Struct, frozen=True):
    """A Sharpe ratio with its uncertainty. Either all numbers are None and `reason` says why, or none is and `reason` is empty."""

    ratio: float | None = None
    """Ratio for a year of 365 days."""
    stderr: float | None = None
    """Standard error of `ratio`."""
    probability: float | None = None
    """Probability that the true ratio is above 0."""
    reason: str = ""


def sharpe_of_run(equity: FloatArray, start: int, closed: IntArray, trades: int) -> Sharpe:
    """Return the Sharpe ratio of the equity, shape (n,), at the closes of a run (ms, shape (n,), ascending) whose first bar opened at
    `start`."""
    if not trades:
        return Sharpe(reason="no trades")
    elapsed = int(closed[-1]) - start
    if elapsed < LEAST_DAYS * DAY:
        return Sharpe(reason=f"fewer than {LEAST_DAYS} days")
    if trades < LEAST_TRADES:
        return Sharpe(reason=f"fewer than {LEAST_TRADES} trades")
    changes = daily_changes(equity, start, closed)
    return sharpe(changes, len(changes) * _YEAR_DAYS * DAY / elapsed)


def daily_changes(equity: FloatArray, start: int, closed: IntArray) -> FloatArray:
    """Return the change of equity on each UTC day, from the day of `start` to that of the last close. The first and the last day may be
    incomplete; the change on a day without a bar is 0.

    >>> noon = 43_200_000
    >>> daily_changes(np.array([1.0, 3.0, 2.5]), noon, np.array([2 * noon, 3 * noon, 7 * noon])).tolist()
    [1.0, 2.0, 0.0, -0.5]
    """
    ends = (closed - 1) // DAY
    days = np.arange(start // DAY, int(ends[-1]) + 1)
    rows = np.searchsorted(ends, days, side="right")
    return np.diff(np.concatenate(([0.0], equity))[rows], prepend=0.0)


def sharpe(changes: FloatArray, per_year: float) -> Sharpe:
    """Return mean / standard deviation (ddof 1) of n changes, times sqrt(per_year); the risk-free rate is taken as 0. Shape (n,), n at
    least 2.

    The ratio is that of Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994). The probability is that of Bailey and Lopez
    de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), eq. 11 against a ratio of 0, with the error of
    `variance_of_ratio`.
    """
    deviation = float(changes.std(ddof=1))
    if deviation <= _FLAT * float(np.abs(changes).max()):
        return Sharpe(reason="no variance")
    ratio = float(changes.mean()) / deviation
    error = math.sqrt(variance_of_ratio((changes - changes.mean()) / deviation, ratio) / len(changes))
    year = math.sqrt(per_year)
    return Sharpe(ratio * year, error * year, _normal(ratio / error))


def variance_of_ratio(scaled: FloatArray, ratio: float) -> float:
    """Return n times the variance of the Sharpe ratio of n changes, which are given as (change - mean) / deviation; shape (n,).

    It is the largest of three estimates. The first, of Mertens, "Comments on Variance of the IID estimator in Lo (2002)" (2002), is 1 -
    skew * ratio + (kurtosis - 1) / 4 * ratio^2, the mean square of the ratio's influence function. The second, of Lo, "The Statistics of
    Sharpe Ratios", Financial Analysts Journal 58 (2002), adds the autocorrelation of that function by Newey and West (Econometrica 55,
    1987), with floor(4 (n / 100)^(2/9)) lags. The third is 1, the value for a ratio of 0: with few trades the errors of skewness and ratio
    are correlated, and the first estimate falls far below the truth. Measured in benchmarks/sharpe.py.

    >>> variance_of_ratio(np.array([1.0, -1.0] * 50), 0.0)
    1.0
    """
    n = len(scaled)
    influence = scaled - 0.5 * ratio * (scaled * scaled - 1.0)
    apart = float(influence @ influence) / n
    lags = min(n - 1, int(4.0 * (n / 100.0) ** (2.0 / 9.0)))
    following = sum((1.0 - lag / (lags + 1.0)) * float(influence[lag:] @ influence[:-lag]) for lag in range(1, lags + 1))
    return max(apart, apart + 2.0 * following / n, 1.0)


def _normal(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2.0))
