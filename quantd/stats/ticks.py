"""The tick of a series of prices, as far as the prices themselves tell it."""

import numpy as np

from quantd.stats import FloatArray

RESOLVED = 1.5
"""A spread whose range is at most so many ticks, those of both legs taken together, is what rounding to ticks leaves."""
_SHARES = (1, 2, 3)
_OFF = 0.02


def grid(prices: FloatArray, *, log: bool) -> float:
    """The tick of prices (n,) that are all whole numbers of it apart, or of the prices whose logarithms these are: then what it is at the
    lowest. It is the exchange's, or a multiple. 0 where there is none, or but one price.

    >>> grid(np.array([1.0, 4.0, 1.5, 3.0]), log=False), grid(np.array([1.0, 4.0, 1.01, 3.777]), log=False)
    (0.5, 0.0)
    """
    ranked = np.unique(prices)
    above = ranked - ranked[0]
    if log:
        above = np.expm1(above)
    least = float(np.diff(above).min(initial=above[-1]))
    for share in _SHARES if least > 0.0 else ():  # two prices that are neighbours need not occur
        ticks = above / (least / share)
        if float(np.abs(ticks - np.rint(ticks)).max()) <= _OFF:
            return least / share
    return 0.0


def bound_tick(ranked: FloatArray) -> float:
    """The least difference of prices (n,), which ascend, or of their logarithms, if they are bound to ticks: at least every second repeats
    another, or all lie within 2 n such ticks. 0 of others.

    >>> bound_tick(np.array([1.0, 1.0, 9.0, 9.0])), bound_tick(np.array([1.0, 1.5, 2.0])), bound_tick(np.array([1.0, 1.1, 9.0]))
    (8.0, 0.5, 0.0)
    """
    n, steps = len(ranked), ranked[1:] - ranked[:-1]
    steps = steps[steps > 0.0]
    width = float(ranked[-1] - ranked[0])
    least = float(steps.min(initial=width))
    return least if width <= 2 * n * least or 2 * (1 + len(steps)) <= n else 0.0
