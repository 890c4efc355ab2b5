"""The distance of the legs' prices from the mean of a window of closes that are all priced with one hedge ratio.

At a bar with hedge ratio beta, all closes of the window are priced with that one beta: s_i = y_i - beta * x_i. A gauge holds the mean and
the unit of those spreads, and scores prices. Spreads that each have a beta of their own move with the noise of beta times the price, which
is mostly larger than the mispricing that is looked for; the method `rolling` measures those, for comparison.
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
"""Median absolute deviation of a standard normal: the 75 % point of its distribution."""
CANCELS = 1e-6
"""If the variance of the spread is below this share of the recent Syy + beta² Sxx, the difference of the sums has too few digits, and each
close is priced by itself."""
VANISHES = 1e-280
"""Sums of squares below this lose digits to underflow, and each close is priced by itself."""
BETA_ERROR = 1e-9
"""Relative error that rounding may leave in beta."""
TIE = 1e-6
"""Spreads are tied if they differ by no more than this share of what the legs move by: the rest is what rounding leaves in beta."""
TICK_TIE = 0.1
"""Spreads are also tied if they differ by no more than this share of the effect of one tick of a leg that is bound to its ticks."""


class ZScore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a z-score is computed."""

    method: Annotated[
        ZMethod,
        Meta(
            description="Statistics of the closes of the window, priced with the current hedge ratio: mean and std (window), "
            "exponentially weighted ones (ew), median and MAD (robust); innovation: the regression's own prediction; rolling: spreads that "
            "each have their own hedge ratio."
        ),
    ] = "window"
    against: Annotated[
        Against,
        Meta(description="now: the window that ends with the bar; before: the window of the bar before, which leaves |z| unbounded."),
    ] = "now"
    window: Annotated[int, Meta(ge=2, le=100_000, description="Number of closes; by default the window of the regression.")] | None = None
    halflife: (
        Annotated[
            float, Meta(gt=0, description="Bars after which a spread has half the weight, for ew; by default a quarter of the window.")
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.halflife is not None and self.method != "ew":
            raise ValueError(f"halflife: is for `method: ew`, not {self.method}: take it out")

    def bars_needed(self, window: int) -> int:
        """Return how many bars the first z-score needs, given that the hedge ratio is fitted over `window` bars."""
        if self.method == "innovation":
            return window
        own = self.window or window
        return (window + own - 1 if self.method == "rolling" else max(window, own)) + (self.against == "before")


class Gauge(Struct, frozen=True, gc=False):
    """A line of slope `beta` through the prices (`y`, `x`), and the unit `std` in which the distance of y from it is measured; `std` is 0
    if nothing but rounding moves the spread."""

    beta: float
    y: float
    x: float
    std: float

    def off(self, y: float, x: float) -> float:
        """Return the distance of y from the line."""
        return (y - self.y) - self.beta * (x - self.x)

    def score(self, y: float, x: float) -> float | None:
        """Return the distance in units of `std`; None if `std` is 0."""
        return self.off(y, x) / self.std if self.std else None


Level = tuple[float, float]
"""The centre of offsets, and their unit."""
Measure = Callable[[FloatArray], Level]


class Priced(Struct, frozen=True):
    """Closes priced with one beta: y_i - beta * x_i = y - beta * x + off_i. `y` and `x` are the means, `off` has the shape (n,) and the
    mean 0, and `moves` says whether anything but rounding moves the closes."""

    y: float
    x: float
    off: FloatArray
    moves: bool
    beta: float

    @property
    def spread(self) -> FloatArray:
        """Return y_i - beta * x_i; all equal if only rounding moves them."""
        return self.y - self.beta * self.x + self.off


def priced(y: FloatArray, x: FloatArray, beta: float, *, log: bool) -> Priced:
    """Price finite closes of shape (n,) in two passes; `log` says that they are logarithms of prices.

    Offsets of at most 1e-12 of the price, or 1e-9 of the effect of x, are rounding, including that of beta, and are set to 0.

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
    """Return the standard deviation up to which a spread is rounding: 1e-12 of the price. The change of a logarithm is the relative change
    of its price."""
    return FLAT * (1.0 + abs(beta) if log else abs(y) + abs(beta * x))


def of_closes(method: ZMethod, window: int, halflife: float | None = None, *, log: bool = False) -> Callable[[Moments, float], Gauge]:
    """Return a function that makes the gauge of `window` closes for a beta, by the method window, ew or robust. The std of two closes is
    0."""
    if method == "window":
        return lambda closes, beta: _of_sums(closes, beta, log=log)
    if method == "robust":
        return lambda closes, beta: _of_each(closes, beta, lambda off: robust(off, tied(*closes.legs(), beta, log=log)), log=log)
    measure = weighted(window, halflife or window / 4)
    return lambda closes, beta: _of_each(closes, beta, measure, log=log)


def _of_sums(closes: Moments, beta: float, *, log: bool) -> Gauge:
    """Return the gauge by mean and sample standard deviation (ddof 1): Var(y - beta x) = (Syy - 2 beta Sxy + beta² Sxx) / (n - 1)."""
    square = closes.syy - 2.0 * beta * closes.sxy + beta * beta * closes.sxx
    if not square > CANCELS * (closes.peak_y + beta * beta * closes.peak_x) + VANISHES:  # also true for NaN
        return _of_each(closes, beta, plain, log=log)
    std = math.sqrt(square / (closes.n - 1)) if closes.n > 2 else 0.0
    if not rounding(closes.mean_y, closes.mean_x, beta, log=log) < std < math.inf:
        std = 0.0
    return Gauge(beta, closes.mean_y, closes.mean_x, std)


def _of_each(closes: Moments, beta: float, measure: Measure, *, log: bool) -> Gauge:
    """Return the gauge by pricing each close by itself."""
    found = priced(*closes.legs(), beta, log=log)
    if not found.moves or closes.n < 3:
        return Gauge(beta, found.y, found.x, 0.0)
    middle, std = measure(found.off)
    return Gauge(beta, found.y + middle, found.x, std if math.isfinite(std) else 0.0)


def deviation(off: FloatArray) -> float:
    """Return the sample standard deviation (ddof 1) of offsets of any size whose mean is 0: no square overflows or vanishes. 0 below two
    values.

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
    """Return the mean and the sample standard deviation (ddof 1)."""
    return 0.0, deviation(off)


def robust(off: FloatArray, tie: float = 0.0) -> Level:
    """Return the median, and the median absolute deviation over that of a standard normal (F. R. Hampel, 1974, JASA 69, 383-393). Up to
    half of the values may be outliers. If half of the values are within `tie` of one another, the unit is 0, because it would measure
    rounding or a fraction of a tick.

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
    """Return the distance up to which spreads y - beta * x of closes (n,) are tied. A few outliers do not change it."""
    y, x, size, n = np.sort(y), np.sort(x), abs(beta), len(y)
    low, high = n // 4, n - 1 - n // 4
    moved = float(y[high] - y[low]) + size * float(x[high] - x[low])
    by_ticks = TICK_TIE * max(bound_tick(y), size * bound_tick(x))
    return max(TIE * moved, rounding(float(y[n // 2]), float(x[n // 2]), beta, log=log), by_ticks)


def weighted(window: int, halflife: float) -> Measure:
    """Return a function for the weighted mean and standard deviation, in which a value `halflife` bars old has half the weight of the
    newest.

    The variance is the unbiased one for reliability weights, sum(w (v - m)²) / (sum(w) - sum(w²) / sum(w)), as in pandas'
    `ewm(halflife=...).std()` over the same values.
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
    """Return the weight of each value, oldest first; they sum to 1.

    >>> weights_of(2, 1.0).tolist()
    [0.3333333333333333, 0.6666666666666666]
    """
    weights: FloatArray = 0.5 ** (np.arange(window)[::-1] / halflife)
    weights /= weights.sum()
    return weights


def of_spreads(spreads: Window, hedge: Hedge, least: float, *, residual: bool) -> Gauge:
    """Return the gauge of spreads that each have a beta of their own: their mean and sample standard deviation (ddof 1), in O(1). A
    deviation up to `least` is rounding. `residual` says that alpha has been subtracted."""
    std = math.sqrt(spreads.m2 / (spreads.n - 1))
    middle = spreads.mean + hedge.alpha if residual else spreads.mean
    return Gauge(hedge.beta, middle, 0.0, std if least < std < math.inf else 0.0)
