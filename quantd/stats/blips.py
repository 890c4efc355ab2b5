"""Bars that stand apart from those around them, looked for once in a whole window."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from quantd.stats import FloatArray
from quantd.stats.rolling import FLAT
from quantd.stats.theil_sen import theil_sen

AROUND = 7
"""A value is compared with the median of so many, itself in the middle."""
SAMPLE = 200
CALM, OF_CALM = 0.9, 1.27
"""The scale is the root mean square of the nine tenths nearest to their medians, times what makes a normal standard deviation of it."""
STRICT = 1.5
"""Values of a random walk are not normal around the median: so many times `clip` is a blip, twice that at the ends, where there are none
on one side."""


def blips(y: FloatArray, x: FloatArray, clip: float) -> NDArray[np.bool_]:
    """Which bars of two arrays of shape (n,) stand apart in x, or in y less x times the slope of Theil and Sen; none of the last two, since
    what comes after them may be like them, and none of fewer than 14 bars (after F. R. Hampel, The influence curve and its role in robust
    estimation, 1974; up to three in a row are found, and a level that stays is none).

    >>> x = np.linspace(100.0, 101.0, 20)
    >>> np.flatnonzero(blips(np.where(x == x[5], 999.0, 2.0 * x), x, 4.0)).tolist()
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
