"""Recursions that would remember forever, made to depend on at most the last 2 * window bars."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray


class Recursion(Protocol):
    """An estimator that takes one bar at a time; `n` counts them."""

    n: int

    def step(self, y: float, x: float) -> None: ...

    def hedge(self) -> Hedge | None: ...


def recursed(run: Recursion, y: FloatArray, x: FloatArray) -> Hedge | None:
    """The answer of a fresh run after arrays of shape (n,); None below two bars or where a value is not finite."""
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    for pair in zip(y.tolist(), x.tolist(), strict=True):
        run.step(*pair)
    return run.hedge()


class Relay:
    """Runs of a recursion in relay: one begins at every index that divides by `window`, and has `window` bars to settle.

    The older of the last two answers. While the younger is in the second half of its first `window` bars the answer slides over to it, so
    that beta, and the spread with it, never jumps. No run is older than 2 * window bars: a restart gives the same bits.
    """

    def __init__(self, window: int, begin: Callable[[], Recursion]) -> None:
        self._window = window
        self._begin = begin
        self._block: int | None = None
        self._runs: list[Recursion] = []

    def push(self, index: int, y: float, x: float) -> Hedge | None:
        """The answer as of bar `index`, whose prices must be finite; None before `window` bars."""
        block = index // self._window
        if block != self._block:
            self._block = block
            self._runs = [*self._runs[-1:], self._begin()]
        for run in self._runs:
            run.step(y, x)
        older, younger = self._runs[0], self._runs[-1]
        if older.n < self._window:
            return None
        weight = 2.0 * younger.n / self._window - 1.0
        return older.hedge() if weight <= 0.0 else _between(older.hedge(), younger.hedge(), min(weight, 1.0))


def _between(one: Hedge | None, other: Hedge | None, weight: float) -> Hedge | None:
    """(1 - weight) of one and `weight` of the other; of errors that is the most the sum's can be."""
    if one is None or other is None or one is other:
        return one or other

    def mixed(a: float, b: float) -> float:
        return (1.0 - weight) * a + weight * b

    def both(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else mixed(a, b)

    alpha, beta = mixed(one.alpha, other.alpha), mixed(one.beta, other.beta)
    return Hedge(alpha=alpha, beta=beta, n=one.n, stderr=both(one.stderr, other.stderr), r2=both(one.r2, other.r2))
