"""How far a value stands from the middle of the last `window` values, in units of their spread: plain, weighted by age, or robust.

A score is None where those values do not move (see `quantd.stats.rolling.flat`), and until there are `window` of them.
"""

import math
from collections import deque
from typing import Literal, Protocol

import numpy as np

from quantd.stats.order import median
from quantd.stats.rolling import Window, flat

Method = Literal["rolling", "ew", "robust"]
NORMAL_MAD = 0.6744897501960817
"""The median absolute deviation of a standard normal: the 75 % point of its distribution."""


class Scores(Protocol):
    """The last `window` values of one series."""

    def push(self, index: int, value: float) -> None:
        """Take the finite value of bar `index`; the oldest leaves a full window."""

    def clear(self) -> None:
        """Forget every value."""

    @property
    def full(self) -> bool: ...

    @property
    def level(self) -> tuple[float, float]:
        """The middle and the spread of the values held, in their unit; needs two values."""


class Rolling:
    """Mean and sample standard deviation (ddof 1), in O(1).

    >>> scores = Rolling(3)
    >>> for index, value in enumerate([1.0, 2.0, 3.0]):
    ...     scores.push(index, value)
    >>> scores.level
    (2.0, 1.0)
    """

    def __init__(self, window: int) -> None:
        self._values = Window(window)
        self.push = self._values.push
        self.clear = self._values.clear

    @property
    def full(self) -> bool:
        return self._values.full

    @property
    def level(self) -> tuple[float, float]:
        values = self._values
        return values.mean, math.sqrt(values.m2 / (values.n - 1))


class _Kept:
    """The values themselves, for what is computed anew at each bar."""

    def __init__(self, window: int) -> None:
        self._values: deque[float] = deque(maxlen=window)

    def push(self, index: int, value: float) -> None:
        self._values.append(value)

    def clear(self) -> None:
        self._values.clear()

    @property
    def full(self) -> bool:
        return len(self._values) == self._values.maxlen


class ExponentiallyWeighted(_Kept):
    """Weighted mean and standard deviation, where a value `halflife` bars old weighs half as much as the newest.

    The variance is the unbiased one for reliability weights, sum(w (v - m)²) / (sum(w) - sum(w²) / sum(w)), which is what pandas'
    `ewm(halflife=...).std()` gives over the same values. Values older than the window are left out, so that a restart gives the same bits.
    """

    def __init__(self, window: int, halflife: float) -> None:
        super().__init__(window)
        self._weights = 0.5 ** (np.arange(window)[::-1] / halflife)

    @property
    def level(self) -> tuple[float, float]:
        values = np.array(self._values)
        weights = self._weights[-len(values) :]
        total = float(weights.sum())
        mean = float(weights @ values) / total
        off = values - mean
        return mean, math.sqrt(float(weights @ (off * off)) / (total - float(weights @ weights) / total))


class Robust(_Kept):
    """Median, and the median absolute deviation over that of a standard normal (F. R. Hampel, 1974, JASA 69, 383-393): up to half of the
    values may be wild."""

    @property
    def level(self) -> tuple[float, float]:
        values = np.array(self._values)
        middle = median(values)
        return middle, median(np.abs(values - middle)) / NORMAL_MAD


def scores(method: Method, window: int, halflife: float | None = None) -> Scores:
    """The scores of that method; `halflife`, in bars, is a quarter of the window unless told."""
    if method == "ew":
        return ExponentiallyWeighted(window, halflife or window / 4)
    return Rolling(window) if method == "rolling" else Robust(window)


def score(value: float, middle: float, spread: float, scale: float) -> float | None:
    """(value - middle) / spread; None where the spread is nothing but rounding beside prices of size `scale`.

    >>> score(5.0, 2.0, 1.5, 100.0), score(5.0, 2.0, 1e-13, 100.0)
    (2.0, None)
    """
    return None if flat(spread, scale) else (value - middle) / spread
