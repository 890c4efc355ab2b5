"""The KPSS test (Kwiatkowski, Phillips, Schmidt and Shin), whose null hypothesis is stationarity."""

from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.rolling import FLAT

_SHORTEST = 20
_LEVELS = (0.10, 0.05, 0.025, 0.01)
_CRITICAL = {"c": (0.347, 0.463, 0.574, 0.739), "ct": (0.119, 0.146, 0.176, 0.216)}
"""Critical values from table 1 of the paper."""


class Kpss(Struct, frozen=True, gc=False):
    """The statistic, its p-value within the table's range [0.01, 0.1] (a small value means not stationary), and the number of lags of the
    long-run variance."""

    stat: float
    pvalue: float
    lags: int


def kpss(series: FloatArray, *, trend: Literal["c", "ct"] = "c", lags: int | None = None) -> Kpss | None:
    """Test a series of shape (n,) for stationarity about a level, or about a linear trend (D. Kwiatkowski, P. C. B. Phillips, P. Schmidt
    and Y. Shin, 1992, Journal of Econometrics 54, 159-178).

    If `lags` is None, the number of lags is that of B. Hobijn, P. H. Franses and M. Ooms (2004, Statistica Neerlandica 58, 483-502). The
    p-value is interpolated in the paper's table; outside the table it stays at 0.1 or 0.01. None for fewer than 20 values, and for a flat
    or non-finite series.
    """
    n = len(series)
    peak = float(np.abs(series).max()) if n else 0.0
    if n < _SHORTEST or not np.isfinite(peak):
        return None
    residuals = _residuals(series / (peak or 1.0), trend)
    if np.abs(residuals).max() <= FLAT:
        return None
    lags = min(_hobijn(residuals), n - 1) if lags is None else min(lags, n - 1)
    weights = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
    long_run = float(residuals @ residuals) + 2.0 * float(weights @ _products(residuals, lags))
    if long_run <= 0.0:
        return None
    sums = np.cumsum(residuals)
    stat = float(sums @ sums) / (n * long_run)
    return Kpss(stat, float(np.interp(stat, _CRITICAL[trend], _LEVELS)), lags)


def _residuals(series: FloatArray, trend: str) -> FloatArray:
    centred: FloatArray = series - series.mean()
    centred -= centred.mean()  # the first mean was rounded at the size of the series
    if trend == "c":
        return centred
    time = np.arange(len(series)) - (len(series) - 1) / 2
    detrended: FloatArray = centred - float(time @ centred) / float(time @ time) * time
    return detrended


def _products(residuals: FloatArray, lags: int) -> FloatArray:
    """Return the sums of products of the residuals with themselves 1 to `lags` steps back."""
    return np.array([float(residuals[lag:] @ residuals[:-lag]) for lag in range(1, lags + 1)])


def _hobijn(residuals: FloatArray) -> int:
    n = len(residuals)
    reach = int(n ** (2.0 / 9.0))
    products = _products(residuals, reach) * 2.0 / n
    total = float(residuals @ residuals) / n + float(products.sum())
    slope = float(np.arange(1, reach + 1) @ products) / total if total else 0.0
    return int(1.1447 * (slope * slope) ** (1.0 / 3.0) * n ** (1.0 / 3.0))
