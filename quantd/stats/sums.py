"""Means and centred sums of two series, which are all that a least-squares line needs."""

from typing import Protocol

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray


class Sums(Protocol):
    """Means, sums of squared deviations and sum of their products of `n` pairs. `quantd.stats.rolling.Moments` provides them for a
    window."""

    @property
    def n(self) -> int: ...

    @property
    def mean_y(self) -> float: ...

    @property
    def mean_x(self) -> float: ...

    @property
    def syy(self) -> float: ...

    @property
    def sxx(self) -> float: ...

    @property
    def sxy(self) -> float: ...


class Fixed(Struct, frozen=True, gc=False):
    """Sums with fixed values."""

    n: int
    mean_y: float
    mean_x: float
    syy: float
    sxx: float
    sxy: float


def sums_of(y: FloatArray, x: FloatArray) -> Fixed | None:
    """Return the sums of two arrays of shape (n,), in two passes; None below two pairs and if a value is not finite.

    >>> sums_of(np.array([3.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0]))
    Fixed(n=3, mean_y=5.0, mean_x=2.0, syy=8.0, sxx=2.0, sxy=4.0)
    """
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    mean_y, mean_x = float(y.mean()), float(x.mean())
    dy, dx = y - mean_y, x - mean_x
    return Fixed(len(y), mean_y, mean_x, float(dy @ dy), float(dx @ dx), float(dx @ dy))
