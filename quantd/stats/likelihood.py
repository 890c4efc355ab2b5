"""Maximum-likelihood estimates of how much alpha and beta walk and how large the noise of y is."""

import math
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.kalman import PRIOR, KalmanFilter
from quantd.stats.line import WalkingLine
from quantd.stats.noise import DIFFUSE, LearnedNoise

_LEAST = 20
_RANGE = (-9.0, 2.0)
"""Powers of ten between which the walks are searched."""
_STEPS = (2.0, 0.5, 0.125)


Likelihood = Callable[[tuple[float, float]], float]
"""A function of the powers of ten of the two walks."""


class Noise(Struct, frozen=True, gc=False):
    """Parameters in the terms of `KalmanFilter`: walks as shares of the noise variance, the noise variance in squared units of y."""

    alpha_walk: float
    beta_walk: float
    noise: float
    loglikelihood: float
    n: int

    @property
    def bound(self) -> bool:
        """Return whether a walk is at an end of the searched range."""
        ends = [10.0**power for power in _RANGE]
        return any(min(abs(walk / end - 1.0) for end in ends) < 0.5 for walk in (self.alpha_walk, self.beta_walk))


def concentrated(
    y: FloatArray, x: FloatArray, alpha_walk: float, beta_walk: float, least_scale: float = 0.0, prior: float = PRIOR
) -> tuple[float, float]:
    """Return the Gaussian log-likelihood of arrays of shape (n,), maximised over the noise variance, and that noise variance (A. C. Harvey,
    1989, 3.4: the mean of innovation² / its expected variance). Innovations that are due to the diffuse prior are left out."""
    run = KalmanFilter(WalkingLine(alpha_walk, beta_walk, prior=prior, least_scale=least_scale), LearnedNoise(1.0))
    squares = logs = 0.0
    n = 0
    for of_y, of_x in zip(y.tolist(), x.tolist(), strict=True):
        run.step(of_y, of_x)
        innovation, variance = run.surprise
        if variance < DIFFUSE:
            squares += innovation * innovation / variance
            logs += math.log(variance)
            n += 1
    noise = squares / n if n else 0.0
    if noise <= 0.0:
        return -math.inf, 0.0
    return -0.5 * (n * (math.log(2.0 * math.pi * noise) + 1.0) + logs), noise


def most_likely(y: FloatArray, x: FloatArray, least_scale: float = 0.0) -> Noise | None:
    """Return the walks and the noise of the greatest likelihood for arrays of shape (n,). The search over their logarithms goes from coarse
    to fine and ends where no neighbour is better. None below 20 bars, if a value is not finite or a leg does not move, and if the fit is
    perfect."""
    if len(y) < _LEAST or not (np.isfinite(y).all() and np.isfinite(x).all()) or np.ptp(y) == 0.0 or np.ptp(x) == 0.0:
        return None
    known: dict[tuple[float, float], float] = {}

    def likelihood(at: tuple[float, float]) -> float:
        if at not in known:
            known[at] = concentrated(y, x, 10.0 ** at[0], 10.0 ** at[1], least_scale)[0]
        return known[at]

    best = max(((a, b) for a in (-8.0, -4.0, -1.0) for b in (-6.0, -3.0, -1.0)), key=likelihood)
    for step in _STEPS:
        best = _climbed(best, step, likelihood)
    alpha_walk, beta_walk = (10.0**power for power in best)
    value, noise = concentrated(y, x, alpha_walk, beta_walk, least_scale)
    return Noise(alpha_walk, beta_walk, noise, value, len(y)) if math.isfinite(value) else None


def _climbed(at: tuple[float, float], step: float, likelihood: Likelihood) -> tuple[float, float]:
    """Return the best point of a grid of this step that can be reached from neighbour to neighbour."""
    low, high = _RANGE
    while True:
        around = [(at[0] + i * step, at[1] + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        best = max((point for point in around if low <= min(point) and max(point) <= high), key=likelihood, default=at)
        if likelihood(best) <= likelihood(at):
            return at
        at = best
