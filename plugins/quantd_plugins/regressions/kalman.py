"""A Kalman filter of the hedge ratio."""

import math
import struct
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.kalman import KalmanFilter
from quantd.stats.likelihood import most_likely
from quantd.stats.recursion import Run, recursed

Share = Annotated[float, Meta(ge=0)]
NOISE_WINDOWS = 8
"""The learned noise is averaged over about so many windows."""
_HEAD = struct.Struct("<2dq")


class Kalman(quantd.Regression):
    """Alpha and beta are random walks, followed by a Kalman filter from its first bar on; `window` is its warm-up.

    How long it remembers is up to the walks. `fit` is a filter over the given bars alone. The standard error is that of the filtered
    state. No r2: each bar has a line of its own. It predicts each bar, which `zscore: {method: innovation}` makes use of.
    """

    recursive: ClassVar[bool] = True
    predicts: ClassVar[bool] = True

    beta_walk: Annotated[Share, Meta(description="Variance of beta's step a bar, as a share of the noise's, x in its first price.")] = 1e-2
    alpha_walk: Annotated[Share, Meta(description="Variance of alpha's step a bar, as a share of the noise's.")] = 1e-6
    walks: Annotated[
        Literal["given", "learned"], Meta(description="learned: the two walks most likely of the warm-up's bars, if there are 20.")
    ] = "given"
    noise: Annotated[
        Annotated[float, Meta(gt=0)] | Literal["auto"],
        Meta(description="Variance of y around the line, in squared prices, for errors and scores; auto learns it from the innovations."),
    ] = "auto"

    def __post_init__(self) -> None:
        self._warm_up: list[tuple[float, ...]] = []
        self._begin(self.alpha_walk, self.beta_walk)

    def _begin(self, alpha_walk: float, beta_walk: float) -> None:
        self._walks = alpha_walk, beta_walk
        self._run = Run(self._filter(alpha_walk, beta_walk))

    def _filter(self, alpha_walk: float, beta_walk: float) -> KalmanFilter:
        noise = None if self.noise == "auto" else self.noise
        return KalmanFilter(alpha_walk, beta_walk, noise, NOISE_WINDOWS * self.window)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        found = most_likely(y, x) if self.walks == "learned" else None
        walks = (found.alpha_walk, found.beta_walk) if found else (self.alpha_walk, self.beta_walk)
        return recursed(self._filter(*walks), y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        if not (math.isfinite(y) and math.isfinite(x)):
            return None
        self._run.push(index, y, x)
        if self.walks == "learned" and self._run.recursion.n <= self.window:
            self._learn_from((float(index), y, x))
        recursion = self._run.recursion
        return recursion.hedge() if recursion.n >= self.window else None

    def _learn_from(self, bar: tuple[float, ...]) -> None:
        """Keep the warm-up's bars; with the last of them begin again, with the walks that are most likely of all."""
        bars = self._warm_up = [*self._warm_up, bar]
        if len(bars) < self.window:
            return
        self._warm_up = []
        _, y, x = np.array(bars).T.copy()
        if found := most_likely(y, x):
            self._begin(found.alpha_walk, found.beta_walk)
            for index, *prices in bars:
                self._run.push(int(index), *prices)

    def state(self) -> bytes:
        kept = [number for bar in self._warm_up for number in bar]
        return struct.pack(f"<2dq{len(kept)}d", *self._walks, len(self._warm_up), *kept) + self._run.state()

    def resume(self, state: bytes) -> None:
        alpha_walk, beta_walk, count = _HEAD.unpack_from(state)
        bar = struct.Struct("<3d")
        begin = _HEAD.size + count * bar.size
        self._begin(alpha_walk, beta_walk)
        self._warm_up = list(bar.iter_unpack(state[_HEAD.size : begin]))
        self._run.resume(state[begin:])


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("kalman", Kalman)
