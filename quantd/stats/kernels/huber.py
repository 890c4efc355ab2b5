"""Huber's line by Newton's steps between the closed forms of its pieces, and by reweighting where they do not settle."""

import math

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.kernels import kernel

LEVEL, SLOPE, CENTRE, SIGMA = 0, 1, 2, 3
"""Of a line: v = level + slope * (u - centre), with residuals of scale sigma."""
WEIGHTED_STEPS = 1_000
SETTLED = 1e-13
"""Changes and scales up to this fraction of y's median deviation are rounding."""
NORMAL_MAD = 0.6745
"""The median absolute deviation of a standard normal."""


@kernel("float64(float64[::1])")
def _median(values: FloatArray) -> float:
    ranked: FloatArray = np.sort(values)
    middle: float = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2.0
    return middle


@kernel("UniTuple(float64, 2)(float64[::1], float64[::1])")
def _standardise(values: FloatArray, into: FloatArray) -> tuple[float, float]:
    """The values less their median, in units of the median deviation, and these two: one wild value leaves the others their digits."""
    middle = _median(values)
    sizes = np.empty(len(values))
    largest = 0.0
    for i in range(len(values)):
        sizes[i] = abs(values[i] - middle)
        largest = max(largest, sizes[i])
    scale = _median(sizes)
    if scale == 0.0:
        scale = largest
    for i in range(len(values)):
        into[i] = (values[i] - middle) / scale
    return middle, scale


@kernel("boolean(float64[::1], float64[::1])")
def _same(one: FloatArray, other: FloatArray) -> bool:
    """Whether nothing but rounding parts two lines; standardised u are of size one."""
    moved = one[LEVEL] - other[LEVEL] - other[SLOPE] * (one[CENTRE] - other[CENTRE])
    settled: bool = max(abs(moved), abs(one[SLOPE] - other[SLOPE]), abs(one[SIGMA] - other[SIGMA])) <= SETTLED
    return settled


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64, float64[::1])")
def _newton(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float, after: FloatArray) -> bool:
    """The optimum if the residuals that are large now stay so, with their signs, and the others stay small; False if there is none.

    Then level, slope and sigma have a closed form: least squares over the small ones, shifted by sigma times the pull of the large.
    """
    limit, near = epsilon * line[SIGMA], 0
    sum_u, sum_v, signs = 0.0, 0.0, 0.0
    side = np.empty(len(v))
    for i in range(len(v)):
        residual = v[i] - line[LEVEL] - line[SLOPE] * (u[i] - line[CENTRE])
        side[i] = 0.0 if abs(residual) <= limit else math.copysign(1.0, residual)
        signs += side[i]
        if side[i] == 0.0:
            near += 1
            sum_u += u[i]
            sum_v += v[i]
    if near < 2:
        return False
    centre, level = sum_u / near, sum_v / near
    square, product, pull = 0.0, 0.0, 0.0
    for i in range(len(v)):
        du = u[i] - centre
        if side[i] == 0.0:
            square += du * du
            product += du * v[i]
        else:
            pull += side[i] * du
    if square <= 0.0:
        return False
    slope, rest = product / square, 0.0
    for i in range(len(v)):
        if side[i] == 0.0:
            residual = v[i] - level - slope * (u[i] - centre)
            rest += residual * residual
    by_level, by_slope = epsilon * signs / near, epsilon * pull / square
    freedom = len(v) - epsilon * epsilon * (len(v) - near) - near * by_level * by_level - square * by_slope * by_slope
    if freedom <= 0.0:
        return False
    sigma = max(math.sqrt(rest / freedom), SETTLED)
    after[LEVEL], after[SLOPE], after[CENTRE], after[SIGMA] = level + sigma * by_level, slope + sigma * by_slope, centre, sigma
    return True


@kernel("void(float64[::1], float64[::1], float64[::1], float64, float64[::1])")
def _reweight(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float, after: FloatArray) -> None:
    """One step of reweighted least squares, with the scale that is right for the line's residuals in the limit."""
    limit = epsilon * line[SIGMA]
    weights = np.empty(len(v))
    total, sum_u, sum_v, small = 0.0, 0.0, 0.0, 0.0
    for i in range(len(v)):
        size = abs(v[i] - line[LEVEL] - line[SLOPE] * (u[i] - line[CENTRE]))
        weights[i] = limit / max(size, limit)
        total += weights[i]
        sum_u += weights[i] * u[i]
        sum_v += weights[i] * v[i]
        small += min(size, limit) * min(size, limit)
    centre = sum_u / total
    square, product = 0.0, 0.0
    for i in range(len(v)):
        du = u[i] - centre
        square += weights[i] * du * du
        product += weights[i] * du * v[i]
    after[LEVEL], after[SLOPE], after[CENTRE] = sum_v / total, product / square, centre
    after[SIGMA] = max(math.sqrt(small / len(v)), SETTLED)


@kernel("void(float64[::1], float64[::1], float64[::1], float64, int64, float64[::1])")
def _settle(v: FloatArray, u: FloatArray, start: FloatArray, epsilon: float, newton_steps: int, line: FloatArray) -> None:
    """From the starting line on: Newton's steps, which mostly end at the optimum in a few, else reweighting, which descends."""
    after = np.empty(4)
    line[:] = start
    for _ in range(newton_steps):
        if not _newton(v, u, line, epsilon, after):
            break
        settled = _same(after, line)
        line[:] = after
        if settled:
            return
    line[:] = start
    for _ in range(WEIGHTED_STEPS):
        _reweight(v, u, line, epsilon, after)
        settled = _same(after, line)
        line[:] = after
        if settled:
            return


@kernel("float64(float64[::1], float64[::1], float64[::1], float64)")
def _stderr(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float) -> float:
    """Huber's asymptotic standard error of the slope (1981, 7.6.11)."""
    n, limit, inside, pulls, mean, square = len(v), epsilon * line[SIGMA], 0, 0.0, 0.0, 0.0
    for i in range(n):
        residual = v[i] - line[LEVEL] - line[SLOPE] * (u[i] - line[CENTRE])
        inside += abs(residual) <= limit
        pulls += min(abs(residual), limit) * min(abs(residual), limit)
        mean += u[i] / n
    for i in range(n):
        square += (u[i] - mean) * (u[i] - mean)
    share = inside / n
    return (1.0 + 2.0 / n * (1.0 - share) / share) / share * math.sqrt(pulls / ((n - 2) * square))


@kernel("UniTuple(float64, 3)(float64[::1], float64[::1], float64, float64, int64)")
def huber_line(y: FloatArray, x: FloatArray, beta: float, epsilon: float, newton_steps: int) -> tuple[float, float, float]:
    """alpha, beta and the standard error of beta of arrays (n,) that are finite and whose least-squares line, of slope `beta`, leaves
    residuals. At most `newton_steps` before reweighting."""
    v, u = np.empty(len(y)), np.empty(len(x))
    middle_y, scale_y = _standardise(y, v)
    middle_x, scale_x = _standardise(x, u)
    start, line, sizes = np.empty(4), np.empty(4), np.empty(len(y))
    start[SLOPE] = beta * scale_x / scale_y
    start[LEVEL], start[CENTRE] = 0.0, 0.0
    for i in range(len(y)):
        start[LEVEL] += v[i] / len(y)
        start[CENTRE] += u[i] / len(x)
    for i in range(len(y)):
        sizes[i] = abs(v[i] - start[LEVEL] - start[SLOPE] * (u[i] - start[CENTRE]))
    start[SIGMA] = max(_median(sizes) / NORMAL_MAD, SETTLED)
    _settle(v, u, start, epsilon, newton_steps, line)
    unit = scale_y / scale_x
    slope = line[SLOPE] * unit
    alpha = middle_y + scale_y * (line[LEVEL] - line[SLOPE] * line[CENTRE]) - slope * middle_x
    return alpha, slope, _stderr(v, u, line, epsilon) * unit
