"""Why there is no number."""

from typing import Literal

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.rolling import FLAT

Reason = Literal["short", "not finite", "flat", "collinear", "undetermined"]


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


def unfit_spread(spread: FloatArray, y: FloatArray, least: int) -> Reason | None:
    """The reason that keeps a spread of shape (n,) from a statistic, as `unfit` tells it, and `collinear` if it does not move though y
    does.

    >>> unfit_spread(np.full(30, 5.0), np.arange(30.0), 20)
    'collinear'
    """
    reason = unfit(spread, least)
    return "collinear" if reason == "flat" and unfit(y, least) is None else reason
