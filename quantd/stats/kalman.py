"""A Kalman filter of the line y = alpha + beta * x whose alpha and beta are random walks."""

import math

from quantd.model import Hedge
from quantd.stats.rolling import FLAT

PRIOR = 1e18
"""Variance of the line before the first bar, as a multiple of the noise's: so wide that it leaves no trace, however little x moves."""
LEAST_LOG = 0.01
"""The least scale of the logarithm of a price: of prices near 1 it says nothing of how much the price moves."""
DIFFUSE = 1e6
"""An innovation whose variance is more than this multiple of the noise's is the prior's, and tells nothing of the noise."""


class KalmanFilter:
    """Transition the identity, observation y = alpha + beta * x + noise (R. E. Kalman, 1960; A. C. Harvey, Forecasting, Structural Time
    Series Models and the Kalman Filter, 1989, 3.2). The covariance is updated in Joseph's form, which keeps it positive.

    `alpha_walk` and `beta_walk` are the variances of a step of alpha and of beta * scale(x), as shares of the noise's, where scale(x) is
    hypot(x, `least_scale`) at that bar: the answer does not depend on the unit of either price, nor on what x was at first. The state is
    kept as (level, slope) = (alpha + beta * x0, beta * unit), with x0 the first x and unit its scale, observed through
    (1, (x - x0) / unit), since alpha and beta of prices far from zero are one another's mirror image and would lose their digits. The
    prior's mean is zero, its covariance `prior` times the noise's variance times the identity.

    The noise's variance is `noise` (in squared units of y), or else learned from the innovations: the mean of innovation² / its expected
    variance (Harvey's concentrated likelihood, 3.4), without those that the prior answers for, in which after `memory` bars the older
    count for less and less. It scales `stderr` and `innovation_std` alone. `weight` is 1 here: every bar is taken as it is.
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
        """Predict, then take in one bar, `bars` after the last; both values must be finite."""
        self._learn()
        self._expect(y, x, bars)
        self._take()
        self.n += 1

    def _expect(self, y: float, x: float, bars: int) -> None:
        """Predict the line as of a bar, and tell by how much y is off what is expected there."""
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
        """Correct the line by the last innovation, with `extra` noise added to it, in units of the noise's variance."""
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
        """Take the last innovation into the noise, one bar late: what is expected of the next must not know it."""
        if self.n and self._variance < DIFFUSE:
            self._seen += 1
            self._learned = self._with_last(self._seen)

    def _with_last(self, seen: int) -> float:
        """The learned noise with the last innovation as the number `seen` of those that count."""
        learned, memory = self._learned, self._memory
        return learned + (self._innovation * self._innovation / self._variance - learned) / (seen if seen < memory else memory)

    @property
    def surprise(self) -> tuple[float, float]:
        """The last innovation, and the variance that was expected of it, in units of the noise's."""
        return self._innovation, self._variance

    def values(self) -> tuple[float, ...]:
        """All that changes from bar to bar, for `restore`."""
        counts = float(self.n), float(self._seen), float(self._moved)
        state = self._x0, self._unit, self._level, self._slope, self._ll, self._ls, self._ss
        return *counts, *state, self._innovation, self._variance, self._learned

    def restore(self, values: tuple[float, ...]) -> None:
        """Go on from the `values` of a filter with the same settings."""
        n, seen, moved, self._x0, self._unit, self._level, self._slope, *rest = values
        self._ll, self._ls, self._ss, self._innovation, self._variance, self._learned = rest
        self.n, self._seen, self._moved = int(n), int(seen), bool(moved)

    def hedge(self) -> Hedge | None:
        """The state as of the last bar; None while x has not moved, and if it is not finite. `stderr` is None before the first innovation
        that tells of the noise, `innovation_std` before the second: it is as expected before the bar."""
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
