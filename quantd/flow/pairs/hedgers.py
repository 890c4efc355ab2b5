"""Hedges of the pairs of a table at each bar: of all pairs at once where the regression can do that, otherwise one pair at a time."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np

from quantd.flow.pairs.point_maker import PointMaker
from quantd.model import Hedge
from quantd.plugin import answers
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression, offers, offers_many
from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns, of_hedges
from quantd.stats.columns.moments import MomentsColumns


class Hedger(Protocol):
    """The regressions of the pairs of a table."""

    def add(self, maker: PointMaker) -> None:
        """Append a pair, which continues as the regression of its maker."""

    def drop(self, p: int) -> None:
        """Remove a pair. Its maker continues with the regression. The pairs after it move up by one."""

    def hedges(self, index: int, y: FloatArray, x: FloatArray) -> HedgeColumns:
        """Return the hedges at a bar that the sums contain already."""

    def states(self) -> list[bytes | None]:
        """Return what the regressions carry over from the last bar, as `PointMaker.state`."""


def hedger(regression: Regression, sums: MomentsColumns, guard: Guard) -> Hedger:
    """Return the hedger for pairs with the settings of `regression`, with the cheapest method that it offers."""
    cls = type(regression)
    if offers(cls, "fit_sums"):
        alone: Callable[[MomentsColumns, list[PointMaker]], list[Hedge | None]] = _fit_each_sums
        many = (lambda: regression.fit_sums_many(sums)) if offers_many(cls, "fit_sums_many") else None
        return _Fits(sums, guard, alone, many, regression.fit_sums_many)
    if offers_many(cls, "columns"):
        return _Recursions(regression, guard)
    if offers(cls, "update"):
        return _Updates()
    many = (lambda: regression.fit_many(*sums.legs())) if offers_many(cls, "fit_many") else None
    return _Fits(sums, guard, _fit_each, many, regression.fit_many)


class _Fits:
    """Regressions that keep nothing from bar to bar but the sums or the closes."""

    def __init__(
        self,
        sums: MomentsColumns,
        guard: Guard,
        each: Callable[[MomentsColumns, list[PointMaker]], list[Hedge | None]],
        many: Callable[[], HedgeColumns] | None,
        method: Callable[..., HedgeColumns],
    ) -> None:
        self._sums = sums
        self._guard = guard
        self._each = each
        self._many = many
        self._method = method
        self._makers: list[PointMaker] = []

    def add(self, maker: PointMaker) -> None:
        self._makers.append(maker)

    def drop(self, p: int) -> None:
        del self._makers[p]

    def hedges(self, index: int, y: FloatArray, x: FloatArray) -> HedgeColumns:
        if self._many is None:
            return of_hedges(self._each(self._sums, self._makers))
        hedges = self._guard.call(answers.hedges, self._method, self._many, len(self._makers))
        return of_hedges(self._each(self._sums, self._makers)) if hedges is None else hedges

    def states(self) -> list[bytes | None]:
        return [None] * len(self._makers)


class _Updates:
    """Regressions that take one bar at a time, each with its own memory."""

    def __init__(self) -> None:
        self._makers: list[PointMaker] = []

    def add(self, maker: PointMaker) -> None:
        self._makers.append(maker)

    def drop(self, p: int) -> None:
        del self._makers[p]

    def hedges(self, index: int, y: FloatArray, x: FloatArray) -> HedgeColumns:
        bars = zip(self._makers, y.tolist(), x.tolist(), strict=True)
        return of_hedges([maker.asked(maker.regression.update, index, *closes) for maker, *closes in bars])

    def states(self) -> list[bytes | None]:
        return [maker.state() for maker in self._makers]


class _Recursions:
    """Recursive regressions that have columns."""

    def __init__(self, regression: Regression, guard: Guard) -> None:
        self._columns = regression.columns()
        self._guard = guard
        self._makers: list[PointMaker] = []

    def add(self, maker: PointMaker) -> None:
        self._columns.load(self._columns.add(), maker.regression)
        self._makers.append(maker)

    def drop(self, p: int) -> None:
        self._makers.pop(p).go_on_with(self._columns.regression(p))
        self._columns.drop(p)

    def hedges(self, index: int, y: FloatArray, x: FloatArray) -> HedgeColumns:
        which, is_stepped = self._all, False

        def step() -> HedgeColumns:
            nonlocal is_stepped
            is_stepped = True
            self._columns.step(which, np.full(len(which), index), y, x)
            return self._columns.hedges(which)

        def step_one(one: IntArray) -> HedgeColumns:
            if not is_stepped:
                self._columns.step(one, np.array([index]), y[one], x[one])
            return self._columns.hedges(one)

        hedges = self._guard.call(answers.hedges, self._columns.hedges, step, len(which))
        return of_hedges([self._hedge(p, step_one) for p in which.tolist()]) if hedges is None else hedges

    def _hedge(self, p: int, step: Callable[[IntArray], HedgeColumns]) -> Hedge | None:
        """Return the hedge of one pair: all have been asked together, but the answer was wrong for some, or the guard let nothing pass."""
        hedges = self._makers[p].guard.call(answers.hedges, self._columns.hedges, partial(step, np.array([p])), 1)
        return None if hedges is None else hedges.hedge(0)

    def states(self) -> list[bytes | None]:
        states = self._guard.call(self._columns.states, self._all)
        if states is None:
            ones = [maker.guard.call(self._columns.states, np.array([p])) for p, maker in enumerate(self._makers)]
            states = [one[0] if one else None for one in ones]
        return [None if state is None else maker.mark + state for maker, state in zip(self._makers, states, strict=True)]

    @property
    def _all(self) -> IntArray:
        return np.arange(len(self._makers))


def _fit_each_sums(sums: MomentsColumns, makers: list[PointMaker]) -> list[Hedge | None]:
    return [maker.asked(maker.regression.fit_sums, one) for maker, one in zip(makers, sums.each(), strict=True)]


def _fit_each(sums: MomentsColumns, makers: list[PointMaker]) -> list[Hedge | None]:
    y, x = (np.ascontiguousarray(leg.T) for leg in sums.legs())
    return [maker.asked(maker.regression.fit, y[p], x[p]) for p, maker in enumerate(makers)]
