"""`quantd.stats.robust.huber` of many pairs at once, with the same bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.columns.blocks import blocks, column_medians, column_sums
from quantd.stats.columns.hedges import HedgeColumns, of_hedges
from quantd.stats.kernels.huber import NORMAL_MAD
from quantd.stats.kernels.huber_arrays import SETTLED
from quantd.stats.robust import NEWTON_STEPS, huber
from quantd.stats.rolling import FLAT

MANY = 4
"""Number of pairs from which they cost less together than each alone."""
Places = NDArray[np.intp]
Marks = NDArray[np.bool_]


def huber_many(y: FloatArray, x: FloatArray, epsilon: float = 1.35) -> HedgeColumns:
    """Return the line of `huber` for each column of arrays of shape (W, P), oldest bar first.

    All columns take the same Newton steps together. A column for which they do not settle, or whose legs do not move, is left to `huber`.
    """
    n, pairs = y.shape
    if pairs < MANY:
        return of_hedges([_alone(y, x, at, epsilon) for at in range(pairs)])
    numbers, known = np.full((4, pairs), np.nan), np.zeros(pairs, bool)
    for part in blocks(n, pairs):
        _fill(numbers[:, part], known[part], y[:, part], x[:, part], epsilon)
    none = np.full(pairs, np.nan)
    alpha, beta, stderr, r2 = numbers
    return HedgeColumns(alpha, beta, stderr, r2, none, none, np.ones(pairs), np.full(pairs, n), known)


class _Fit(NamedTuple):
    """Lines v = level + slope * (u - centre) with residuals of scale sigma; each of shape (Q,)."""

    level: FloatArray
    slope: FloatArray
    centre: FloatArray
    sigma: FloatArray

    def residuals(self, v: FloatArray, u: FloatArray) -> FloatArray:
        residuals = v - self.level
        residuals -= self.slope * (u - self.centre)
        return residuals

    def of(self, which: Marks | Places) -> "_Fit":
        return _Fit(*(column[which] for column in self))


@np.errstate(all="ignore")
def _fill(numbers: FloatArray, known: Marks, y: FloatArray, x: FloatArray, epsilon: float) -> None:
    slopes = _least_squares(y, x)
    good = np.flatnonzero(np.isfinite(slopes))
    done = good[:0]
    if len(good):
        settled, lines = _lines(y.take(good, 1), x.take(good, 1), slopes[good], epsilon)
        done = good[settled]
        numbers[:3, done], known[done] = lines, True
    for at in np.setdiff1d(np.arange(y.shape[1]), done).tolist():
        if line := _alone(y, x, at, epsilon):
            numbers[:, at], known[at] = (line.alpha, line.beta, line.stderr, line.r2), True


def _alone(y: FloatArray, x: FloatArray, at: int, epsilon: float) -> Hedge | None:
    return huber(y[:, at].copy(), x[:, at].copy(), epsilon)


def _least_squares(y: FloatArray, x: FloatArray) -> FloatArray:
    """Return the results of `robust.least_squares`; NaN for its None."""
    n = len(y)
    if n < 3:
        return np.full(y.shape[1], np.nan)
    (mean_y, dy), (mean_x, dx) = _centred(y), _centred(x)
    syy, sxx, sxy = column_sums(dy * dy), column_sums(dx * dx), column_sums(dx * dy)
    beta = sxy / sxx
    rest = dy - beta * dx
    moves = _moves(n, mean_y, syy) & _moves(n, mean_x, sxx) & (column_sums(rest * rest) > 0.0)
    return np.where(moves, beta, np.nan)


def _centred(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean = column_sums(values / len(values))
    return mean, values - mean


def _moves(n: int, mean: FloatArray, square: FloatArray) -> Marks:
    """Return the opposite of `rolling.still`."""
    level = FLAT * mean
    moves: Marks = ((n - 1) * (level * level) < square) & (square < np.inf)
    return moves


def _lines(y: FloatArray, x: FloatArray, slopes: FloatArray, epsilon: float) -> tuple[Places, FloatArray]:
    """Return the columns that settle, given the slopes of least squares, and their alpha, beta and stderr, of shape (3, settled)."""
    (middle_y, scale_y, v), (middle_x, scale_x, u) = _standardised(y), _standardised(x)
    start = _start(v, u, slopes * scale_x / scale_y)
    settled, fit = _settled(v, u, start, epsilon)
    v, u, unit = v.take(settled, 1), u.take(settled, 1), (scale_y / scale_x)[settled]
    slope = fit.slope * unit
    alpha = middle_y[settled] + scale_y[settled] * (fit.level - fit.slope * fit.centre) - slope * middle_x[settled]
    return settled, np.array([alpha, slope, _stderr(v, u, fit, epsilon) * unit])


def _standardised(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    middle = column_medians(values)
    off = values - middle
    sizes = np.abs(off)
    scale = column_medians(sizes)
    scale = np.where(scale == 0.0, sizes.max(axis=0), scale)
    return middle, scale, off / scale


def _start(v: FloatArray, u: FloatArray, slope: FloatArray) -> _Fit:
    fit = _Fit(column_sums(v / len(v)), slope, column_sums(u / len(u)), np.empty(0))
    return fit._replace(sigma=np.maximum(column_medians(np.abs(fit.residuals(v, u))) / NORMAL_MAD, SETTLED))


def _settled(v: FloatArray, u: FloatArray, fit: _Fit, epsilon: float) -> tuple[Places, _Fit]:
    """Go to the optima by the steps of `huber_arrays.newton`. Return the columns that have reached theirs, and the lines there."""
    places, sides = np.arange(v.shape[1]), np.full(v.shape, 2.0)
    reached: list[Places] = []
    optima: list[_Fit] = []
    for _ in range(NEWTON_STEPS):
        residuals = fit.residuals(v, u)
        side = np.sign(residuals)
        side *= np.abs(residuals) > epsilon * fit.sigma
        last = (side == sides).all(axis=0)
        if last.any():
            reached.append(places[last])
            optima.append(fit.of(last))
            v, u, side, places = _of(~last, v, u, side, places)
        if not len(places):
            break
        fit, exists = _next(v, u, side, epsilon)
        if not exists.all():
            v, u, side, places = _of(exists, v, u, side, places)
            fit = fit.of(exists)
        sides = side
    if not reached:
        return places[:0], fit.of(places[:0])
    return np.concatenate(reached), _Fit(*map(np.concatenate, zip(*optima, strict=True)))


def _of(which: Marks, v: FloatArray, u: FloatArray, side: FloatArray, places: Places) -> tuple[FloatArray, FloatArray, FloatArray, Places]:
    return v.compress(which, 1), u.compress(which, 1), side.compress(which, 1), places[which]


def _next(v: FloatArray, u: FloatArray, side: FloatArray, epsilon: float) -> tuple[_Fit, Marks]:
    """Return the closed-form lines for these sides, and which exist."""
    n, large = len(v), np.abs(side)
    small = 1.0 - large
    near = n - column_sums(large)
    centre, level = column_sums(u * small) / near, column_sums(v * small) / near
    du = u - centre
    near_du = du * small
    square, pull = column_sums(near_du * near_du), column_sums(side * du)
    slope = column_sums(near_du * v) / square
    rests = v - level
    rests -= slope * du
    rests *= small
    by_level, by_slope = epsilon * column_sums(side) / near, epsilon * pull / square
    freedom = n - epsilon * epsilon * (n - near) - near * by_level * by_level - square * by_slope * by_slope
    sigma = np.maximum(np.sqrt(column_sums(rests * rests) / freedom), SETTLED)
    return _Fit(level + sigma * by_level, slope + sigma * by_slope, centre, sigma), (near >= 2) & (square > 0.0) & (freedom > 0.0)


def _stderr(v: FloatArray, u: FloatArray, fit: _Fit, epsilon: float) -> FloatArray:
    n, limit = len(v), epsilon * fit.sigma
    sizes = np.abs(fit.residuals(v, u))
    small, (_, du) = np.minimum(sizes, limit), _centred(u)
    share = column_sums((sizes <= limit).astype(np.float64)) / n
    variance = column_sums(small * small) / ((n - 2) * column_sums(du * du))
    error: FloatArray = (1.0 + 2.0 / n * (1.0 - share) / share) / share * np.sqrt(variance)
    return error
