"""Series of any size, brought near to 1."""

import math

import numpy as np

from quantd.stats import FloatArray


def scaled(series: FloatArray) -> tuple[FloatArray, int]:
    """A series of shape (n,), finite, n at least 1, over 2**exponent, and the exponent: at most 1 in size, so that no square overflows or
    vanishes; a power of two rounds nothing.

    >>> of_unit, exponent = scaled(np.array([6.0, -1.0]))
    >>> of_unit.tolist(), exponent
    ([0.75, -0.125], 3)
    """
    exponent = math.frexp(float(np.abs(series).max()))[1]
    return np.ldexp(series, -exponent), exponent
