"""Order statistics without numpy's general machinery: `np.median` takes five times as long for 60 values.

numpy finds one rank of some thousand values in a seventh of the time in which it finds two at once.
"""

from quantd.stats import FloatArray


def median(values: FloatArray) -> float:
    """Return the median of a 1-d array of at least one finite value.

    >>> import numpy as np
    >>> median(np.array([3.0, 1.0, 2.0])), median(np.array([4.0, 1.0]))
    (2.0, 2.5)
    """
    ranked = values.copy()
    half = len(ranked) // 2
    ranked.partition(half)
    right = float(ranked[half])
    left = right if len(ranked) % 2 else float(ranked[:half].max())
    return (left + right) / 2


def select(values: FloatArray, low: int, high: int) -> None:
    """Move the values of two ranks, low <= high, to their places, with the smaller ones before and the larger ones behind.

    >>> import numpy as np
    >>> values = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    >>> select(values, 1, 3)
    >>> values[1], values[3]
    (np.float64(2.0), np.float64(4.0))
    """
    values.partition(low)
    if low < high:
        values[low + 1 :].partition(high - low - 1)
