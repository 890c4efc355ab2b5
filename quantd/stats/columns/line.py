"""The arithmetic of `WalkingLine` and `LearnedNoise` for many pairs at once, in the same order and so with the same bits."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hypot import hypots
from quantd.stats.noise import DIFFUSE, SOUND


class Bars(NamedTuple):
    """A bar of each of P pairs: the prices, the number of bars since the last one, and scale(x). Each array has the shape (P,)."""

    y: FloatArray
    x: FloatArray
    since: FloatArray
    scale: FloatArray

    def take(self, which: IntArray) -> "Bars":
        """Return those of some pairs."""
        return Bars(self.y[which], self.x[which], self.since[which], self.scale[which])


class Lines(NamedTuple):
    """P lines: the walks of each, and the numbers of `WalkingLine.state`. Each array has the shape (P,)."""

    alpha_walk: FloatArray
    beta_walk: FloatArray
    x0: FloatArray
    unit: FloatArray
    level: FloatArray
    slope: FloatArray
    ll: FloatArray
    ls: FloatArray
    ss: FloatArray

    def take(self, which: IntArray) -> "Lines":
        """Return some of the lines."""
        return Lines(*(numbers[which] for numbers in self))


class Last(NamedTuple):
    """The numbers of `WalkingLine.last` for P lines, and the covariances of level and slope with the innovation. Each array has the shape
    (P,)."""

    u: FloatArray
    innovation: FloatArray
    variance: FloatArray
    by_level: FloatArray
    by_slope: FloatArray


class Noises(NamedTuple):
    """The noise that P lines have learned, and the number of innovations behind it. Each array has the shape (P,)."""

    learned: FloatArray
    seen: FloatArray


def scales(x: FloatArray, least_scale: float) -> FloatArray:
    """Return scale(x)."""
    found = hypots(x, least_scale) if least_scale else np.abs(x)
    return np.where(found == 0.0, 1.0, found)


def expected(lines: Lines, bars: Bars) -> tuple[Lines, Last]:
    """Predict, as `WalkingLine.expect`."""
    alpha_walk, beta_walk, x0, unit, level, slope, ll, ls, ss = lines
    y, x, since, scale = bars
    walked = since * beta_walk
    by_level, by_slope = x0 / scale, unit / scale
    both = walked * by_level
    ll = ll + (since * alpha_walk + both * by_level)
    ls = ls + both * by_slope
    ss = ss + walked * by_slope * by_slope
    u = (x - x0) / unit
    level_u, slope_u = ll + ls * u, ls + ss * u
    last = Last(u, y - level - slope * u, level_u + slope_u * u + 1.0, level_u, slope_u)
    return Lines(alpha_walk, beta_walk, x0, unit, level, slope, ll, ls, ss), last


def corrected(lines: Lines, last: Last) -> Lines:
    """Update with the last innovation, as `WalkingLine.correct`."""
    alpha_walk, beta_walk, x0, unit, level, slope, ll, ls, ss = lines
    u, innovation, variance, level_u, slope_u = last
    k, s = level_u / variance, slope_u / variance
    a, b, c, d = 1.0 - k, -k * u, -s, 1.0 - s * u
    p, q, r, t = a * ll + b * ls, a * ls + b * ss, c * ll + d * ls, c * ls + d * ss
    level, slope = level + k * innovation, slope + s * innovation
    return Lines(alpha_walk, beta_walk, x0, unit, level, slope, p * a + q * b + k * k, p * c + q * d + k * s, r * c + t * d + s * s)


def learned(noises: Noises, innovation: FloatArray, variance: FloatArray, clip2: float, memory: int) -> Noises:
    """Include one more innovation in each noise, as `LearnedNoise.learn`."""
    before, seen = noises
    tells: NDArray[np.bool_] = variance < DIFFUSE
    seen = seen + tells
    square = innovation * innovation / variance
    if clip2 < math.inf:
        most = clip2 * before
        large = square > most
        if large.any():
            square = np.where(large & (most > 0.0) & (seen > SOUND), most, square)
    after = before + (square - before) / np.minimum(seen, float(memory))
    return Noises(np.where(tells, after, before), seen)
