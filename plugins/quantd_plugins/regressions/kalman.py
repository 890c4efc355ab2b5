"""A Kalman filter of the hedge ratio."""

import math
import struct
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.kalman import KalmanColumns
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
        self._run = Run(self.filters.filter(alpha_walk, beta_walk))

    @property
    def filters(self) -> FilterSettings:
        """The settings of its filters, but for the walks."""
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

    @property
    def warming(self) -> bool:
        """Whether the warm-up still lasts."""
        return self._warming

    def copy(self) -> "Kalman":
        """Return an instance in the same state, which shares nothing with this one."""
        other, state = msgspec.structs.replace(self), self.state()
        if state is None:
            other._warm_up = list(self._warm_up)
        else:
            other.resume(state)
        return other

    def columns(self) -> quantd.RegressionColumns:
        return KalmanRegressions(self)


class KalmanRegressions:
    """The instances of many pairs: those that are warming up as they are, the others as columns."""

    def __init__(self, settings: Kalman) -> None:
        self._settings = settings
        self._runs = KalmanColumns(settings.filters)
        self._warming: dict[int, Kalman] = {}

    def add(self) -> int:
        p = self._runs.add()
        self._warming[p] = msgspec.structs.replace(self._settings)
        return p

    def drop(self, p: int) -> None:
        self._runs.drop(p)
        self._warming = {at - (at > p): one for at, one in self._warming.items() if at != p}

    def load(self, p: int, regression: quantd.Regression) -> None:
        state = regression.state()
        if state is not None:
            self._warming.pop(p, None)
            self._runs.put_walks(p, *_WALKS.unpack_from(state))
            self._runs.resume(p, state[_WALKS.size :])
        elif isinstance(regression, Kalman):
            self._warming[p] = regression

    def regression(self, p: int) -> Kalman:
        if p in self._warming:
            return self._warming[p].copy()
        one = msgspec.structs.replace(self._settings)
        one.resume(self._runs.packed(np.array([p]), heads=True)[0])
        return one

    def step(self, which: IntArray, index: IntArray, y: FloatArray, x: FloatArray) -> None:
        if self._warming:
            warm = ~np.isin(which, list(self._warming))
            for p, *bar in zip(*(each[~warm].tolist() for each in (which, index, y, x)), strict=True):
                one = self._warming[p]
                one.update(*bar)
                self.load(p, one)
            which, index, y, x = which[warm], index[warm], y[warm], x[warm]
        self._runs.push(which, index, y, x)

    def hedges(self, which: IntArray) -> quantd.HedgeColumns:
        return self._runs.hedges(which)

    def states(self, which: IntArray) -> list[bytes | None]:
        packed = self._runs.packed(which, heads=True)
        if not self._warming:
            return [*packed]
        return [None if p in self._warming else state for p, state in zip(which.tolist(), packed, strict=True)]


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("kalman", Kalman)
