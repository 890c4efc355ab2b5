"""Made pairs of legs."""

import numpy as np

from quantd.stats import FloatArray


def tied(seed: int, n: int, phi: float = 0.8) -> tuple[FloatArray, FloatArray]:
    """A pair whose spread is an AR(1) process; with phi 1 the legs have nothing to do with one another."""
    chance = np.random.default_rng(seed)
    x = 3_000.0 + chance.normal(size=n).cumsum()
    shocks, spread = chance.normal(size=n), np.zeros(n)
    for at in range(1, n):
        spread[at] = phi * spread[at - 1] + shocks[at]
    return 100.0 + 2.0 * x + spread, x


def walks(seed: int, n: int) -> tuple[FloatArray, FloatArray]:
    """Two legs that have nothing to do with one another."""
    y, x = 100.0 + np.random.default_rng(seed).normal(size=(2, n)).cumsum(axis=1)
    return y, x
