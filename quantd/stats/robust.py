"""Huber's line: least squares for small residuals, absolute deviations for large ones, with the scale estimated jointly."""

import math

import numpy as np
from msgspec import Struct

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.order import median
from quantd.stats.regression import ols_fit

NEWTON_STEPS = 40
WEIGHTED_STEPS = 1_000
SETTLED = 1e-13
"""Changes and scales up to this fraction of y's median deviation are rounding."""
NORMAL_MAD = 0.6745
"""The median absolute deviation of a standard normal."""


class _Line(Struct, frozen=True, gc=False):
    """v = level + slope * (u - centre), with residuals of scale `sigma`."""

    level: float
    slope: float
    centre: float
    sigma: float

    def residuals(self, v: FloatArray, u: FloatArray) -> FloatArray:
        return v - self.level - self.slope * (u - self.centre)

    def equals(self, other: "_Line") -> bool:
        """Whether nothing but rounding parts them; standardised u are of size one."""
        moved = self.level - other.level - other.slope * (self.centre - other.centre)
        return max(abs(moved), abs(self.slope - other.slope), abs(self.sigma - other.sigma)) <= SETTLED


def huber(y: FloatArray, x: FloatArray, epsilon: float = 1.35) -> Hedge | None:
    """The line that minimises sum(sigma + H((y - alpha - beta * x) / sigma) * sigma) over alpha, beta and sigma > 0, for arrays of
    shape (n,); H(z) is z² up to `epsilon` >= 1 and 2 * epsilon * |z| - epsilon² beyond (P. J. Huber, Robust Statistics, 1981, 7.7).

    Solved on standardised prices, so it does not depend on their scale. `stderr` is Huber's asymptotic one (1981, 7.6.11). `r2` is
    None: it measures squares, which is not what the line minimises. Where least squares leave no residual, or have no line, theirs
    is the answer.
    """
    start = ols_fit(y, x)
    if start is None or start.r2 is None or not start.stderr:
        return start
    v, middle_y, scale_y = _standardised(y)
    u, middle_x, scale_x = _standardised(x)
    line = _settled(v, u, start.beta * scale_x / scale_y, epsilon)
    unit = scale_y / scale_x
    beta = line.slope * unit
    alpha = middle_y + scale_y * (line.level - line.slope * line.centre) - beta * middle_x
    return Hedge(alpha=alpha, beta=beta, n=len(y), stderr=_stderr(line, v, u, epsilon) * unit)


def _standardised(values: FloatArray) -> tuple[FloatArray, float, float]:
    """The values less their median, in units of the median deviation, and these two: one wild value leaves the others their digits."""
    middle = median(values)
    centred = values - middle
    scale = median(np.abs(centred)) or float(np.abs(centred).max())
    return centred / scale, middle, scale


def _settled(v: FloatArray, u: FloatArray, slope: float, epsilon: float) -> _Line:
    """From the least-squares line on: Newton's steps, which mostly end at the optimum in a few, else reweighting, which descends."""
    centre, level = float(u.sum()) / len(u), float(v.sum()) / len(v)
    spread = median(np.abs(v - level - slope * (u - centre))) / NORMAL_MAD
    start = line = _Line(level, slope, centre, max(spread, SETTLED))
    for _ in range(NEWTON_STEPS):
        after = _newton_step(line, v, u, epsilon)
        if after is None:
            break
        if after.equals(line):
            return after
        line = after
    return _reweighted(start, v, u, epsilon)


def _newton_step(line: _Line, v: FloatArray, u: FloatArray, epsilon: float) -> _Line | None:
    """The optimum if the residuals that are large now stay so, with their signs, and the others stay small; None if there is none.

    Then level, slope and sigma have a closed form: least squares over the small ones, shifted by sigma times the pull of the large.
    """
    residuals = line.residuals(v, u)
    large = np.abs(residuals) > epsilon * line.sigma
    near_v, near_u = v[~large], u[~large]
    n = len(near_u)
    if n < 2:
        return None
    centre = float(near_u.sum()) / n
    du = near_u - centre
    square = float(du @ du)
    if square <= 0.0:
        return None
    level, slope = float(near_v.sum()) / n, float(du @ near_v) / square
    rest = near_v - level - slope * du
    signs = np.sign(residuals[large])
    by_level, by_slope = epsilon * float(signs.sum()) / n, epsilon * float(signs @ (u[large] - centre)) / square
    freedom = len(v) - epsilon**2 * len(signs) - n * by_level**2 - square * by_slope**2
    if freedom <= 0.0:
        return None
    sigma = max(math.sqrt(float(rest @ rest) / freedom), SETTLED)
    return _Line(level + sigma * by_level, slope + sigma * by_slope, centre, sigma)


def _reweighted(line: _Line, v: FloatArray, u: FloatArray, epsilon: float) -> _Line:
    """Iteratively reweighted least squares, with the scale that is right for each line's residuals in the limit."""
    for _ in range(WEIGHTED_STEPS):
        sizes = np.abs(line.residuals(v, u))
        weights = epsilon * line.sigma / np.maximum(sizes, epsilon * line.sigma)
        total = float(weights.sum())
        centre = float(weights @ u) / total
        du = u - centre
        slope = float((weights * du) @ v) / float((weights * du) @ du)
        small = np.minimum(sizes, epsilon * line.sigma)
        sigma = max(math.sqrt(float(small @ small) / len(v)), SETTLED)
        after = _Line(float(weights @ v) / total, slope, centre, sigma)
        if after.equals(line):
            return after
        line = after
    return line


def _stderr(line: _Line, v: FloatArray, u: FloatArray, epsilon: float) -> float:
    n = len(v)
    du = u - u.mean()
    residuals = line.residuals(v, u)
    limit = epsilon * line.sigma
    share = float((np.abs(residuals) <= limit).mean())
    pulls = np.clip(residuals, -limit, limit)
    correction = 1.0 + 2.0 / n * (1.0 - share) / share
    return correction / share * math.sqrt(float(pulls @ pulls) / ((n - 2) * float(du @ du)))
