"""The Sharpe ratio of a tested time, and how far it can be believed."""

import math

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray, IntArray
from quantd.timeframes import DAY

LEAST_DAYS = 30
"""Days of tested time below which a ratio for a year says nothing."""
LEAST_TRADES = 30
_YEAR_DAYS = 365
_FLAT = 1e-12


class Sharpe(Struct, frozen=True):
    """All None with a reason, or none of them and the reason empty."""

    ratio: float | None = None
    """For a year of 365 days."""
    stderr: float | None = None
    """Of `ratio`."""
    probability: float | None = None
    """That the true ratio is above 0."""
    reason: str = ""


def sharpe_of_run(equity: FloatArray, start: int, closed: IntArray, trades: int) -> Sharpe:
    """Of the equity, shape (n,), at the closes of a run (ms, shape (n,), ascending) whose first bar opened at `start`."""
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
    """What each UTC day changed, from the day of `start` to that of the last close. The first and the last may be parts of a day; a day
    without a bar changed nothing.

    >>> noon = 43_200_000
    >>> daily_changes(np.array([1.0, 3.0, 2.5]), noon, np.array([2 * noon, 3 * noon, 7 * noon])).tolist()
    [1.0, 2.0, 0.0, -0.5]
    """
    ends = (closed - 1) // DAY
    days = np.arange(start // DAY, int(ends[-1]) + 1)
    rows = np.searchsorted(ends, days, side="right")
    return np.diff(np.concatenate(([0.0], equity))[rows], prepend=0.0)


def sharpe(changes: FloatArray, per_year: float) -> Sharpe:
    """Mean / standard deviation (ddof 1) of n changes, times sqrt(per_year); the riskless rate is taken as 0. Shape (n,), n at least 2.

    Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994). The probability is that of Bailey and Lopez de Prado, "The
    Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), eq. 11 against a ratio of 0, with the error of `variance_of_ratio`.
    """
    deviation = float(changes.std(ddof=1))
    if deviation <= _FLAT * float(np.abs(changes).max()):
        return Sharpe(reason="no variance")
    ratio = float(changes.mean()) / deviation
    error = math.sqrt(variance_of_ratio((changes - changes.mean()) / deviation, ratio) / len(changes))
    year = math.sqrt(per_year)
    return Sharpe(ratio * year, error * year, _normal(ratio / error))


def variance_of_ratio(scaled: FloatArray, ratio: float) -> float:
    """n times the variance of the Sharpe ratio of n changes, which are given as (change - mean) / deviation; shape (n,).

    The greatest of three. Mertens, "Comments on Variance of the IID estimator in Lo (2002)" (2002): 1 - skew * ratio + (kurtosis - 1) / 4
    * ratio^2, which is the mean square of the ratio's influence function. Lo, "The Statistics of Sharpe Ratios", Financial Analysts
    Journal 58 (2002): the same with what follows one another in it, by Newey and West (Econometrica 55, 1987), lags floor(4 (n /
    100)^(2/9)). And 1, as of a ratio of 0: in few trades skewness and ratio err together, and the first falls far below what is true.
    Measured: benchmarks/sharpe.py.

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
