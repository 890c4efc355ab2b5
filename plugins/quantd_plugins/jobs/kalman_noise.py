"""What the walks and the noise of the Kalman filter should be."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.likelihood import concentrated, most_likely

ROUNDS = 5


class KalmanNoise(quantd.PairJob):
    """Learns, beside the flow, the settings of `regression: {use: kalman}` from the last `window` bars: by the greatest likelihood, or by
    pykalman's EM from the defaults. `kalman_gain` is the log-likelihood won over the defaults; below 2 or 3 they do as well."""

    metrics: ClassVar[tuple[str, ...]] = ("kalman_alpha_walk", "kalman_beta_walk", "kalman_noise", "kalman_gain")
    background: ClassVar[bool] = True

    window: Annotated[int, Meta(ge=50, description="Bars to learn from.")] = 500
    method: Annotated[Literal["ml", "em"], Meta(description="Greatest likelihood, or expectation maximisation by pykalman.")] = "ml"

    def needs(self, window: int) -> int:
        return self.window

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        y, x = (view.columns[leg][-self.window :].copy() for leg in ("y", "x"))
        found = most_likely(y, x)
        if found is None or len(y) < self.window:
            return dict.fromkeys(self.metrics)
        walks = (found.alpha_walk, found.beta_walk) if self.method == "ml" else expected(y, x)
        gained, noise = concentrated(y, x, *walks)
        default, _ = concentrated(y, x, 1e-6, 1e-2)
        return dict(zip(self.metrics, (*walks, noise, gained - default), strict=True))


def expected(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    """alpha_walk and beta_walk after some rounds of EM (R. H. Shumway and D. S. Stoffer, 1982) over arrays of shape (n,)."""
    from pykalman import KalmanFilter

    u = x / x[0] - 1.0
    start = concentrated(y, x, 1e-6, 1e-2)[1]
    learner = KalmanFilter(
        transition_matrices=np.eye(2),
        observation_matrices=np.column_stack([np.ones(len(u)), u])[:, None, :],
        transition_covariance=start * np.array([[1e-6 + 1e-2, 1e-2], [1e-2, 1e-2]]),
        observation_covariance=np.array([[start]]),
        initial_state_mean=np.array([y[0], 0.0]),
        initial_state_covariance=np.eye(2) * float(np.var(y)) * 1e3,
        em_vars=["transition_covariance", "observation_covariance"],
    ).em(y, n_iter=ROUNDS)
    steps, noise = learner.transition_covariance, float(learner.observation_covariance[0, 0])
    of_beta = max(float(steps[1, 1]), 0.0)
    return max(float(steps[0, 0]) - of_beta, 0.0) / noise, of_beta / noise


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("kalman-noise", KalmanNoise)
