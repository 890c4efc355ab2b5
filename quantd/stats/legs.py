"""Prepares two legs for a cointegration test, or tells why there is none."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.reasons import Reason, unfit
from quantd.stats.scaling import scaled
from quantd.stats.ticks import RESOLVED, grid

SHORTEST = 20
"""Number of bars below which no test is made."""
COLLINEAR = 1e-10
"""Residuals up to this share of y's movement are rounding: the legs then satisfy an identity and have no equilibrium to return to."""


class Legs(Struct, frozen=True):
    """The legs divided by 2**of_y and 2**of_x, which rounds nothing and keeps squares from overflowing, and the residuals of the regression
    of y on x. All arrays have the shape (n,)."""

    y: FloatArray
    x: FloatArray
    residuals: FloatArray
    of_y: int
    of_x: int


def legs_of(y: FloatArray, x: FloatArray, *, trend: Literal["c", "ct"] = "c", least: int = SHORTEST, log: bool = False) -> Legs | Reason:
    """Return the legs, arrays of shape (n,), with the line y = alpha + beta * x, or alpha + gamma * t + beta * x; or the reason why they
    cannot be tested. `log` says that the values are logarithms of prices.

    The reason `collinear` covers legs of which one is the other's line rounded to ticks: their spread never leaves these ticks, so its
    reversion is an artefact of the resolution. The reason `flat` covers a leg that is nothing but the trend.
    """
    reason = unfit(y, least) or unfit(x, least)
    if reason:
        return reason
    tick_y, tick_x = grid(y, log=log), grid(x, log=log)
    (y, of_y), (x, of_x) = scaled(y), scaled(x)
    free = [_detrended(leg, trend) for leg in (y, x)]
    if free[0] is None or free[1] is None:
        return "flat"
    beta = float(free[1] @ free[0]) / float(free[1] @ free[1])
    residuals = _centred(free[0] - beta * free[1])
    if _identical(y, x, beta, float(np.abs(residuals).max()), float(np.abs(free[0]).max())):
        return "collinear"
    ticks = math.ldexp(tick_y, -of_y) + abs(beta) * math.ldexp(tick_x, -of_x)
    if float(residuals.max() - residuals.min()) <= RESOLVED * ticks:
        return "collinear"
    return Legs(y, x, residuals, of_y, of_x)


def _identical(y: FloatArray, x: FloatArray, beta: float, strayed: float, moved: float) -> bool:
    """Return whether residuals of at most `strayed`, of a y that moved by `moved`, are the rounding of doubles."""
    rounding = 4.0 * float(np.spacing(max(np.abs(y).max(), abs(beta) * np.abs(x).max())))
    return strayed <= max(COLLINEAR * moved, rounding)


def _detrended(leg: FloatArray, trend: Literal["c", "ct"]) -> FloatArray | None:
    """Return a leg without its mean and trend; None if the rest is rounding."""
    centred = _centred(leg)
    if trend == "c":
        return centred
    time = np.linspace(-1.0, 1.0, len(leg))
    left = _centred(centred - float(time @ centred) / float(time @ time) * time)
    rounding = max(COLLINEAR * float(np.abs(centred).max()), 4.0 * float(np.spacing(np.abs(leg).max())))
    return None if np.abs(left).max() <= rounding else left


def _centred(values: FloatArray) -> FloatArray:
    """Return the values less their mean. The mean is subtracted twice, because the first was rounded at the size of prices."""
    near = values - float(values.sum()) / len(values)
    return near - float(near.sum()) / len(near)
