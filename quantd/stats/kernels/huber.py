"""Huber's line by Newton steps between the closed forms of its linear pieces, and by reweighting where they do not converge.

These loops are for the compiler; the interpreter runs those of `huber_arrays`.
"""

import math

import numpy as np

from quantd.stats import FloatArray, order
from quantd.stats.kernels import huber_arrays, kernel
from quantd.stats.kernels.huber_arrays import CENTRE, LAST, LEVEL, NEXT, NONE, SETTLED, SIGMA, SLOPE

WEIGHTED_STEPS, WEIGHTED_AT_ONCE = 1_000, 10
NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal."""


@kernel("float64(float64[::1])", interpreted=order.median)
def _median(values: FloatArray) -> float:
    ranked: FloatArray = np.sort(values)
    middle: float = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2.0
    return middle


@kernel("UniTuple(float64, 2)(float64[::1], float64[::1])", interpreted=huber_arrays.standardise)
def _standardise(values: FloatArray, into: FloatArray) -> tuple[float, float]:
    """Fill `into` with the values less their median, in units of the median absolute deviation, and return these two. They keep the other
    values' digits even if one value is extreme."""
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
    """Return whether two lines differ by rounding alone; standardised u are of the order of one."""
    moved = one[LEVEL] - other[LEVEL] - other[SLOPE] * (one[CENTRE] - other[CENTRE])
    settled: bool = max(abs(moved), abs(one[SLOPE] - other[SLOPE]), abs(one[SIGMA] - other[SIGMA])) <= SETTLED
    return settled


@kernel("float64(float64[::1])", interpreted=huber_arrays.mean)
def _mean(values: FloatArray) -> float:
    mean = 0.0
    for i in range(len(values)):
        mean += values[i] / len(values)
    return mean


@kernel("float64(float64[::1], float64[::1], float64[::1])", interpreted=huber_arrays.median_size)
def _median_size(v: FloatArray, u: FloatArray, line: FloatArray) -> float:
    """Return the median of the absolute residuals."""
    sizes = np.empty(len(v))
    for i in range(len(v)):
        sizes[i] = abs(v[i] - line[LEVEL] - line[SLOPE] * (u[i] - line[CENTRE]))
    middle: float = _median(sizes)
    return middle


@kernel("int64(float64[::1], float64[::1], float64[::1], float64, float64[::1], float64[::1])", interpreted=huber_arrays.newton)
def _newton(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float, sides: FloatArray, after: FloatArray) -> int:
    """Compute in `after` the closed-form line for the sides of the current residuals, and return the kind of step.

    NEXT: `after` is the optimum if the residuals that are large now stay large, with their signs, and the others stay small. LAST: the line
    was already computed from exactly these `sides`, so it is the optimum. NONE: there is no such line.

    Level, slope and sigma have a closed form: least squares over the small residuals, shifted by sigma times the pull of the large ones.
    The form depends on the sides alone, so an optimum has the same bits whatever line led to it.
    """
    limit, near, moved = epsilon * line[SIGMA], 0, 0
    sum_u, sum_v, signs = 0.0, 0.0, 0.0
    for i in range(len(v)):
        residual = v[i] - line[LEVEL] - line[SLOPE] * (u[i] - line[CENTRE])
        side = 0.0 if abs(residual) <= limit else math.copysign(1.0, residual)
        moved += side != sides[i]
        sides[i] = side
        signs += side
        if side == 0.0:
            near += 1
            sum_u += u[i]
            sum_v += v[i]
    if moved == 0:
        return LAST
    if near < 2:
        return NONE
    centre, level = sum_u / near, sum_v / near
    square, product, pull = 0.0, 0.0, 0.0
    for i in range(len(v)):
        du = u[i] - centre
        if sides[i] == 0.0:
            square += du * du
            product += du * v[i]
        else:
            pull += sides[i] * du
    if square <= 0.0:
        return NONE
    slope, rest = product / square, 0.0
    for i in range(len(v)):
        if sides[i] == 0.0:
            residual = v[i] - level - slope * (u[i] - centre)
            rest += residual * residual
    by_level, by_slope = epsilon * signs / near, epsilon * pull / square
    freedom = len(v) - epsilon * epsilon * (len(v) - near) - near * by_level * by_level - square * by_slope * by_slope
    if freedom <= 0.0:
        return NONE
    sigma = max(math.sqrt(rest / freedom), SETTLED)
    after[LEVEL], after[SLOPE], after[CENTRE], after[SIGMA] = level + sigma * by_level, slope + sigma * by_slope, centre, sigma
    return NEXT


@kernel("void(float64[::1], float64[::1], float64[::1], float64, float64[::1])", interpreted=huber_arrays.reweight)
def _reweight(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float, after: FloatArray) -> None:
    """Do one step of reweighted least squares, with the scale that is right in the limit for the residuals of the line."""
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


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64, int64, float64[::1])")
def _jump(v: FloatArray, u: FloatArray, start: FloatArray, epsilon: float, newton_steps: int, line: FloatArray) -> bool:
    """Go from the starting line to the optimum by Newton steps; return False if they do not converge."""
    after, sides = np.empty(4), np.full(len(v), 2.0)
    line[:] = start
    for _ in range(newton_steps):
        step = _newton(v, u, line, epsilon, sides, after)
        if step != NEXT:
            return step == LAST
        line[:] = after
    return False


@kernel("void(float64[::1], float64[::1], float64[::1], float64, int64, float64[::1])")
def _settle(v: FloatArray, u: FloatArray, start: FloatArray, epsilon: float, newton_steps: int, line: FloatArray) -> None:
    """Go from the starting line to the optimum. Newton steps mostly reach it in a few iterations. If they run in circles, some steps of
    reweighting, which always descends, lead out of the circle."""
    after, below = np.empty(4), start.copy()
    for step in range(WEIGHTED_STEPS):
        if step % WEIGHTED_AT_ONCE == 0 and _jump(v, u, below, epsilon, newton_steps, line):
            return
        _reweight(v, u, below, epsilon, after)
        settled = _same(after, below)
        below[:] = after
        if settled:
            break
    line[:] = below


@kernel("float64(float64[::1], float64[::1], float64[::1], float64)", interpreted=huber_arrays.stderr)
def _stderr(v: FloatArray, u: FloatArray, line: FloatArray, epsilon: float) -> float:
    """Return Huber's asymptotic standard error of the slope (1981, 7.6.11); NaN if no residual is small."""
    n, limit, inside, pulls, mean, square = len(v), epsilon * line[SIGMA], 0, 0.0, _mean(u), 0.0
    for i in range(n):
        residual = v[i] - line[LEVEL] - line[SLOPE] * (u[i] - line[CENTRE])
        inside += abs(residual) <= limit
        pulls += min(abs(residual), limit) * min(abs(residual), limit)
    for i in range(n):
        square += (u[i] - mean) * (u[i] - mean)
    if inside == 0:
        return math.nan
    share = inside / n
    return (1.0 + 2.0 / n * (1.0 - share) / share) / share * math.sqrt(pulls / ((n - 2) * square))


@kernel("UniTuple(float64, 3)(float64[::1], float64[::1], float64, float64, int64)")
def huber_line(y: FloatArray, x: FloatArray, beta: float, epsilon: float, newton_steps: int) -> tuple[float, float, float]:
    """Return alpha, beta and the standard error of beta for arrays (n,) that are finite and whose least-squares line, of slope `beta`,
    leaves residuals. Reweighting starts after at most `newton_steps`."""
    v, u = np.empty(len(y)), np.empty(len(x))
    middle_y, scale_y = _standardise(y, v)
    middle_x, scale_x = _standardise(x, u)
    start, line = np.empty(4), np.empty(4)
    start[SLOPE] = beta * scale_x / scale_y
    start[LEVEL], start[CENTRE] = _mean(v), _mean(u)
    start[SIGMA] = max(_median_size(v, u, start) / NORMAL_MAD, SETTLED)
    _settle(v, u, start, epsilon, newton_steps, line)
    unit = scale_y / scale_x
    slope = line[SLOPE] * unit
    alpha = middle_y + scale_y * (line[LEVEL] - line[SLOPE] * line[CENTRE]) - slope * middle_x
    return alpha, slope, _stderr(v, u, line, epsilon) * unit
