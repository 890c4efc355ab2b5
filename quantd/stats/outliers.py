"""Finds isolated outliers among the bars of a whole window."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from quantd.stats import FloatArray
from quantd.stats.rolling import FLAT
from quantd.stats.theil_sen import theil_sen

AROUND = 7
"""Number of values in the centred moving median with which each value is compared."""
SAMPLE = 200
CALM, OF_CALM = 0.9, 1.27
"""The scale is the root mean square of the CALM share of deviations that are smallest, times OF_CALM, which makes it the standard deviation
of a normal."""
STRICT = 1.5
"""Values of a random walk are not normal around the median. A bar is therefore an outlier beyond STRICT times `clip`, and beyond twice that
at the ends, where there are neighbours on one side only."""


def outliers(y: FloatArray, x: FloatArray, clip: float) -> NDArray[np.bool_]:
    """Return which bars of two arrays of shape (n,) are outliers in x, or in y less x times the Theil-Sen slope.

    The method follows F. R. Hampel (The influence curve and its role in robust estimation, 1974). It finds up to three outliers in a row; a
    level shift that stays is not an outlier. The last two bars are never marked, because the bars after them may be like them, and no bar
    is marked if there are fewer than 14.

    >>> x = np.linspace(100.0, 101.0, 20)
    >>> np.flatnonzero(outliers(np.where(x == x[5], 999.0, 2.0 * x), x, 4.0)).tolist()
    [5]
    """
    none = np.zeros(len(y), bool)
    every = -(-len(y) // SAMPLE)
    if len(y) < 2 * AROUND or (line := theil_sen(y[::every], x[::every])) is None:
        return none
    odd = _apart(y - line.beta * x, np.abs(y), clip) | _apart(x, np.abs(x), clip)
    odd[-2:] = False
    return odd


def _apart(values: FloatArray, sizes: FloatArray, clip: float) -> NDArray[np.bool_]:
    half = AROUND // 2
    off = np.abs(values - np.pad(np.median(sliding_window_view(values, AROUND), axis=1), half, mode="edge"))
    calm = np.sort(off)[: int(CALM * len(off))]
    limit = np.full(len(off), STRICT * clip * OF_CALM * np.sqrt(np.mean(calm * calm)))
    limit[:half] *= 2.0
    limit[-half:] *= 2.0
    apart: NDArray[np.bool_] = off > np.maximum(limit, FLAT * sizes)
    return apart
