"""Estimators of the hedge ratio, and how one is run over a series of bars."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from quantd.model import Hedge, Prices
from quantd.plugin.base import Plugin
from quantd.plugin.columns import RegressionColumns
from quantd.stats import FloatArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import MomentsColumns
from quantd.stats.ring import Ring
from quantd.stats.rolling import Moments
from quantd.stats.sums import Sums


class Regression(Plugin):
    """Estimates the hedge ratio over the last `window` bars."""

    recursive: ClassVar[bool] = False
    """True if `update` carries over state from before the window, so that its result differs from a fit of the window. The class then has
    `state` and `resume`."""
    predicts: ClassVar[bool] = False
    """True if `update` returns `innovation` and `innovation_std`."""
    given: ClassVar[bool] = False
    """True if the hedge is not estimated but given, by the settings `beta` and `alpha`."""
    refits: ClassVar[bool] = False
    """True if the time of `update` grows with `window`, like that of a fit. A request that would take minutes is then refused."""
    state_version: ClassVar[int] = 1
    """Version of what `state` packs. Increase it with each change of the format, so that `resume` does not receive older states."""

    window: Annotated[int, Meta(ge=2, le=100_000, description="Bars in the regression.")] = 60
    prices: Annotated[Prices, Meta(description="Regress prices or their logarithms.")] = "raw"

    @abstractmethod
    def fit(self, y: FloatArray, x: FloatArray) -> Hedge | None:
        """Fit y = alpha + beta * x to two arrays of equal length, oldest first. Return None if there is no solution."""

    def fit_sums(self, sums: Sums) -> Hedge | None:
        """Return the hedge of a full window, given its means and centred sums. It must equal the result of `fit` except for rounding.

        Implement it where they suffice; the core, which keeps them for the correlation anyway, then calls it instead of `fit`."""
        raise NotImplementedError

    def fit_many(self, y: FloatArray, x: FloatArray) -> HedgeColumns:
        """Fit many pairs at once, given arrays of shape (`window`, pairs), oldest first. Each hedge must equal that of `fit` to the bit.
        Return new arrays: they are kept until the next bar.

        Implement it where it is cheaper than a `fit` of each pair; the core then calls it for pairs with the same settings."""
        raise NotImplementedError

    def fit_sums_many(self, sums: MomentsColumns) -> HedgeColumns:
        """Return the hedges of many pairs, given their means and centred sums. Each hedge must equal that of `fit_sums` to the bit.
        Return new arrays: they are kept until the next bar.

        Implement it where it is cheaper than a `fit_sums` of each pair; the core then calls it for pairs with the same settings."""
        raise NotImplementedError

    def update(self, index: int, y: float, x: float) -> Hedge | None:
        """Process one more bar, whose absolute number is `index`. Return the hedge as of it, None while warming up.

        Implement it where a step is cheaper than a fit; the core then calls it instead of `fit`. Its result must depend on at most
        the last 2 x `window` bars, and on what `state` tells of those before, so that a restart gives the same bits."""
        raise NotImplementedError

    def state(self) -> bytes | None:
        """Return what a recursive `update` carries over to the next bar. It is stored with each point. None before the first usable
        result."""
        return None

    def resume(self, state: bytes) -> None:
        """Continue from the `state` of an instance with the same settings."""

    def columns(self) -> RegressionColumns:
        """Return columns for many pairs with these settings, no column yet.

        Implement it where a bar of many pairs is cheaper together than `update` of each; the core then calls it instead."""
        raise NotImplementedError

    def rolling(self, y: FloatArray, x: FloatArray, offset: int = 0) -> list[Hedge | None]:
        """Return the hedge as of each bar of finite arrays of shape (n,), as the flow computes it for a pair whose sums are rebuilt at the
        bars that `offset` determines; None before `window` bars."""
        steps = Steps(self, offset)
        hedges = []
        for index, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
            steps.push(index, *pair)
            hedges.append(steps.hedge())
        return hedges


def offers(cls: type[Regression], name: Literal["fit_sums", "update"]) -> bool:
    """Return whether a regression implements this method itself."""
    return getattr(cls, name) is not getattr(Regression, name)


_SINGLE = {"fit_many": ("fit",), "fit_sums_many": ("fit_sums",), "columns": ("update", "state", "resume")}
"""The methods for one pair, by the method that does the same for many."""


def offers_many(cls: type[Regression], name: Literal["fit_many", "fit_sums_many", "columns"]) -> bool:
    """Return whether a regression implements this method for many pairs, and for its own methods for one pair, not those of a base
    class."""
    own = next(base for base in cls.__mro__ if name in vars(base))
    return own is not Regression and all(getattr(cls, single) is getattr(own, single) for single in _SINGLE[name])


def is_stepwise(cls: type[Regression]) -> bool:
    """Return whether a bar costs less than a fit of the window."""
    return offers(cls, "fit_sums") or offers(cls, "update")


def takes_long(cls: type[Regression]) -> bool:
    """Return whether a bar of a long window takes long, since the window is fitted anew, or nearly so."""
    return cls.refits or not is_stepwise(cls)


class Steps:
    """Runs a fresh instance of a regression over the bars, with the cheapest method that it offers: `fit_sums`, `update`, or else `fit`.

    `sums` are those of the last `window` bars, rebuilt at the bars that `offset` determines. Both prices must be finite.
    """

    def __init__(self, regression: Regression, offset: int = 0) -> None:
        self.regression = msgspec.structs.replace(regression)
        self.sums = Moments(regression.window, offset)
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
        """The regression's method that `hedge` calls."""
        cls, one = type(self.regression), self.regression
        return one.fit_sums if offers(cls, "fit_sums") else one.update if offers(cls, "update") else one.fit

    def push(self, index: int, y: float, x: float) -> None:
        """Add the bar whose absolute number is `index`. Then call `hedge` once for the hedge as of it, None while there is none."""
        self._bar = index, y, x
        self.sums.push(index, y, x)
        if self._legs is not None:
            self._legs.append((y, x))

    def refill(self) -> None:
        """Take the closes from `sums`, which have been restored."""
        if self._legs is not None:
            self._legs.clear()
            for row in zip(*self.sums.held(), strict=True):
                self._legs.append(row)

    def _fit_sums(self) -> Hedge | None:
        return self.regression.fit_sums(self.sums) if self.sums.full else None

    def _update(self) -> Hedge | None:
        return self.regression.update(*self._bar)

    def _fit(self) -> Hedge | None:
        if self._legs is None or not self.sums.full:
            return None
        y, x = self._legs.last(self.regression.window).copy()
        return self.regression.fit(y, x)
