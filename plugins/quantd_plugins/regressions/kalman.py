"""A Kalman filter of the hedge ratio."""

import math
import struct
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.kalman import LEAST_LOG, PRIOR
from quantd.stats.likelihood import most_likely
from quantd.stats.outliers import outliers
from quantd.stats.recursion import Run
from quantd.stats.steadfast import FilterSettings

Share = Annotated[float, Meta(ge=0)]
NOISE_WINDOWS = 8
"""Number of windows over which the learned noise is averaged, approximately."""
Bar = tuple[int, float, float]
_WALKS = struct.Struct("<2d")


class Kalman(quantd.Regression):
    """A Kalman filter that follows alpha and beta as random walks from its first bar on; `window` is its warm-up.

    The walks determine how long it remembers. `fit` is a filter over the given bars alone. The standard error is that of the filtered
    state. No r2: each bar has a line of its own. It predicts each bar; `zscore: {method: innovation}` uses these predictions.

    An outlier hardly moves it: a bar off by more than `clip` standard deviations weighs less, as the `weight` of each hedge shows; if x
    itself has jumped, the bar has no weight. `breaks` such bars in a row on one side are a break, and the line starts again with them,
    near its old beta. Single outliers of the warm-up are skipped. n counts all bars, also those before a break.
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

    clip: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="A bar that is off by more standard deviations than this weighs less; null: the textbook's filter, all weigh 1."),
    ] = 4.0
    breaks: Annotated[int, Meta(ge=0, description="After so many such bars in a row on one side the line begins anew; 0: never.")] = 3

    def __post_init__(self) -> None:
        self._warm_up: list[Bar] = []
        self._warming = True
        self._begin(self.alpha_walk, self.beta_walk)

    def _begin(self, alpha_walk: float, beta_walk: float) -> None:
        self._walks = alpha_walk, beta_walk
        self._run = Run(self._settings.filter(alpha_walk, beta_walk))

    @property
    def _settings(self) -> FilterSettings:
        given, memory = None if self.noise == "auto" else self.noise, NOISE_WINDOWS * self.window
        return FilterSettings(self.prior, self._least_scale, given, memory, self.clip, self.breaks, self.window)

    @property
    def _least_scale(self) -> float:
        return LEAST_LOG if self.prices == "log" else 0.0

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
            return None
        fresh = msgspec.structs.replace(self)
        bars = list(zip(range(len(y)), y.tolist(), x.tolist(), strict=True))
        fresh._warm(bars[: self.window])
        for bar in bars[self.window :]:
            fresh._run.push(*bar)
        return fresh._run.recursion.hedge()

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        if not math.isfinite(y + x):
            return None
        if self._warming:
            return self._warmed(index, y, x)
        self._run.push(index, y, x)
        return self._run.recursion.hedge()

    def _warmed(self, *bar: *Bar) -> quantd.Hedge | None:
        """Store the bars of the warm-up; start with the last of them."""
        self._warm_up.append(bar)
        if len(self._warm_up) < self.window:
            return None
        bars, self._warm_up, self._warming = self._warm_up, [], False
        self._warm(bars)
        return self._run.recursion.hedge()

    def _warm(self, bars: list[Bar]) -> None:
        """Process the warm-up, without its outliers; if the walks are learned, use those of the greatest likelihood."""
        _, y, x = np.array(bars).T.copy()
        odd = np.zeros(len(y), bool) if self.clip is None else outliers(y, x, self.clip)
        if self.walks == "learned" and (found := most_likely(y[~odd], x[~odd], self._least_scale)):
            self._begin(found.alpha_walk, found.beta_walk)
        for bar, is_odd in zip(bars, odd.tolist(), strict=True):
            if not is_odd:
                self._run.push(*bar)
        self._run.recursion.n = len(bars)

    def state(self) -> bytes | None:
        """Return the state; None during the warm-up, which has no result yet to continue from and starts again."""
        return None if self._warming else _WALKS.pack(*self._walks) + self._run.state()

    def resume(self, state: bytes) -> None:
        self._begin(*_WALKS.unpack_from(state))
        self._warm_up, self._warming = [], False
        self._run.resume(state[_WALKS.size :])


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("kalman", Kalman)
