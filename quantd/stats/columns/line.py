"""The arithmetic of `WalkingLine` and `LearnedNoise` for many lines at once, in the same order and so with the same bits."""

import math
from itertools import repeat
from typing import NamedTuple

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.noise import DIFFUSE, SOUND


class Lines(NamedTuple):
    """The states of P lines, one array per number of `WalkingLine.state`."""

    x0: FloatArray
    unit: FloatArray
    level: FloatArray
    slope: FloatArray
    ll: FloatArray
    ls: FloatArray
    ss: FloatArray


class Walks(NamedTuple):
    """What P lines may walk up to a bar: the variances of their walks since the last bar, and the scales of x at that bar."""

    alpha: FloatArray
    beta: FloatArray
    scale: FloatArray


class Last(NamedTuple):
    """The results of P lines for the last bar, one array per number of `WalkingLine.last`."""

    u: FloatArray
    innovation: FloatArray
    variance: FloatArray


def scales(x: FloatArray, least_scale: float) -> FloatArray:
    """Return scale(x). Python computes hypot, because that of numpy differs in the last bit."""
    found = np.array(list(map(math.hypot, x.tolist(), repeat(least_scale)))) if least_scale else np.abs(x)
    return np.where(found == 0.0, 1.0, found)


def expected(lines: Lines, walks: Walks, y: FloatArray, x: FloatArray) -> tuple[Lines, Last]:
    """Predict, as `WalkingLine.expect`."""
    x0, unit, level, slope, ll, ls, ss = lines
    by_level, by_slope = x0 / walks.scale, unit / walks.scale
    both = walks.beta * by_level
    ll = ll + (walks.alpha + both * by_level)
    ls = ls + both * by_slope
    ss = ss + walks.beta * by_slope * by_slope
    u = (x - x0) / unit
    variance = ll + ls * u + (ls + ss * u) * u + 1.0
    return Lines(x0, unit, level, slope, ll, ls, ss), Last(u, y - level - slope * u, variance)


def corrected(lines: Lines, last: Last) -> Lines:
    """Update with the last innovation, as `WalkingLine.correct`."""
    x0, unit, level, slope, ll, ls, ss = lines
    u, innovation, variance = last
    k, s = (ll + ls * u) / variance, (ls + ss * u) / variance
    a, b, c, d = 1.0 - k, -k * u, -s, 1.0 - s * u
    p, q, r, t = a * ll + b * ls, a * ls + b * ss, c * ll + d * ls, c * ls + d * ss
    return Lines(
        x0, unit, level + k * innovation, slope + s * innovation, p * a + q * b + k * k, p * c + q * d + k * s, r * c + t * d + s * s
    )


def learned(before: FloatArray, seen: FloatArray, last: Last, memory: int, clip2: float) -> tuple[FloatArray, FloatArray]:
    """Include one more innovation in each noise, as `LearnedNoise.learn`; return the noises and the numbers of innovations in them."""
    _, innovation, variance = last
    tells = variance < DIFFUSE
    seen = seen + tells
    square = innovation * innovation / variance
    if clip2 < math.inf:
        most = clip2 * before
        square = np.where((square > most) & (most > 0.0) & (seen > SOUND), most, square)
    after = before + (square - before) / np.minimum(seen, float(memory))
    return np.where(tells, after, before), seen
