"""A Kalman filter of the line y = alpha + beta * x whose alpha and beta are random walks."""

import math

from quantd.model import Hedge

PRIOR = 1e9
"""Variance of level and slope before the first bar, in units of the noise's: so wide that it leaves no trace."""


class KalmanFilter:
    """Transition the identity, observation y = alpha + beta * x + noise (R. E. Kalman, 1960; A. C. Harvey, Forecasting, Structural Time
    Series Models and the Kalman Filter, 1989, 3.2). The covariance is updated in Joseph's form, which keeps it positive.

    x is measured in its first value x0, so the answer does not depend on the unit of either price; and the state is kept as (level,
    slope) = (alpha + beta * x0, beta * x0), observed through (1, x / x0 - 1), since alpha and beta of prices far from zero are one
    another's mirror image and would lose their digits. `alpha_walk` and `beta_walk` are the variances of a step of alpha and of
    beta * x0, as fractions of the noise's: steps of (level, slope) have the covariance [[alpha_walk + beta_walk, beta_walk],
    [beta_walk, beta_walk]]. The prior's mean is zero, its covariance PRIOR times the identity.

    The noise's variance is `noise` (in squared units of y), or else learned from the innovations: the mean of innovation² / its expected
    variance, over n - 2 (Harvey's concentrated likelihood, 3.4), in which after `memory` bars the older count for less and less. It
    scales `stderr` and `innovation_std` alone.
    """

    __slots__ = (
        *("_alpha_walk", "_beta_walk", "_innovation", "_learned", "_level", "_ll", "_ls", "_memory", "_noise", "_slope", "_ss"),
        *("_unit", "_variance", "n"),
    )

    def __init__(self, alpha_walk: float, beta_walk: float, noise: float | None = None, memory: int = 1 << 62) -> None:
        self._alpha_walk, self._beta_walk, self._noise, self._memory = alpha_walk, beta_walk, noise, memory
        self._level = self._slope = self._ls = self._learned = self._innovation = 0.0
        self._ll = self._ss = PRIOR
        self._variance = 1.0
        self._unit = 1.0
        self.n = 0

    def step(self, y: float, x: float, bars: int = 1) -> None:
        """Predict, then take in one bar, `bars` after the last; both values must be finite."""
        ll, ls, ss = self._ll, self._ls, self._ss
        if self.n:
            beta_walk = bars * self._beta_walk
            ll += bars * self._alpha_walk + beta_walk
            ls += beta_walk
            ss += beta_walk
        else:
            self._unit = x or 1.0
        u = x / self._unit - 1.0
        to_level, to_slope = ll + ls * u, ls + ss * u
        variance = to_level + to_slope * u + 1.0
        k, s = to_level / variance, to_slope / variance
        innovation = y - self._level - self._slope * u
        self._level += k * innovation
        self._slope += s * innovation
        self._learn()
        self._innovation, self._variance = innovation, variance
        # Joseph: (1 - K H) P (1 - K H)' + K K' with K = (k, s) and H = (1, u)
        a, b, c, d = 1.0 - k, -k * u, -s, 1.0 - s * u
        p, q, r, t = a * ll + b * ls, a * ls + b * ss, c * ll + d * ls, c * ls + d * ss
        self._ll = p * a + q * b + k * k
        self._ls = p * c + q * d + k * s
        self._ss = r * c + t * d + s * s
        self.n += 1

    def _learn(self) -> None:
        """Take the last innovation into the noise, one bar late: what is expected of the next must not know it."""
        seen = self.n - 2
        if seen > 0:
            share = 1.0 / min(seen, self._memory)
            self._learned += (self._innovation * self._innovation / self._variance - self._learned) * share

    @property
    def surprise(self) -> tuple[float, float]:
        """The last innovation, and the variance that was expected of it, in units of the noise's."""
        return self._innovation, self._variance

    def values(self) -> tuple[float, ...]:
        """All that changes from bar to bar, for `restore`."""
        state = (self._level, self._slope, self._ll, self._ls, self._ss)
        return float(self.n), self._unit, *state, self._innovation, self._variance, self._learned

    def restore(self, values: tuple[float, ...]) -> None:
        """Go on from the `values` of a filter with the same settings."""
        n, self._unit, self._level, self._slope, self._ll, self._ls, self._ss, self._innovation, self._variance, self._learned = values
        self.n = int(n)

    def hedge(self) -> Hedge | None:
        """The state as of the last bar; None if it is not finite. `stderr` is None below three bars of learned noise, and
        `innovation_std` below four: it is as expected before the bar."""
        alpha, beta = self._level - self._slope, self._slope / self._unit
        if not (math.isfinite(alpha) and math.isfinite(beta)):
            return None
        stderr = _root(self._ss * self._noise_now(), abs(self._unit))
        innovation_std = _root(self._variance * self._noise_before())
        innovation = self._innovation if math.isfinite(self._innovation) else None
        return Hedge(alpha=alpha, beta=beta, n=self.n, stderr=stderr, innovation=innovation, innovation_std=innovation_std)

    def _noise_before(self) -> float:
        """The noise as known before the last bar; NaN while nothing is."""
        if self._noise is not None:
            return self._noise
        return self._learned if self.n > 3 else math.nan

    def _noise_now(self) -> float:
        """The noise with the last bar in it."""
        if self._noise is not None:
            return self._noise
        seen = self.n - 2
        if seen < 1:
            return math.nan
        return self._learned + (self._innovation * self._innovation / self._variance - self._learned) / min(seen, self._memory)


def _root(variance: float, unit: float = 1.0) -> float | None:
    root = math.sqrt(variance) / unit if variance >= 0.0 else math.nan
    return root if math.isfinite(root) else None
