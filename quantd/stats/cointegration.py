"""The test of Engle and Granger for cointegration of two series."""

from typing import Literal

from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.legs import SHORTEST, legs_of
from quantd.stats.mackinnon import mackinnon_pvalue
from quantd.stats.reasons import Reason
from quantd.stats.stationarity import adf

ENOUGH = 180
"""Number of bars from which the power of the test is not called low, as measured by benchmarks/false_positives.py."""


class EngleGranger(Struct, frozen=True):
    """The Dickey-Fuller statistic of the residuals of y on x, its p-value, the number of lagged differences, and the number of bars.
    `reason` says why there is no statistic."""

    n: int
    stat: float | None = None
    pvalue: float | None = None
    lags: int | None = None
    reason: Reason | None = None

    @property
    def power(self) -> Literal["low"] | None:
        """`low` below 180 bars: the test then seldom finds a cointegrated pair, and may reject too often for one that is not."""
        return "low" if self.n < ENOUGH else None


def engle_granger(
    y: FloatArray,
    x: FloatArray,
    *,
    trend: Literal["c", "ct"] = "c",
    lags: int | None = None,
    max_lags: int | None = None,
    log: bool = False,
) -> EngleGranger:
    """Test arrays of shape (n,) for cointegration (R. F. Engle and C. W. J. Granger, 1987, Econometrica 55, 251-276).

    The residuals of y = alpha + beta * x, or of y = alpha + gamma * t + beta * x for `ct`, are tested for a unit root, without a constant
    and with the number of lags that `adf` would choose. The p-value is MacKinnon's for two series. This is the right test for a spread
    whose beta was fitted to the same bars: a plain Dickey-Fuller test mistakes that fit for evidence. It is not symmetric in y and x, so
    test both ways. `log` says that the values are logarithms of prices.
    """
    n = len(y)
    legs = legs_of(y, x, trend=trend, least=max(SHORTEST, 2 * (lags or 0) + 10), log=log)
    if isinstance(legs, str):
        return EngleGranger(n, reason=legs)
    found = adf(legs.residuals, trend="n", lags=lags, max_lags=max_lags)
    if found is None:
        return EngleGranger(n, reason="undetermined")
    return EngleGranger(n, found.stat, mackinnon_pvalue(found.stat, trend, series=2), found.lags)
