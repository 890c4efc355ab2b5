"""Estimates the random walks and the noise of the Kalman filter."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.kalman import LEAST_LOG
from quantd.stats.likelihood import concentrated, most_likely
from quantd.stats.outliers import outliers
from quantd.stats.reasons import Reason, unfit
from quantd.stats.steadfast import CLIP

ROUNDS = 5
DEFAULTS = 1e-6, 1e-2
"""The alpha_walk and beta_walk of the regression."""


class KalmanNoise(quantd.PairJob):
    """Learns, beside the flow, the settings of `regression: {use: kalman}` from the last `window` bars, without outliers: by maximum
    likelihood, or by pykalman's EM from the defaults. `kalman_gain` is the gain in log-likelihood over the defaults; below 2 or 3 the
    defaults are as good. `kalman_reason` says why there is no result, or is `bound` if a walk lies at the limit of the search: the bars
    do not determine its size.
    """

    metrics: ClassVar[tuple[str, ...]] = ("kalman_alpha_walk", "kalman_beta_walk", "kalman_noise", "kalman_gain", "kalman_reason")
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"kalman_reason": (*get_args(Reason), "bound")}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = dict.fromkeys(
        ("kalman_alpha_walk", "kalman_beta_walk", "kalman_noise"), (0.0, math.inf)
    )
    background: ClassVar[bool] = True

    window: Annotated[int, Meta(ge=50, description="Bars to learn from.")] = 500
    method: Annotated[Literal["ml", "em"], Meta(description="Greatest likelihood, or expectation maximisation by pykalman.")] = "ml"

    def bars_needed(self, window: int) -> int:
        return self.window

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        y, x = (view.columns[leg][-self.window :].copy() for leg in ("y", "x"))
        least_scale = LEAST_LOG if view.prices == "log" else 0.0
        reason = unfit(y, self.window) or unfit(x, self.window)
        if not reason:
            odd = outliers(y, x, CLIP)
            y, x = y[~odd], x[~odd]
        found = None if reason else most_likely(y, x, least_scale)
        if found is None:
            return dict.fromkeys(self.metrics) | {"kalman_reason": reason or "undetermined"}
        likely = self.method == "ml"
        walks = (found.alpha_walk, found.beta_walk) if likely else expected(y, x, least_scale)
        gained, noise = concentrated(y, x, *walks, least_scale)
        default, _ = concentrated(y, x, *DEFAULTS, least_scale)
        return dict(zip(self.metrics, (*walks, noise, gained - default, "bound" if likely and found.bound else None), strict=True))


def expected(y: FloatArray, x: FloatArray, least_scale: float) -> tuple[float, float]:
    """Return alpha_walk and beta_walk after some rounds of EM (R. H. Shumway and D. S. Stoffer, 1982) over arrays of shape (n,)."""
    from pykalman import KalmanFilter

    scale = math.hypot(float(x[0]), least_scale)
    u, to_level = (x - x[0]) / scale, float(x[0]) / scale
    start = concentrated(y, x, *DEFAULTS, least_scale)[1]
    of_alpha, of_beta = DEFAULTS
    by_beta = np.array([to_level, 1.0])
    learner = KalmanFilter(
        transition_matrices=np.eye(2),
        observation_matrices=np.column_stack([np.ones(len(u)), u])[:, None, :],
        transition_covariance=start * (np.diag([of_alpha, 0.0]) + of_beta * np.outer(by_beta, by_beta)),
        observation_covariance=np.array([[start]]),
        initial_state_mean=np.array([y[0], 0.0]),
        initial_state_covariance=np.eye(2) * float(np.var(y)) * 1e3,
        em_vars=["transition_covariance", "observation_covariance"],
    ).em(y, n_iter=ROUNDS)
    steps, noise = learner.transition_covariance, float(learner.observation_covariance[0, 0])
    of_beta = max(float(steps[1, 1]), 0.0)
    return max(float(steps[0, 0]) - of_beta * to_level**2, 0.0) / noise, of_beta / noise


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("kalman-noise", KalmanNoise)
