"""How far the legs' prices stand from where a window of closes, priced with one hedge ratio, has its middle.

At a bar with hedge ratio beta all closes of the window are priced with that one beta: s_i = y_i - beta * x_i. A gauge holds the middle and
the unit of those spreads, and scores prices. Spreads that each have a beta of their own move with the noise of beta times the price, which
is mostly larger than what is looked for; the method `rolling` measures those, for comparison.
"""

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from quantd.model import Against, Hedge, ZMethod
from quantd.stats import FloatArray
from quantd.stats.order import median
from quantd.stats.rolling import FLAT, Moments, Window
from quantd.stats.ticks import bound_tick

NORMAL_MAD = 0.6744897501960817
"""The median absolute deviation of a standard normal: the 75 % point of its distribution."""
CANCELS = 1e-6
"""Below this share of what Syy + beta² Sxx was lately, the difference of the sums has too few digits: the window is priced close by
close."""
VANISHES = 1e-280
"""Sums of squares below this lose digits to underflow: the same is done."""
BETA_ERROR = 1e-9
"""What rounding may leave in beta, as a share of it."""
TIE = 1e-6
"""Spreads tie if they differ by no more than this share of what the legs move by: the rest is what rounding leaves in beta."""
TICK_TIE = 0.1
"""Spreads tie also if they differ by no more than this share of what one tick of a leg that is bound to its ticks moves them by."""


class ZScore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the spread is stretched, and beside what."""

    method: Annotated[
        ZMethod,
        Meta(
            description="Over the closes of the window, priced with the hedge ratio of now: mean and std (window), exponentially weighted "
            "ones (ew), median and MAD (robust); innovation: the regression's own prediction; rolling: spreads that each have their own "
            "hedge ratio."
        ),
    ] = "window"
    against: Annotated[
        Against, Meta(description="now: the window that ends with the bar; before: that of the bar before, which leaves |z| unbounded.")
    ] = "now"
    window: Annotated[int, Meta(ge=2, le=100_000, description="Closes; the regression's window when left out.")] | None = None
    halflife: Annotated[float, Meta(gt=0, description="Bars after which a spread weighs half, for ew; a quarter of the window.")] | None = (
        None
    )

    def __post_init__(self) -> None:
        if self.halflife is not None and self.method != "ew":
            raise ValueError(f"halflife: is for `method: ew`, not {self.method}: take it out")

    def bars_needed(self, window: int) -> int:
        """How many bars stand behind a hedge over `window` bars and its z-score: the first z-score is that of bar number so many."""
        if self.method == "innovation":
            return window
        own = self.window or window
        return (window + own - 1 if self.method == "rolling" else max(window, own)) + (self.against == "before")


class Gauge(Struct, frozen=True, gc=False):
    """A line of slope `beta` through the prices (`y`, `x`), and the unit `std` in which the distance of y from it is measured; 0 where
    nothing but rounding moves the spread."""

    beta: float
    y: float
    x: float
    std: float

    def off(self, y: float, x: float) -> float:
        """The distance of y from the line."""
        return (y - self.y) - self.beta * (x - self.x)

    def score(self, y: float, x: float) -> float | None:
        """The distance in units; None where there is no unit."""
        return self.off(y, x) / self.std if self.std else None


Level = tuple[float, float]
"""The middle of offsets, and their unit."""
Measure = Callable[[FloatArray], Level]


class Priced(Struct, frozen=True):
    """Closes priced with one beta: y_i - beta * x_i = y - beta * x + off_i, where `y` and `x` are their means, `off` has the shape (n,)
    and the mean 0, and `moves` says whether anything but rounding moves them."""

    y: float
    x: float
    off: FloatArray
    moves: bool
    beta: float

    @property
    def spread(self) -> FloatArray:
        """y_i - beta * x_i; all equal where only rounding moves them."""
        return self.y - self.beta * self.x + self.off


def priced(y: FloatArray, x: FloatArray, beta: float, *, log: bool) -> Priced:
    """Price closes of shape (n,), finite, in two passes; `log` says that they are logarithms of prices.

    Offsets of at most 1e-12 of the price, or 1e-9 of what x moves them by, are rounding, that of beta included: they are then all 0.

    >>> priced(np.array([5.0, 7.0, 9.0, 15.0]), np.array([1.0, 2.0, 3.0, 6.0]), 2.0, log=False).off.tolist()
    [0.0, 0.0, 0.0, 0.0]
    >>> priced(np.array([5.0, 7.0, 10.0, 14.0]), np.array([1.0, 2.0, 3.0, 4.0]), 2.0, log=False).off.tolist()
    [-1.0, -1.0, 0.0, 2.0]
    """
    mean_y, mean_x = float(y.mean()), float(x.mean())
    of_x = x - mean_x
    off = (y - mean_y) - beta * of_x
    shift = float(off.mean())
    off -= shift
    size = deviation(off)
    by_x = BETA_ERROR * abs(beta) * deviation(of_x)
    moves = max(rounding(mean_y, mean_x, beta, log=log), by_x) < size < math.inf
    return Priced(mean_y + shift, mean_x, off if moves else np.zeros_like(off), moves, beta)


def rounding(y: float, x: float, beta: float, *, log: bool) -> float:
    """The standard deviation up to which a spread is rounding: 1e-12 of the price. A logarithm moves by the share that its price does."""
    return FLAT * (1.0 + abs(beta) if log else abs(y) + abs(beta * x))


def of_closes(method: ZMethod, window: int, halflife: float | None = None, *, log: bool = False) -> Callable[[Moments, float], Gauge]:
    """A function that makes the gauge of `window` closes for a beta, by the method window, ew or robust. The std of two closes is 0."""
    if method == "window":
        return lambda closes, beta: _of_sums(closes, beta, log=log)
    if method == "robust":
        return lambda closes, beta: _of_each(closes, beta, lambda off: robust(off, tied(*closes.legs(), beta, log=log)), log=log)
    measure = weighted(window, halflife or window / 4)
    return lambda closes, beta: _of_each(closes, beta, measure, log=log)


def _of_sums(closes: Moments, beta: float, *, log: bool) -> Gauge:
    """Mean and sample standard deviation (ddof 1): Var(y - beta x) = (Syy - 2 beta Sxy + beta² Sxx) / (n - 1)."""
    square = closes.syy - 2.0 * beta * closes.sxy + beta * beta * closes.sxx
    if not square > CANCELS * (closes.peak_y + beta * beta * closes.peak_x) + VANISHES:  # true also of NaN
        return _of_each(closes, beta, plain, log=log)
    std = math.sqrt(square / (closes.n - 1)) if closes.n > 2 else 0.0
    if not rounding(closes.mean_y, closes.mean_x, beta, log=log) < std < math.inf:
        std = 0.0
    return Gauge(beta, closes.mean_y, closes.mean_x, std)


def _of_each(closes: Moments, beta: float, measure: Measure, *, log: bool) -> Gauge:
    """The middle and the unit of the closes priced one by one."""
    found = priced(*closes.legs(), beta, log=log)
    if not found.moves or closes.n < 3:
        return Gauge(beta, found.y, found.x, 0.0)
    middle, std = measure(found.off)
    return Gauge(beta, found.y + middle, found.x, std if math.isfinite(std) else 0.0)


def deviation(off: FloatArray) -> float:
    """The sample standard deviation (ddof 1) of offsets whose mean is 0, of any size: no square overflows or vanishes. 0 below two.

    >>> deviation(np.array([-3e-200, 3e-200])) / 3e-200
    1.414213562373095
    """
    peak = float(np.abs(off).max()) if len(off) > 1 else 0.0
    if not 0.0 < peak < math.inf:
        return peak
    unit = math.frexp(peak)[1]
    of_unit = np.ldexp(off, -unit)
    return math.ldexp(math.sqrt(float(of_unit @ of_unit) / (len(off) - 1)), unit)


def plain(off: FloatArray) -> Level:
    """Mean and sample standard deviation (ddof 1)."""
    return 0.0, deviation(off)


def robust(off: FloatArray, tie: float = 0.0) -> Level:
    """Median, and the median absolute deviation over that of a standard normal (F. R. Hampel, 1974, JASA 69, 383-393): up to half of the
    values may be wild. Where half of them are within `tie` of one another the unit is 0: it would be rounding, or a share of a tick.

    >>> robust(np.array([-1.0, 0.0, 2.0, 90.0, -91.0]))
    (0.0, 2.965204437011204)
    >>> robust(np.array([0.0, 1e-9, 2e-9, 1.0, 2.0]), tie=1e-6)
    (2e-09, 0.0)
    """
    ranked = np.sort(off)
    n, half = len(off), (len(off) + 1) // 2
    middle = float(ranked[half - 1] + ranked[n // 2]) / 2
    if float((ranked[half - 1 :] - ranked[: n - half + 1]).min()) <= tie:
        return middle, 0.0
    return middle, median(np.abs(off - middle)) / NORMAL_MAD


def tied(y: FloatArray, x: FloatArray, beta: float, *, log: bool) -> float:
    """The distance up to which spreads y - beta * x of closes (n,) tie. A few wild closes do not move it."""
    y, x, size, n = np.sort(y), np.sort(x), abs(beta), len(y)
    low, high = n // 4, n - 1 - n // 4
    moved = float(y[high] - y[low]) + size * float(x[high] - x[low])
    by_ticks = TICK_TIE * max(bound_tick(y), size * bound_tick(x))
    return max(TIE * moved, rounding(float(y[n // 2]), float(x[n // 2]), beta, log=log), by_ticks)


def weighted(window: int, halflife: float) -> Measure:
    """Weighted mean and standard deviation, where a value `halflife` bars old weighs half as much as the newest.

    The variance is the unbiased one for reliability weights, sum(w (v - m)²) / (sum(w) - sum(w²) / sum(w)), which is what pandas'
    `ewm(halflife=...).std()` gives over the same values.
    """
    weights = weights_of(window, halflife)
    freedom = 1.0 - float(weights @ weights)

    def measure(off: FloatArray) -> Level:
        mean = float(weights @ off)
        away = off - mean
        if freedom <= 0.0:
            return mean, 0.0
        peak = float(np.abs(away).max())
        away /= peak or 1.0  # the squares of prices of any size neither overflow nor vanish
        return mean, peak * math.sqrt(float(weights @ (away * away)) / freedom)

    return measure


def weights_of(window: int, halflife: float) -> FloatArray:
    """The weight of each of the values, oldest first; the sum is 1.

    >>> weights_of(2, 1.0).tolist()
    [0.3333333333333333, 0.6666666666666666]
    """
    weights: FloatArray = 0.5 ** (np.arange(window)[::-1] / halflife)
    weights /= weights.sum()
    return weights


def of_spreads(spreads: Window, hedge: Hedge, least: float, *, residual: bool) -> Gauge:
    """The gauge of spreads that each have a beta of their own: their mean and sample standard deviation (ddof 1), in O(1); up to `least`
    that is rounding. `residual` says that alpha has been taken off them."""
    std = math.sqrt(spreads.m2 / (spreads.n - 1))
    middle = spreads.mean + hedge.alpha if residual else spreads.mean
    return Gauge(hedge.beta, middle, 0.0, std if least < std < math.inf else 0.0)
