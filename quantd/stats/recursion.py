"""Runs an estimator that takes one bar at a time over bars that may have holes, and saves and restores its state."""

import struct
from typing import Protocol

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray


class Recursion(Protocol):
    """An estimator whose whole memory is a few numbers; `n` counts bars."""

    n: int

    def step(self, y: float, x: float, bars: int = 1) -> None: ...

    def hedge(self) -> Hedge | None: ...

    def values(self) -> tuple[float, ...]: ...

    def restore(self, values: tuple[float, ...]) -> None: ...


class Run:
    """A recursion along absolute bar indices; missing bars widen its uncertainty."""

    def __init__(self, recursion: Recursion) -> None:
        self.recursion = recursion
        self._index = 0

    def push(self, index: int, y: float, x: float) -> None:
        """Take the bar with this index, whose prices must be finite."""
        since = index - self._index
        self.recursion.step(y, x, since if since > 1 and self.recursion.n else 1)
        self._index = index

    def state(self) -> bytes:
        values = self.recursion.values()
        return struct.pack(f"<q{len(values)}d", self._index, *values)

    def resume(self, state: bytes) -> None:
        self._index, *values = struct.unpack(f"<q{(len(state) - 8) // 8}d", state)
        self.recursion.restore(tuple(values))


def recursed(recursion: Recursion, y: FloatArray, x: FloatArray) -> Hedge | None:
    """Return the result of a new recursion over arrays of shape (n,); None below two bars or if a value is not finite."""
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return None
    for pair in zip(y.tolist(), x.tolist(), strict=True):
        recursion.step(*pair)
    return recursion.hedge()
