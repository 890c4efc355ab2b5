"""Hedges of the pairs of a table at each bar: of all pairs at once where the regression can do that, otherwise one pair at a time."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar, TypeVarTuple

import msgspec
import numpy as np

from quantd.flow.pairs.point_maker import PointMaker
from quantd.model import Hedge
from quantd.plugin import answers
from quantd.plugin.columns import RegressionColumns
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression, offers, offers_many
from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns, of_hedges
from quantd.stats.columns.moments import MomentsColumns

T = TypeVar("T")
Args = TypeVarTuple("Args")


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
        self.makers: list[PointMaker] = []

    def add(self, maker: PointMaker) -> None:
        self.makers.append(maker)

    def drop(self, p: int) -> None:
        del self.makers[p]

    def hedges(self, index: int, y: FloatArray, x: FloatArray) -> HedgeColumns:
        bars = zip(self.makers, y.tolist(), x.tolist(), strict=True)
        return of_hedges([maker.asked(maker.regression.update, index, *closes) for maker, *closes in bars])

    def states(self) -> list[bytes | None]:
        return [maker.state() for maker in self.makers]


class _Recursions:
    """Recursive regressions that have columns. If these cannot take or give back a pair, each goes on with a regression of its own."""

    def __init__(self, regression: Regression, guard: Guard) -> None:
        self._settings = regression
        self._guard = guard
        self._columns: RegressionColumns | None = guard.call(regression.columns)
        self._each = _Updates()

    def add(self, maker: PointMaker) -> None:
        if self._columns is not None and not self._asked(_load, self._columns, maker.regression):
            self._give_up()
        self._each.add(maker)

    def drop(self, p: int) -> None:
        own = self._asked(_instance, self._columns, p)
        if isinstance(own, type(self._settings)):
            self._each.makers[p].go_on_with(own)
        elif self._columns is not None:
            self._give_up()
        self._each.drop(p)
        if self._columns is not None and not self._asked(_drop, self._columns, p):
            self._give_up(numbered=False)

    def hedges(self, index: int, y: FloatArray, x: FloatArray) -> HedgeColumns:
        columns, which, is_stepped = self._columns, self._all, False
        if columns is None:
            return self._each.hedges(index, y, x)

        def step() -> HedgeColumns:
            nonlocal is_stepped
            is_stepped = True
            columns.step(which, np.full(len(which), index), y, x)
            return columns.hedges(which)

        def step_one(one: IntArray) -> HedgeColumns:
            if not is_stepped:
                columns.step(one, np.array([index]), y[one], x[one])
            return columns.hedges(one)

        hedges = self._guard.call(answers.hedges, columns.hedges, step, len(which))
        return of_hedges([self._hedge(p, columns, step_one) for p in which.tolist()]) if hedges is None else hedges

    def _hedge(self, p: int, columns: RegressionColumns, step: Callable[[IntArray], HedgeColumns]) -> Hedge | None:
        """Return the hedge of one pair: all have been asked together, but the answer was wrong for some, or the guard let nothing pass."""
        hedges = self._each.makers[p].guard.call(answers.hedges, columns.hedges, partial(step, np.array([p])), 1)
        return None if hedges is None else hedges.hedge(0)

    def states(self) -> list[bytes | None]:
        columns = self._columns
        if columns is None:
            return self._each.states()
        states = self._guard.call(columns.states, self._all)
        if states is None:
            ones = [maker.guard.call(columns.states, np.array([p])) for p, maker in enumerate(self._each.makers)]
            states = [one[0] if one else None for one in ones]
        return [None if state is None else maker.mark + state for maker, state in zip(self._each.makers, states, strict=True)]

    @property
    def _all(self) -> IntArray:
        return np.arange(len(self._each.makers))

    def _give_up(self, *, numbered: bool = True) -> None:
        """Let each pair go on with a regression of its own; with a fresh one if it is not known which column is whose."""
        for p, maker in enumerate(self._each.makers):
            maker.go_on_with(self._own(p) if numbered else msgspec.structs.replace(self._settings))
        self._columns = None

    def _own(self, p: int) -> Regression:
        """Return an instance in the state of a column, a fresh one if the columns fail."""
        own = self._asked(_instance, self._columns, p)
        return own if isinstance(own, type(self._settings)) else msgspec.structs.replace(self._settings)

    def _asked(self, method: Callable[[*Args], T], *args: *Args) -> T | None:
        """Call a method that cannot be left out. Return None if it fails, which the guard counts."""
        try:
            return method(*args)
        except Exception as error:
            self._guard.call(_fail, error)
            return None


def _load(columns: RegressionColumns, regression: Regression) -> bool:
    columns.load(columns.add(), regression)
    return True


def _instance(columns: RegressionColumns | None, p: int) -> Regression | None:
    return columns.regression(p) if columns is not None else None


def _drop(columns: RegressionColumns, p: int) -> bool:
    columns.drop(p)
    return True


def _fail(error: Exception) -> None:
    raise error


def _fit_each_sums(sums: MomentsColumns, makers: list[PointMaker]) -> list[Hedge | None]:
    return [maker.asked(maker.regression.fit_sums, one) for maker, one in zip(makers, sums.each(), strict=True)]


def _fit_each(sums: MomentsColumns, makers: list[PointMaker]) -> list[Hedge | None]:
    y, x = (np.ascontiguousarray(leg.T) for leg in sums.legs())
    return [maker.asked(maker.regression.fit, y[p], x[p]) for p, maker in enumerate(makers)]
