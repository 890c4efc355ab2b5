"""math.hypot of many values at once. np.hypot differs from it in the last bit of some values in a million."""

import math

import numpy as np

from quantd.stats import FloatArray

_IS_WIDE = np.finfo(np.longdouble).nmant >= 63
_UNSURE = 0.002
"""A root whose place between two floats is this near to the middle may be rounded to either of them. Its error is below 0.001."""


def hypots(x: FloatArray, other: float) -> FloatArray:
    """Return math.hypot(x, other) for an array of shape (n,) and an `other` of at least 1e-100, to the last bit.

    math.hypot rounds correctly unless the root is almost exactly between two floats. So does the root of a sum in extended precision; what
    is near to the middle, about a value in a hundred, is left to math.hypot, and everything on machines without extended precision.
    """
    if not _IS_WIDE:
        return np.array([math.hypot(each, other) for each in x.tolist()])
    wide, wide_other = x.astype(np.longdouble), np.longdouble(other)
    root = np.sqrt(wide * wide + wide_other * wide_other)
    found: FloatArray = root.astype(np.float64)
    off = np.abs((root - found).astype(np.float64)) / np.spacing(found)
    unsure = (off > 0.5 - _UNSURE) | (np.abs(off - 0.25) < _UNSURE)  # below a power of two the floats are twice as dense
    if unsure.any():
        found[unsure] = [math.hypot(each, other) for each in x[unsure].tolist()]
    return found
