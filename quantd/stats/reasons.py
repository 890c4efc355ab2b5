"""Reasons why a statistic has no value."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd.stats.rolling import FLAT
from quantd.stats.ticks import RESOLVED, grid

Reason = Literal["short", "not finite", "flat", "collinear", "undetermined"]
BETAS_TICKS = 3.0
"""If the beta of a spread was fitted to other closes, a range of up to this many ticks may be due to rounding."""


def unfit(series: FloatArray, least: int) -> Reason | None:
    """Return the reason why a series of shape (n,) cannot have a statistic that needs at least `least` values, or None if it can.

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
    """Return the reason, as in `unfit`, why the spread y - beta * x of closes (n,) cannot have a statistic. A constant does not matter. The
    reason is also `flat` if nothing but rounding to ticks moves the spread, and `collinear` if y itself moves by more than that. `log` says
    that the closes are logarithms of prices.

    Closes are rounded to ticks, which leaves up to a tick of y and beta ticks of x in the spread. This remainder always reverts, and nobody
    can trade it.

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
    """Return the residuals of a spread after a regression on x."""
    line = ols_fit(spread, x)
    return spread - line.beta * (x - x[0]) if line else spread


def unfit_view(columns: Mapping[str, FloatArray], least: int, *, log: bool) -> Reason | None:
    """Return the reason, as in `unfit_spread`, for the columns that a job sees. It is also `flat` if the last bar has no z-score for this
    reason: a pair that stands still now is not one that has just reverted."""
    if not len(columns["spread"]):
        return "short"
    reason = unfit_spread(columns["spread"], columns["y"], columns["x"], float(columns["beta"][-1]), least, log=log)
    return reason or ("flat" if columns["spread_std"][-1] == 0.0 else None)
