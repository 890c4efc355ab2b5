"""The tick size of a series of prices, as far as the prices themselves show it."""

import numpy as np

from quantd.stats import FloatArray

RESOLVED = 1.5
"""A spread whose range is at most this many ticks, of both legs together, is the effect of rounding to ticks."""
_SHARES = (1, 2, 3)
_OFF = 0.02


def grid(prices: FloatArray, *, log: bool) -> float:
    """Return the tick size of prices (n,) whose differences are all multiples of it. If the values are logarithms of prices, return the
    tick size relative to the lowest price. It is the exchange's tick size or a multiple of it; 0 if there is none, or only one price.

    >>> grid(np.array([1.0, 4.0, 1.5, 3.0]), log=False), grid(np.array([1.0, 4.0, 1.01, 3.777]), log=False)
    (0.5, 0.0)
    """
    ranked = np.unique(prices)
    above = ranked - ranked[0]
    if log:
        above = np.expm1(above)
    least = float(np.diff(above).min(initial=above[-1]))
    for share in _SHARES if least > 0.0 else ():  # neighbouring prices need not both occur
        ticks = above / (least / share)
        if float(np.abs(ticks - np.rint(ticks)).max()) <= _OFF:
            return least / share
    return 0.0


def bound_tick(ranked: FloatArray) -> float:
    """Return the smallest difference of ascending prices (n,), or of their logarithms, if the prices are bound to ticks: at least every
    second one repeats another, or all lie within 2 n such ticks. 0 for other prices.

    >>> bound_tick(np.array([1.0, 1.0, 9.0, 9.0])), bound_tick(np.array([1.0, 1.5, 2.0])), bound_tick(np.array([1.0, 1.1, 9.0]))
    (8.0, 0.5, 0.0)
    """
    n, steps = len(ranked), ranked[1:] - ranked[:-1]
    steps = steps[steps > 0.0]
    width = float(ranked[-1] - ranked[0])
    least = float(steps.min(initial=width))
    return least if width <= 2 * n * least or 2 * (1 + len(steps)) <= n else 0.0
