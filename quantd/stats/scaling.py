"""Scales series of any size to values near 1."""

import math

import numpy as np

from quantd.stats import FloatArray


def scaled(series: FloatArray) -> tuple[FloatArray, int]:
    """Return a finite series of shape (n,), n at least 1, divided by 2**exponent, and the exponent. Its values are at most 1 in size, so
    that no square overflows or vanishes; dividing by a power of two rounds nothing.

    >>> of_unit, exponent = scaled(np.array([6.0, -1.0]))
    >>> of_unit.tolist(), exponent
    ([0.75, -0.125], 3)
    """
    exponent = math.frexp(float(np.abs(series).max()))[1]
    return np.ldexp(series, -exponent), exponent
