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
    variance, over n - 2 (Harvey's concentrated likelihood, 3.4). It scales `stderr` alone.
    """

    __slots__ = ("_alpha_walk", "_beta_walk", "_level", "_ll", "_ls", "_noise", "_slope", "_ss", "_surprise", "_unit", "n")

    def __init__(self, alpha_walk: float, beta_walk: float, noise: float | None = None) -> None:
        self._alpha_walk, self._beta_walk, self._noise = alpha_walk, beta_walk, noise
        self._level = self._slope = self._ls = self._surprise = 0.0
        self._ll = self._ss = PRIOR
        self._unit = 1.0
        self.n = 0

    def step(self, y: float, x: float) -> None:
        """Predict, then take in one bar; both values must be finite."""
        if self.n == 0:
            self._unit = x or 1.0
        else:
            self._ll += self._alpha_walk + self._beta_walk
            self._ls += self._beta_walk
            self._ss += self._beta_walk
        self.n += 1
        self._observe(y, x / self._unit - 1.0)

    def _observe(self, y: float, u: float) -> None:
        ll, ls, ss = self._ll, self._ls, self._ss
        to_level, to_slope = ll + ls * u, ls + ss * u
        variance = to_level + to_slope * u + 1.0
        level_gain, slope_gain = to_level / variance, to_slope / variance
        innovation = y - self._level - self._slope * u
        self._level += level_gain * innovation
        self._slope += slope_gain * innovation
        self._surprise += innovation * innovation / variance
        # (1 - K H) P (1 - K H)' + K K'
        a, b, c, d = 1.0 - level_gain, -level_gain * u, -slope_gain, 1.0 - slope_gain * u
        p, q, r, s = a * ll + b * ls, a * ls + b * ss, c * ll + d * ls, c * ls + d * ss
        self._ll = p * a + q * b + level_gain * level_gain
        self._ls = p * c + q * d + level_gain * slope_gain
        self._ss = r * c + s * d + slope_gain * slope_gain

    def hedge(self) -> Hedge | None:
        """The state as of the last bar; None if it is not finite. `stderr` is None below three bars of learned noise."""
        alpha, beta = self._level - self._slope, self._slope / self._unit
        if not (math.isfinite(alpha) and math.isfinite(beta)):
            return None
        return Hedge(alpha=alpha, beta=beta, n=self.n, stderr=self._stderr())

    def _stderr(self) -> float | None:
        if self._noise is None and self.n < 3:
            return None
        noise = self._surprise / (self.n - 2) if self._noise is None else self._noise
        stderr = math.sqrt(max(self._ss * noise, 0.0)) / abs(self._unit)
        return stderr if math.isfinite(stderr) else None
