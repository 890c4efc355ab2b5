"""A Kalman filter of the hedge ratio."""

import math
import struct
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.kalman import LEAST_LOG, PRIOR, KalmanFilter
from quantd.stats.likelihood import most_likely
from quantd.stats.recursion import Run, recursed

Share = Annotated[float, Meta(ge=0)]
NOISE_WINDOWS = 8
"""The learned noise is averaged over about so many windows."""
_WALKS = struct.Struct("<2d")


class Kalman(quantd.Regression):
    """Alpha and beta are random walks, followed by a Kalman filter from its first bar on; `window` is its warm-up.

    How long it remembers is up to the walks. `fit` is a filter over the given bars alone. The standard error is that of the filtered
    state. No r2: each bar has a line of its own. It predicts each bar, which `zscore: {method: innovation}` makes use of.
    """

    recursive: ClassVar[bool] = True
    predicts: ClassVar[bool] = True

    beta_walk: Annotated[Share, Meta(description="Variance of a bar's step of beta, times x squared, as a share of the noise's.")] = 1e-2
    alpha_walk: Annotated[Share, Meta(description="Variance of alpha's step a bar, as a share of the noise's.")] = 1e-6
    prior: Annotated[
        float, Meta(gt=0, description="Variance of the line before the first bar, around zero, as a multiple of the noise's.")
    ] = PRIOR
    walks: Annotated[
        Literal["given", "learned"], Meta(description="learned: the two walks most likely of the warm-up's bars, if there are 20.")
    ] = "given"
    noise: Annotated[
        Annotated[float, Meta(gt=0)] | Literal["auto"],
        Meta(description="Variance of y around the line, in squared prices, for errors and scores; auto learns it from the innovations."),
    ] = "auto"

    def __post_init__(self) -> None:
        self._warm_up: list[tuple[int, float, float]] = []
        self._learning = self.walks == "learned"
        self._begin(self.alpha_walk, self.beta_walk)

    def _begin(self, alpha_walk: float, beta_walk: float) -> None:
        self._walks = alpha_walk, beta_walk
        self._run = Run(self._filter(alpha_walk, beta_walk))

    def _filter(self, alpha_walk: float, beta_walk: float) -> KalmanFilter:
        noise = None if self.noise == "auto" else self.noise
        memory = NOISE_WINDOWS * self.window
        return KalmanFilter(alpha_walk, beta_walk, noise, memory=memory, prior=self.prior, least_scale=self._least_scale)

    @property
    def _least_scale(self) -> float:
        return LEAST_LOG if self.prices == "log" else 0.0

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        found = most_likely(y, x, self._least_scale) if self.walks == "learned" else None
        walks = (found.alpha_walk, found.beta_walk) if found else (self.alpha_walk, self.beta_walk)
        return recursed(self._filter(*walks), y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        if not math.isfinite(y + x):
            return None
        self._run.push(index, y, x)
        if self._learning:
            self._learn_from(index, y, x)
        recursion = self._run.recursion
        return recursion.hedge() if recursion.n >= self.window else None

    def _learn_from(self, *bar: *tuple[int, float, float]) -> None:
        """Keep the warm-up's bars; with the last of them begin again, with the walks that are most likely of all."""
        self._warm_up.append(bar)
        if len(self._warm_up) < self.window:
            return
        bars, self._warm_up, self._learning = self._warm_up, [], False
        _, y, x = np.array(bars).T.copy()
        if found := most_likely(y, x, self._least_scale):
            self._begin(found.alpha_walk, found.beta_walk)
            for each in bars:
                self._run.push(*each)

    def state(self) -> bytes | None:
        """None while it learns: there is no answer yet to go on from, and a warm-up begins anew."""
        return None if self._learning else _WALKS.pack(*self._walks) + self._run.state()

    def resume(self, state: bytes) -> None:
        self._begin(*_WALKS.unpack_from(state))
        self._warm_up, self._learning = [], False
        self._run.resume(state[_WALKS.size :])


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("kalman", Kalman)
