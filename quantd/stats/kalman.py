"""A Kalman filter of the line y = alpha + beta * x whose alpha and beta are random walks."""

import math

from quantd.model import Hedge
from quantd.stats.rolling import FLAT

PRIOR = 1e18
"""Variance of the line before the first bar, as a multiple of the noise variance. It is so large that the prior leaves no trace, however
little x moves."""
LEAST_LOG = 0.01
"""Lower bound of the scale of a log price: the logarithm of a price near 1 says nothing about how much the price moves."""
DIFFUSE = 1e6
"""An innovation whose expected variance exceeds this multiple of the noise variance is due to the prior and tells nothing about the
noise."""


class KalmanFilter:
    """A Kalman filter with identity transition and observation y = alpha + beta * x + noise (R. E. Kalman, 1960; A. C. Harvey, Forecasting,
    Structural Time Series Models and the Kalman Filter, 1989, 3.2). The covariance is updated in Joseph's form, which keeps it positive.

    `alpha_walk` and `beta_walk` are the variances of a step of alpha and of beta * scale(x), as shares of the noise variance, where
    scale(x) is hypot(x, `least_scale`) at that bar. The result depends neither on the unit of either price nor on the first value of x. The
    state is (level, slope) = (alpha + beta * x0, beta * unit), where x0 is the first x and unit is its scale, observed through (1, (x - x0)
    / unit): for prices far from zero alpha and beta are almost perfectly anticorrelated and would lose their digits. The prior has mean
    zero and the covariance `prior` times the noise variance times the identity.

    The noise variance is `noise` (in squared units of y), or else it is learned from the innovations: the mean of innovation² / its
    expected variance (Harvey's concentrated likelihood, 3.4), without those that are due to the prior; after `memory` bars older
    innovations get less and less weight. It scales only `stderr` and `innovation_std`. `weight` is always 1: every bar counts in full.
    """

    __slots__ = (
        *("_alpha_walk", "_beta_walk", "_least_scale", "_memory", "_noise", "_prior"),
        *("_innovation", "_learned", "_level", "_ll", "_ls", "_moved", "_seen", "_slope", "_ss", "_u", "_unit", "_variance", "_x0"),
        *("n", "weight"),
    )

    def __init__(
        self,
        alpha_walk: float,
        beta_walk: float,
        noise: float | None = None,
        *,
        memory: int = 1 << 62,
        prior: float = PRIOR,
        least_scale: float = 0.0,
    ) -> None:
        self._alpha_walk, self._beta_walk, self._noise = alpha_walk, beta_walk, noise
        self._memory, self._least_scale, self._prior = memory, least_scale, prior
        self.n = self._seen = 0
        self._moved = False
        self._x0 = self._level = self._slope = self._ls = self._innovation = self._learned = self._u = 0.0
        self._unit = self._variance = self.weight = 1.0
        self._ll = self._ss = prior

    def step(self, y: float, x: float, bars: int = 1) -> None:
        """Predict, then update with one bar, which is `bars` bars after the last one; both values must be finite."""
        self._learn()
        self._expect(y, x, bars)
        self._take()
        self.n += 1

    def _expect(self, y: float, x: float, bars: int) -> None:
        """Predict the line as of a bar, and compute the innovation of y and its expected variance."""
        scale = (math.hypot(x, self._least_scale) if self._least_scale else abs(x)) or 1.0
        if self.n:
            by_level, by_slope, beta_walk = self._x0 / scale, self._unit / scale, bars * self._beta_walk
            self._ll += bars * self._alpha_walk + beta_walk * by_level * by_level
            self._ls += beta_walk * by_level * by_slope
            self._ss += beta_walk * by_slope * by_slope
        else:
            self._x0, self._unit = x, scale
        self._u = u = (x - self._x0) / self._unit
        ls = self._ls
        self._variance = self._ll + ls * u + (ls + self._ss * u) * u + 1.0
        self._innovation = y - self._level - self._slope * u

    def _take(self, extra: float = 0.0) -> None:
        """Update the line with the last innovation, with noise of the variance `extra` added to it, in units of the noise variance."""
        ll, ls, ss, u, innovation = self._ll, self._ls, self._ss, self._u, self._innovation
        variance, noise = self._variance + extra, 1.0 + extra
        k, s = (ll + ls * u) / variance, (ls + ss * u) / variance
        self._level += k * innovation
        self._slope += s * innovation
        # Joseph: (1 - K H) P (1 - K H)' + K noise K' with K = (k, s) and H = (1, u)
        a, b, c, d = 1.0 - k, -k * u, -s, 1.0 - s * u
        p, q, r, t = a * ll + b * ls, a * ls + b * ss, c * ll + d * ls, c * ls + d * ss
        noisy = noise * k
        self._ll = p * a + q * b + noisy * k
        self._ls = p * c + q * d + noisy * s
        self._ss = r * c + t * d + noise * s * s
        if not self._moved:
            self._moved = abs(u) > FLAT

    def _learn(self) -> None:
        """Update the noise with the last innovation, one bar late: the expectation for the next bar must not know it."""
        if self.n and self._variance < DIFFUSE:
            self._seen += 1
            self._learned = self._with_last(self._seen)

    def _with_last(self, seen: int) -> float:
        """Return the learned noise with the last innovation included as number `seen`."""
        learned, memory = self._learned, self._memory
        return learned + (self._innovation * self._innovation / self._variance - learned) / (seen if seen < memory else memory)

    @property
    def surprise(self) -> tuple[float, float]:
        """Return the last innovation and its expected variance, in units of the noise variance."""
        return self._innovation, self._variance

    def values(self) -> tuple[float, ...]:
        """Return the whole state, for `restore`."""
        counts = float(self.n), float(self._seen), float(self._moved)
        state = self._x0, self._unit, self._level, self._slope, self._ll, self._ls, self._ss
        return *counts, *state, self._innovation, self._variance, self._learned

    def restore(self, values: tuple[float, ...]) -> None:
        """Continue from the `values` of a filter with the same settings."""
        n, seen, moved, self._x0, self._unit, self._level, self._slope, *rest = values
        self._ll, self._ls, self._ss, self._innovation, self._variance, self._learned = rest
        self.n, self._seen, self._moved = int(n), int(seen), bool(moved)

    def hedge(self) -> Hedge | None:
        """Return the state as of the last bar; None if x has not moved yet or the state is not finite. `stderr` is None until one
        innovation has told of the noise, and `innovation_std` until two have, because it is the expectation before the bar."""
        unit, innovation = self._unit, self._innovation
        beta = self._slope / unit
        alpha = self._level - beta * self._x0
        if not (self._moved and math.isfinite(alpha + beta + innovation)):
            return None
        before = now = self._noise
        if before is None:
            before = self._learned if self._seen else None
            now = self._with_last(self._seen + 1) if self._variance < DIFFUSE else before
        stderr = None if now is None else _root(self._ss * now, unit)
        return Hedge(alpha, beta, self.n, stderr, None, innovation, None if before is None else _root(self._variance * before), self.weight)


def _root(variance: float, unit: float = 1.0) -> float | None:
    return math.sqrt(variance) / unit if 0.0 <= variance < math.inf else None
