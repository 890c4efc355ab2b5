"""Why there is no number."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd.stats.rolling import FLAT
from quantd.stats.ticks import RESOLVED, grid

Reason = Literal["short", "not finite", "flat", "collinear", "undetermined"]
BETAS_TICKS = 3.0
"""Up to so many ticks the range of a spread may be what rounding leaves if its beta was fitted to other closes."""


def unfit(series: FloatArray, least: int) -> Reason | None:
    """What keeps a series of shape (n,) from any statistic of at least `least` values; None where nothing does.

    >>> unfit(np.full(30, 5.0), 20), unfit(np.arange(30.0), 20)
    ('flat', None)
    """
    if not np.isfinite(series).all():
        return "not finite"
    if len(series) < least:
        return "short"
    low, high = float(series.min()), float(series.max())
    return "flat" if high - low <= FLAT * max(abs(low), abs(high)) else None


def unfit_spread(spread: FloatArray, y: FloatArray, x: FloatArray, beta: float, least: int, *, log: bool) -> Reason | None:
    """The reason that keeps y - beta * x of closes (n,), less any constant, from a statistic, as `unfit` tells it: `flat` also where
    nothing but rounding to ticks moves the spread, and `collinear` where y itself moves by more than that. `log` says that the closes are
    logarithms of prices.

    Closes that are rounded to ticks of their own leave in the spread up to a tick of y, and beta ticks of x: it comes back to its middle
    without fail, and nobody can trade it.

    >>> x = np.arange(30.0) * 0.37
    >>> unfit_spread(np.full(30, 5.0), 5.0 + x, x, 1.0, 20, log=False), unfit_spread(np.round(x) - x, np.round(x), x, 1.0, 20, log=False)
    ('collinear', 'collinear')
    """
    reason = unfit(spread, least)
    if reason is None:
        ticks = grid(y, log=log) + abs(beta) * grid(x, log=log)
        if not (_range(spread) <= BETAS_TICKS * ticks and _range(_rest(spread, x)) <= RESOLVED * ticks):
            return None
        return "flat" if _range(y) <= RESOLVED * ticks else "collinear"
    return "collinear" if reason == "flat" and unfit(y, least) is None else reason


def _range(series: FloatArray) -> float:
    return float(series.max() - series.min())


def _rest(spread: FloatArray, x: FloatArray) -> FloatArray:
    """What is left of a spread without what a line of x explains of it."""
    line = ols_fit(spread, x)
    return spread - line.beta * (x - x[0]) if line else spread


def unfit_view(columns: Mapping[str, FloatArray], least: int, *, log: bool) -> Reason | None:
    """The same of the columns that a job sees. `flat` also where the last bar has no z-score for this reason: a pair that stands still now
    is not one that came back before."""
    if not len(columns["spread"]):
        return "short"
    reason = unfit_spread(columns["spread"], columns["y"], columns["x"], float(columns["beta"][-1]), least, log=log)
    return reason or ("flat" if columns["spread_std"][-1] == 0.0 else None)
