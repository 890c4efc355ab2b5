"""Two legs made ready for a test of whether they are tied, or the reason why there is none."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.reasons import Reason, unfit
from quantd.stats.scaling import scaled
from quantd.stats.ticks import RESOLVED, grid

SHORTEST = 20
"""Bars below which no test is made."""
COLLINEAR = 1e-10
"""Residuals up to this share of y's movement are rounding: there is no equilibrium to return to, but an identity."""


class Legs(Struct, frozen=True):
    """The legs over 2**of_y and 2**of_x, which rounds nothing, so that no square overflows, and the residuals of the line of y on x. All
    arrays are of shape (n,)."""

    y: FloatArray
    x: FloatArray
    residuals: FloatArray
    of_y: int
    of_x: int


def legs_of(y: FloatArray, x: FloatArray, *, trend: Literal["c", "ct"] = "c", least: int = SHORTEST, log: bool = False) -> Legs | Reason:
    """The legs of arrays of shape (n,), with the line y = alpha + beta * x, or alpha + gamma * t + beta * x. `log` says that they are
    logarithms of prices.

    `collinear` are also legs of which one is the other's line rounded to ticks: their spread never leaves them, so it is no price that
    comes back but one that is not resolved. `flat` is also a leg that is nothing but the trend.
    """
    reason = unfit(y, least) or unfit(x, least)
    if reason:
        return reason
    tick_y, tick_x = grid(y, log=log), grid(x, log=log)
    (y, of_y), (x, of_x) = scaled(y), scaled(x)
    free = [_freed(leg, trend) for leg in (y, x)]
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
    """Whether residuals of at most `strayed`, of a y that moved by `moved`, are the rounding of doubles."""
    rounding = 4.0 * float(np.spacing(max(np.abs(y).max(), abs(beta) * np.abs(x).max())))
    return strayed <= max(COLLINEAR * moved, rounding)


def _freed(leg: FloatArray, trend: Literal["c", "ct"]) -> FloatArray | None:
    """What is left of a leg without its mean and trend; None where that is rounding."""
    centred = _centred(leg)
    if trend == "c":
        return centred
    time = np.linspace(-1.0, 1.0, len(leg))
    left = _centred(centred - float(time @ centred) / float(time @ time) * time)
    rounding = max(COLLINEAR * float(np.abs(centred).max()), 4.0 * float(np.spacing(np.abs(leg).max())))
    return None if np.abs(left).max() <= rounding else left


def _centred(values: FloatArray) -> FloatArray:
    """Less the mean, twice: the first was rounded at the size of prices."""
    near = values - float(values.sum()) / len(values)
    return near - float(near.sum()) / len(near)
