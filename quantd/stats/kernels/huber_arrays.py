"""The loops of Huber's line for the interpreter: numpy array operations, some twenty times as fast as loops.

They give the same bits as the loops: sums are taken in order, by `cumsum`, because numpy's `sum` adds in another order.
"""

import math

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.order import median

LEVEL, SLOPE, CENTRE, SIGMA = 0, 1, 2, 3
"""Positions of the parameters of a line, v = level + slope * (u - centre), with residuals of scale sigma."""
NONE, NEXT, LAST = 0, 1, 2
"""Kinds of result of a Newton step."""
SETTLED = 1e-13
"""Changes and scales up to this fraction of y's median absolute deviation are rounding."""


def standardise(values: FloatArray, into: FloatArray) -> tuple[float, float]:
    middle = median(values)
    sizes = np.abs(values - middle)
    scale = median(sizes) or float(sizes.max())
    into[:] = (values - middle) / scale
    return middle, scale


def mean(values: FloatArray) -> float:
    return ordered_sum(values / len(values))


def median_size(v: FloatArray, u: FloatArray, line: FloatArray) -> float:
    return median(np.abs(_residuals(v, u, line)))


def newton(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float, sides: FloatArray, after: FloatArray) -> int:
    residuals = _residuals(v, u, line)
    small = np.abs(residuals) <= epsilon * line[SIGMA]
    side = np.where(small, 0.0, np.copysign(1.0, residuals))
    if (side == sides).all():
        return LAST
    sides[:] = side
    near, signs = int(small.sum()), float(side.sum())
    if near < 2:
        return NONE
    small_u, small_v = u[small], v[small]
    centre, level = ordered_sum(small_u) / near, ordered_sum(small_v) / near
    du = small_u - centre
    square = ordered_sum(du * du)
    if square <= 0.0:
        return NONE
    slope = ordered_sum(du * small_v) / square
    rests = small_v - level - slope * du
    by_level, by_slope = epsilon * signs / near, epsilon * ordered_sum(side * (u - centre)) / square
    freedom = len(v) - epsilon * epsilon * (len(v) - near) - near * by_level * by_level - square * by_slope * by_slope
    if freedom <= 0.0:
        return NONE
    sigma = max(math.sqrt(ordered_sum(rests * rests) / freedom), SETTLED)
    after[:] = level + sigma * by_level, slope + sigma * by_slope, centre, sigma
    return NEXT


def reweight(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float, after: FloatArray) -> None:
    limit = epsilon * line[SIGMA]
    sizes = np.abs(_residuals(v, u, line))
    small = np.minimum(sizes, limit)
    weights = limit / np.maximum(sizes, limit)
    total = ordered_sum(weights)
    centre = ordered_sum(weights * u) / total
    du = u - centre
    slope = ordered_sum(weights * du * v) / ordered_sum(weights * du * du)
    after[:] = ordered_sum(weights * v) / total, slope, centre, max(math.sqrt(ordered_sum(small * small) / len(v)), SETTLED)


def stderr(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float) -> float:
    n, limit = len(v), epsilon * line[SIGMA]
    sizes = np.abs(_residuals(v, u, line))
    small, du = np.minimum(sizes, limit), u - mean(u)
    share = int((sizes <= limit).sum()) / n
    if share == 0.0:
        return math.nan
    return (1.0 + 2.0 / n * (1.0 - share) / share) / share * math.sqrt(ordered_sum(small * small) / ((n - 2) * ordered_sum(du * du)))


def _residuals(v: FloatArray, u: FloatArray, line: FloatArray) -> FloatArray:
    level, slope, centre, _ = line.tolist()
    residuals: FloatArray = v - level - slope * (u - centre)
    return residuals


def ordered_sum(values: FloatArray) -> float:
    """Return the sum in the order of the values, never -0.0."""
    return float(values.cumsum()[-1]) + 0.0
