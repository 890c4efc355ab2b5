"""A Kalman filter of the line y = alpha + beta * x whose alpha and beta are random walks."""

import math

from quantd.model import Hedge
from quantd.stats.line import WalkingLine
from quantd.stats.noise import DIFFUSE, LearnedNoise

PRIOR = 1e18
"""Variance of the line before the first bar, as a multiple of the noise variance. It is so large that the prior leaves no trace, however
little x moves."""
LEAST_LOG = 0.01
"""Lower bound of the scale of a log price: the logarithm of a price near 1 says nothing about how much the price moves."""


class KalmanFilter:
    """A Kalman filter of a line and its noise. The noise is learned one bar late: the expectation for a bar must not know that bar. The
    noise scales only `stderr` and `innovation_std`. `weight` is always 1: every bar counts in full."""

    __slots__ = ("_line", "_noise", "n", "weight")

    def __init__(self, line: WalkingLine, noise: LearnedNoise) -> None:
        self._line = line
        self._noise = noise
        self.n = 0
        self.weight = 1.0

    def step(self, y: float, x: float, bars: int = 1) -> None:
        """Predict, then update with one bar, which is `bars` bars after the last one; both values must be finite."""
        line = self._line
        if self.n:
            self._noise.learn(line.innovation, line.variance)
            line.expect(y, x, bars)
        else:
            line.start(x)
            line.expect(y, x, 0)
        line.correct()
        self.n += 1

    @property
    def surprise(self) -> tuple[float, float]:
        """Return the last innovation and its expected variance, in units of the noise variance."""
        return self._line.innovation, self._line.variance

    def values(self) -> tuple[float, ...]:
        """Return the whole state, for `restore`."""
        line, noise = self._line, self._noise
        counts = float(self.n), float(noise.seen), float(line.moved)
        return *counts, *line.state(), line.innovation, line.variance, noise.learned

    def restore(self, values: tuple[float, ...]) -> None:
        """Continue from the `values` of a filter with the same settings."""
        n, seen, moved, *state, innovation, variance, learned = values
        self.n = int(n)
        self._line.resume(tuple(state), innovation, variance, moved=bool(moved))
        self._noise.put(learned, int(seen))

    def hedge(self) -> Hedge | None:
        """Return the state as of the last bar; None if x has not moved yet or the state is not finite. `stderr` is None until one
        innovation has told of the noise, and `innovation_std` until two have, because it is the expectation before the bar."""
        line, noise = self._line, self._noise
        unit, innovation = line.unit, line.innovation
        beta = line.slope / unit
        alpha = line.level - beta * line.x0
        if not (line.moved and math.isfinite(alpha + beta + innovation)):
            return None
        before = now = noise.given
        if before is None:
            before = noise.learned if noise.seen else None
            now = noise.after(innovation, line.variance) if line.variance < DIFFUSE else before
        stderr = None if now is None else _root(line.ss * now, unit)
        return Hedge(alpha, beta, self.n, stderr, None, innovation, None if before is None else _root(line.variance * before), self.weight)


def _root(variance: float, unit: float = 1.0) -> float | None:
    return math.sqrt(variance) / unit if 0.0 <= variance < math.inf else None
