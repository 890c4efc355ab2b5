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

NORMAL_MAD = 0.6744897501960817
"""The median absolute deviation of a standard normal: the 75 % point of its distribution."""
CANCELS = 1e-6
"""Below this share of what Syy + beta² Sxx was lately, the difference of the sums has too few digits: the window is priced close by
close."""
BETA_ERROR = 1e-9
"""What rounding may leave in beta, as a share of it."""
LEAST_MAD = 1e-6
"""A median absolute deviation below this share of the standard deviation is that of values which tie, and no unit."""


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

    def reach(self, window: int) -> int:
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
    size = math.sqrt(float(off @ off) / max(1, len(off) - 1))
    by_x = BETA_ERROR * abs(beta) * math.sqrt(float(of_x @ of_x) / max(1, len(off) - 1))
    moves = max(rounding(mean_y, mean_x, beta, log=log), by_x) < size < math.inf
    return Priced(mean_y + shift, mean_x, off if moves else np.zeros_like(off), moves, beta)


def rounding(y: float, x: float, beta: float, *, log: bool) -> float:
    """The standard deviation up to which a spread is rounding: 1e-12 of the price. A logarithm moves by the share that its price does."""
    return FLAT * (1.0 + abs(beta) if log else abs(y) + abs(beta * x))


def of_closes(method: ZMethod, window: int, halflife: float | None = None, *, log: bool = False) -> Callable[[Moments, float], Gauge]:
    """A function that makes the gauge of `window` closes for a beta, by the method window, ew or robust. The std of two closes is 0."""
    if method == "window":
        return lambda closes, beta: _of_sums(closes, beta, log=log)
    measure: Measure = robust if method == "robust" else weighted(window, halflife or window / 4)
    return lambda closes, beta: _of_each(closes, beta, measure, log=log)


def _of_sums(closes: Moments, beta: float, *, log: bool) -> Gauge:
    """Mean and sample standard deviation (ddof 1): Var(y - beta x) = (Syy - 2 beta Sxy + beta² Sxx) / (n - 1)."""
    square = closes.syy - 2.0 * beta * closes.sxy + beta * beta * closes.sxx
    if not square >= CANCELS * (closes.peak_y + beta * beta * closes.peak_x):  # true also of NaN
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


def plain(off: FloatArray) -> Level:
    """Mean and sample standard deviation (ddof 1)."""
    return 0.0, math.sqrt(float(off @ off) / (len(off) - 1))


def robust(off: FloatArray) -> Level:
    """Median, and the median absolute deviation over that of a standard normal (F. R. Hampel, 1974, JASA 69, 383-393): up to half of the
    values may be wild. Where half of them tie, the unit is 0: it would be rounding, or a tick.

    >>> robust(np.array([-1.0, 0.0, 2.0, 90.0, -91.0]))
    (0.0, 2.965204437011204)
    """
    middle = median(off)
    away = np.abs(off - middle)
    mad = median(away)
    return middle, mad / NORMAL_MAD if mad > LEAST_MAD * plain(off)[1] else 0.0


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
        return mean, math.sqrt(float(weights @ (away * away)) / freedom) if freedom > 0.0 else 0.0

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
