"""A line whose alpha and beta are random walks. It is predicted and corrected bar by bar."""

import math

from quantd.stats.rolling import FLAT

State = tuple[float, ...]
"""x0, unit, level, slope, and the covariance of level and slope: ll, ls, ss."""


class WalkingLine:
    """The state of a Kalman filter with identity transition and observation y = alpha + beta * x + noise (R. E. Kalman, 1960; A. C. Harvey,
    Forecasting, Structural Time Series Models and the Kalman Filter, 1989, 3.2). The covariance is in units of the noise variance and is
    updated in Joseph's form, which keeps it positive.

    `alpha_walk` and `beta_walk` are the variances of a step of alpha and of beta * scale(x), as shares of the noise variance, where
    scale(x) is hypot(x, `least_scale`) at that bar. The result depends neither on the unit of either price nor on the first value of x. The
    state is (level, slope) = (alpha + beta * x0, beta * unit), where x0 is the first x and unit is its scale, observed through (1, (x - x0)
    / unit): for prices far from zero alpha and beta are almost perfectly anticorrelated and would lose their digits. The prior has mean
    zero and the covariance `prior` times the noise variance times the identity.
    """

    __slots__ = (
        *("_alpha_walk", "_beta_walk", "_least_scale", "_prior"),
        *("innovation", "level", "ll", "ls", "moved", "slope", "ss", "u", "unit", "variance", "x0"),
    )

    def __init__(self, alpha_walk: float, beta_walk: float, *, prior: float, least_scale: float = 0.0) -> None:
        self._alpha_walk, self._beta_walk, self._prior, self._least_scale = alpha_walk, beta_walk, prior, least_scale
        self.moved = False
        self.x0 = self.level = self.slope = self.ls = self.innovation = self.u = 0.0
        self.unit = self.variance = 1.0
        self.ll = self.ss = prior

    def start(self, x: float) -> None:
        """Set the origin of the line to the first x."""
        self.x0, self.unit = x, self._scale(x)

    def expect(self, y: float, x: float, bars: int) -> None:
        """Predict the line as of a bar, `bars` bars after the last one, and compute the innovation of y and its expected variance."""
        scale = (math.hypot(x, self._least_scale) if self._least_scale else abs(x)) or 1.0
        x0, unit, beta_walk = self.x0, self.unit, bars * self._beta_walk
        by_level, by_slope = x0 / scale, unit / scale
        both = beta_walk * by_level
        self.ll = ll = self.ll + (bars * self._alpha_walk + both * by_level)
        self.ls = ls = self.ls + both * by_slope
        self.ss = ss = self.ss + beta_walk * by_slope * by_slope
        self.u = u = (x - x0) / unit
        self.variance = ll + ls * u + (ls + ss * u) * u + 1.0
        self.innovation = y - self.level - self.slope * u

    def correct(self, extra: float = 0.0) -> None:
        """Update the line with the last innovation, with noise of the variance `extra` added to it, in units of the noise variance."""
        ll, ls, ss, u, innovation = self.ll, self.ls, self.ss, self.u, self.innovation
        variance, noise = self.variance + extra, 1.0 + extra
        k, s = (ll + ls * u) / variance, (ls + ss * u) / variance
        self.level += k * innovation
        self.slope += s * innovation
        # Joseph: (1 - K H) P (1 - K H)' + K noise K' with K = (k, s) and H = (1, u)
        a, b, c, d = 1.0 - k, -k * u, -s, 1.0 - s * u
        p, q, r, t = a * ll + b * ls, a * ls + b * ss, c * ll + d * ls, c * ls + d * ss
        noisy = noise * k
        self.ll = p * a + q * b + noisy * k
        self.ls = p * c + q * d + noisy * s
        self.ss = r * c + t * d + noise * s * s
        if not self.moved:
            self.moved = abs(u) > FLAT

    def reset(self, x: float, jump: float, noise: float) -> None:
        """Reset to a line around x with unknown level, and with the old slope if that is known. The variance of the slope grows by that of
        a break in beta alone, `jump`² in units of `noise`."""
        unit = self._scale(x)
        by = unit / self.unit
        if self.moved and noise > 0.0:
            self.slope, self.ss = self.slope * by, min(self.ss * by * by + jump * jump / noise, self._prior)
        else:
            self.slope, self.ss = 0.0, self._prior
        self.x0, self.unit, self.level, self.ll, self.ls = x, unit, 0.0, self._prior, 0.0

    def state(self) -> State:
        """Return all that a correction changes, for `put`."""
        return self.x0, self.unit, self.level, self.slope, self.ll, self.ls, self.ss

    def put(self, state: State) -> None:
        """Go back to a state. The results for the last bar stay."""
        self.x0, self.unit, self.level, self.slope, self.ll, self.ls, self.ss = state

    def last(self) -> tuple[float, float, float]:
        """Return the results for the last bar, for `put_last`: the place of its x, the innovation and its expected variance."""
        return self.u, self.innovation, self.variance

    def put_last(self, last: tuple[float, float, float]) -> None:
        """Go back to the results for an earlier bar."""
        self.u, self.innovation, self.variance = last

    def resume(self, state: State, innovation: float, variance: float, *, moved: bool) -> None:
        """Continue from the state and the last results of a line with the same settings."""
        self.put(state)
        self.innovation, self.variance, self.moved = innovation, variance, moved

    def _scale(self, x: float) -> float:
        return (math.hypot(x, self._least_scale) if self._least_scale else abs(x)) or 1.0
