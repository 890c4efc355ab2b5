"""Sums and medians over the windows of many pairs, arrays of shape (W, P), whose bits in a column do not depend on the others."""

from collections.abc import Iterator

import numpy as np

from quantd.stats import FloatArray

BLOCK = 16_000
"""Number of prices of a leg that are computed with at once, so that the working set stays in the processor's cache."""


def blocks(bars: int, pairs: int) -> Iterator[slice]:
    """Yield the parts of the pairs that are computed at once, given the number of bars in the window.

    >>> list(blocks(8_000, 3))
    [slice(0, 2, None), slice(2, 4, None)]
    """
    together = max(BLOCK // max(bars, 1), 1)
    for first in range(0, pairs, together):
        yield slice(first, first + together)


def column_sums(block: FloatArray) -> FloatArray:
    """Return the sum of each column, in the order of its rows. A sum is never -0.0.

    numpy adds row to row in C order where there are two columns or more; a single one, or columns in Fortran's order, it adds pairwise.
    """
    total: FloatArray = np.add.reduce(np.ascontiguousarray(block), axis=0) if block.shape[1] > 1 else block.cumsum(axis=0)[-1]
    return total + 0.0


def column_medians(block: FloatArray) -> FloatArray:
    """Return the median of each column of at least one finite value."""
    ranked = np.sort(block.T, axis=1)
    n = ranked.shape[1]
    middle: FloatArray = (ranked[:, (n - 1) // 2] + ranked[:, n // 2]) / 2
    return middle
