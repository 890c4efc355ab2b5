"""A Kalman filter of the hedge ratio."""

import math
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.kalman import KalmanFilter
from quantd.stats.relay import Relay, recursed

Share = Annotated[float, Meta(ge=0)]


class Kalman(quantd.Regression):
    """Alpha and beta are random walks, followed by a Kalman filter; `window` is its warm-up.

    A filter begins at its first bar, and remembers no bar beyond the last 2 x `window`: a fresh one takes over every `window` bars, little
    by little. Small walks with a short window therefore come close to least squares; for a longer memory, raise `window`. `fit` is a
    filter over the given bars alone. The standard error is that of the filtered state. No r2: each bar has a line of its own.
    """

    recursive: ClassVar[bool] = True

    beta_walk: Annotated[Share, Meta(description="Variance of beta's step a bar, as a share of the noise's, x in its first price.")] = 1e-3
    alpha_walk: Annotated[Share, Meta(description="Variance of alpha's step a bar, as a share of the noise's.")] = 1e-6
    noise: Annotated[
        Annotated[float, Meta(gt=0)] | Literal["auto"],
        Meta(description="Variance of y around the line, in squared prices, for stderr; auto learns it from the innovations."),
    ] = "auto"

    def __post_init__(self) -> None:
        self._relay = Relay(self.window, self._begin)

    def _begin(self) -> KalmanFilter:
        return KalmanFilter(self.alpha_walk, self.beta_walk, None if self.noise == "auto" else self.noise)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return recursed(self._begin(), y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        return self._relay.push(index, y, x) if math.isfinite(y) and math.isfinite(x) else None


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("kalman", Kalman)
