"""Estimators of the hedge ratio, and how one is led along the bars."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from quantd.model import Hedge, Prices
from quantd.plugin.base import Plugin
from quantd.stats import FloatArray
from quantd.stats.ring import Ring
from quantd.stats.rolling import Moments
from quantd.stats.sums import Sums


class Regression(Plugin):
    """Estimates the hedge ratio over the last `window` bars."""

    recursive: ClassVar[bool] = False
    """True where `update` carries something over from beyond the window, so that it does not equal a fit of it. It then has `state` and
    `resume`."""
    predicts: ClassVar[bool] = False
    """True where `update` gives `innovation` and `innovation_std`."""
    given: ClassVar[bool] = False
    """True where the hedge is not estimated but given, by the settings `beta` and `alpha`."""
    refits: ClassVar[bool] = False
    """True where `update` takes a time that grows with `window`, as a fit does: a request is then refused what would take minutes."""
    state_version: ClassVar[int] = 1
    """Of what `state` packs: counted up with each change of it, it keeps `resume` from states of before."""

    window: Annotated[int, Meta(ge=2, le=100_000, description="Bars in the regression.")] = 60
    prices: Annotated[Prices, Meta(description="Regress prices or their logarithms.")] = "raw"

    @abstractmethod
    def fit(self, y: FloatArray, x: FloatArray) -> Hedge | None:
        """y = alpha + beta * x over two arrays of equal length, oldest first. None where there is no answer."""

    def fit_sums(self, sums: Sums) -> Hedge | None:
        """The hedge of a full window of which the means and the centred sums are known, to which it must be equal but for rounding.

        Implement it where they suffice; the core, which keeps them for the correlation anyway, then calls it instead of `fit`."""
        raise NotImplementedError

    def update(self, index: int, y: float, x: float) -> Hedge | None:
        """One more bar, whose absolute number is `index`: the hedge as of it, None while warming up.

        Implement it where a step is cheaper than a fit; the core then calls it instead of `fit`. Its result must depend on at most
        the last 2 x `window` bars, and on what `state` tells of those before, so that a restart gives the same bits."""
        raise NotImplementedError

    def state(self) -> bytes | None:
        """What a recursive `update` carries over to the next bar. It is kept with each point; None before the first answer will do."""
        return None

    def resume(self, state: bytes) -> None:
        """Go on from the `state` of an instance with the same settings."""

    def rolling(self, y: FloatArray, x: FloatArray) -> list[Hedge | None]:
        """The hedge as of each bar of finite arrays of shape (n,), None before `window` bars, as the flow computes it."""
        steps = Steps(self)
        hedges = []
        for index, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
            steps.push(index, *pair)
            hedges.append(steps.hedge())
        return hedges


def offers(cls: type[Regression], name: Literal["fit_sums", "update"]) -> bool:
    """Whether a regression has this way of its own."""
    return getattr(cls, name) is not getattr(Regression, name)


def is_stepwise(cls: type[Regression]) -> bool:
    """Whether a bar costs it less than a fit of the window."""
    return offers(cls, "fit_sums") or offers(cls, "update")


def takes_long(cls: type[Regression]) -> bool:
    """Whether a bar of a long window takes long: it is fitted, or as good as fitted, anew."""
    return cls.refits or not is_stepwise(cls)


class Steps:
    """A fresh instance of a regression along the bars, by the cheapest way that it offers: `fit_sums`, `update`, or else `fit`.

    `sums` are those of the last `window` bars. Both prices must be finite.
    """

    def __init__(self, regression: Regression) -> None:
        self.regression = msgspec.structs.replace(regression)
        self.sums = Moments(regression.window)
        self._bar: tuple[int, float, float] = (-1, 0.0, 0.0)
        self._legs: Ring | None = None
        if offers(type(regression), "fit_sums"):
            self.hedge = self._fit_sums
        elif offers(type(regression), "update"):
            self.hedge = self._update
        else:
            self._legs = Ring(2, regression.window)
            self.hedge = self._fit

    @property
    def asked(self) -> Callable[..., Hedge | None]:
        """The regression's method that `hedge` asks."""
        cls, one = type(self.regression), self.regression
        return one.fit_sums if offers(cls, "fit_sums") else one.update if offers(cls, "update") else one.fit

    def push(self, index: int, y: float, x: float) -> None:
        """Take the bar whose absolute number is `index`; then ask once for the `hedge` as of it, None while there is none."""
        self._bar = index, y, x
        self.sums.push(index, y, x)
        if self._legs is not None:
            self._legs.append((y, x))

    def _fit_sums(self) -> Hedge | None:
        return self.regression.fit_sums(self.sums) if self.sums.full else None

    def _update(self) -> Hedge | None:
        return self.regression.update(*self._bar)

    def _fit(self) -> Hedge | None:
        if self._legs is None or not self.sums.full:
            return None
        y, x = self._legs.last(self.regression.window).copy()
        return self.regression.fit(y, x)
