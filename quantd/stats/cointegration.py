"""Whether two series are tied together: the tests of Engle and Granger, and of Johansen."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.mackinnon import Trend, mackinnon_pvalue
from quantd.stats.reasons import Reason
from quantd.stats.regression import ols_fit
from quantd.stats.stationarity import adf

ENOUGH = 180
"""Bars from which the test is not called weak. Measured: benchmarks/false_positives.py."""
COLLINEAR = 1e-10
"""Residuals up to this share of y's movement are rounding: there is no equilibrium to return to, but an identity."""
_SHORTEST = 20


class EngleGranger(Struct, frozen=True):
    """The Dickey-Fuller statistic of the residuals of y on x, its p-value, lagged differences used, and bars. `reason` says why there is
    no statistic."""

    n: int
    stat: float | None = None
    pvalue: float | None = None
    lags: int | None = None
    reason: Reason | None = None

    @property
    def power(self) -> Literal["low"] | None:
        """low below 180 bars: a pair that is tied is then seldom found, and one that is not found too often."""
        return "low" if self.n < ENOUGH else None


def engle_granger(y: FloatArray, x: FloatArray, *, lags: int | None = None, max_lags: int | None = None) -> EngleGranger:
    """Test arrays of shape (n,) for cointegration (R. F. Engle and C. W. J. Granger, 1987, Econometrica 55, 251-276).

    The residuals of y = alpha + beta * x are tested for a unit root, without a constant and with as many lags as `adf` chooses; the
    p-value is MacKinnon's for two series. It is the test for a spread whose beta was fitted to the same bars: a plain Dickey-Fuller test
    takes that fit for a finding. It is not symmetric in y and x: test both ways.
    """
    n = len(y)
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        return EngleGranger(n, reason="not finite")
    if n < _SHORTEST:
        return EngleGranger(n, reason="short")
    y, x = _scaled(y), _scaled(x)
    line = ols_fit(y, x)
    if line is None or line.r2 is None:
        return EngleGranger(n, reason="flat")
    residuals = y - y.mean() - line.beta * (x - x.mean())
    residuals -= residuals.mean()  # the means were rounded at the size of prices
    if np.abs(residuals).max() <= COLLINEAR * np.abs(y - y.mean()).max():
        return EngleGranger(n, reason="collinear")
    found = adf(residuals, trend="n", lags=lags, max_lags=max_lags)
    if found is None:
        return EngleGranger(n, reason="undetermined")
    return EngleGranger(n, found.stat, mackinnon_pvalue(found.stat, "c", series=2), found.lags)


def _scaled(leg: FloatArray) -> FloatArray:
    """The leg over a power of two, which rounds nothing, so that no square overflows."""
    return np.ldexp(leg, -math.frexp(float(np.abs(leg).max()))[1])


class Johansen(Struct, frozen=True):
    """Likelihood ratios for no and for at most one relation, their 5 % critical values, how many relations there are at 5 %, and the hedge
    ratio of the strongest: y - beta * x is stationary if there is one."""

    trace: tuple[float, float]
    trace_critical: tuple[float, float]
    max_eigen: tuple[float, float]
    max_eigen_critical: tuple[float, float]
    rank: int
    beta: float | None


_DETERMINISTIC: dict[Trend, int] = {"n": -1, "c": 0, "ct": 1}


def johansen(y: FloatArray, x: FloatArray, *, trend: Trend = "c", lags: int = 1) -> Johansen | None:
    """S. Johansen's tests (1991, Econometrica 59, 1551-1580) of arrays of shape (n,), with `lags` lagged differences, by statsmodels.

    Made of the residuals of y on x, and x, each in its own size, which is the same test and keeps its digits where the legs are nearly one.
    None where there is no test: too short, not finite, or a leg that is flat or a copy of the other. Slow: run it beside the flow.
    """
    if len(y) < max(_SHORTEST, 6 * (lags + 1)) or engle_granger(y, x, lags=0).reason is not None:
        return None
    line = ols_fit(y, x)
    assert line is not None
    residuals = y - line.beta * x
    if trend != "n":
        residuals, x = residuals - residuals.mean(), x - x.mean()
    from statsmodels.tsa.vector_ar.vecm import coint_johansen

    size, size_x = float(np.abs(residuals).max()), float(np.abs(x).max())
    try:
        found = coint_johansen(np.column_stack([residuals / size, x / size_x]), _DETERMINISTIC[trend], lags)
    except np.linalg.LinAlgError:
        return None
    numbers = np.array([found.lr1, found.cvt[:, 1], found.lr2, found.cvm[:, 1]])
    if not (np.isfinite(numbers).all() and numbers.min() >= 0.0):
        return None
    trace, trace_critical, max_eigen, max_eigen_critical = ((float(pair[0]), float(pair[1])) for pair in numbers)
    rank = 0 if trace[0] < trace_critical[0] else 1 + (trace[1] >= trace_critical[1])
    of_residuals, of_x = (float(weight) for weight in found.evec[:, 0])
    beta = line.beta - of_x / of_residuals * size / size_x if of_residuals else None
    return Johansen(trace, trace_critical, max_eigen, max_eigen_critical, rank, beta)
