"""A regression that fails for one pair of a table costs the other pairs nothing. If its columns fail, pairs go on one at a time."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest

import quantd
from quantd.columns.points import PointColumns
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.flow.pairs.group import WORTH, Legs, PairGroup
from quantd.model import Hedge, PairPoint
from quantd.stats import FloatArray, IntArray
from quantd.testing import fakes
from quantd_plugins.regressions.rls import Rls, RlsColumns
from tests.unit.flow.pairs.test_group import BARS as MANY
from tests.unit.flow.pairs.test_group import DAWN, World, guards
from tests.unit.flow.pairs.test_group import WINDOW as WIDE

PAIRS, WINDOW, BARS = 20, 6, 60
TOO_HIGH = 1_000.0
"""The close of y for which the regression returns no finite number."""


class Fragile(Rls):
    """A regression that has no finite answer at some prices, or `raises` an error at these."""

    raises: bool = False

    def update(self, index: int, y: float, x: float) -> Hedge | None:
        hedge = super().update(index, y, x)
        if hedge is None or y < TOO_HIGH:
            return hedge
        if self.raises:
            raise ArithmeticError
        return msgspec.structs.replace(hedge, alpha=np.inf)

    def columns(self) -> quantd.RegressionColumns:
        return FragileColumns(self)


class FragileColumns(RlsColumns):
    """Many instances of it."""

    def __init__(self, settings: Fragile) -> None:
        super().__init__(settings)
        self.step = self._step
        self._raises = settings.raises
        self._closes = np.zeros(PAIRS)

    def _step(self, which: IntArray, index: IntArray, y: FloatArray, x: FloatArray) -> None:
        self._runs.push(which, index, y, x)
        self._closes[which] = y
        if self._raises and (y >= TOO_HIGH).any():
            raise ArithmeticError

    def hedges(self, which: IntArray) -> quantd.HedgeColumns:
        hedges, high = super().hedges(which), self._closes[which] >= TOO_HIGH
        if self._raises:
            return msgspec.structs.replace(hedges, known=hedges.known & ~high)
        return msgspec.structs.replace(hedges, alpha=np.where(high, np.inf, hedges.alpha))


def made(number: int, group: PairGroup) -> list[PairPoint]:
    points: list[PairPoint] = []
    for each in group.step(closes(number), lambda pair, every: 0):
        points += each[1] if isinstance(each, tuple) else list(each)
    return sorted(points, key=lambda point: point.pair)


def closes(number: int) -> dict[tuple[str, str], list[quantd.Bar]]:
    """Bars of a second. From bar 40 on, a leg rises far at each bar: S0 first."""
    given = {}
    for at in range(PAIRS + 1):
        close = 100.0 + (3 * number + 7 * at) % 11 + (TOO_HIGH if 40 <= number == 40 + at < 46 else 0.0)
        given[f"S{at}", "1s"] = fakes.flat_bars([close], symbol=f"S{at}", every="1s", start=DAWN + 1_000 * number)
    return given


@pytest.mark.parametrize("raises", [False, True])
def test_a_pair_without_an_answer_does_not_take_those_of_the_others(raises: bool) -> None:
    spec = PairSpec("", "1s", Fragile(window=WINDOW, raises=raises))
    series = [[PairSeries(msgspec.structs.replace(spec, pair=f"P{at:02}"), guards, 0) for at in range(PAIRS)] for _ in range(2)]
    group = PairGroup(series[0][0])
    for at, each in enumerate(series[0]):
        group.add(each, Legs(f"S{at}", f"S{at + 1}"))
    for number in range(BARS):
        given, points = closes(number), made(number, group)
        alone = [each.add(given[f"S{at}", "1s"], given[f"S{at + 1}", "1s"]) for at, each in enumerate(series[1])]
        assert points == [point for some in alone for point in some], number
        group.settle(most=PAIRS)
    assert sum(each.table is not None for each in series[0]) > PAIRS / 2


class Failing:
    """Columns of which one method fails from a call on."""

    def __init__(self, columns: quantd.RegressionColumns, method: str, good: int) -> None:
        self._columns = columns
        self._method = method
        self._good = good

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._good -= 1
            if self._good < 0:
                raise ValueError(name)
        return getattr(self._columns, name)


class Theirs(Rls):
    """A recursive regression of a third party."""

    method: str = "columns"
    good: int = 0

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        return super().update(index, y, x)

    def state(self) -> bytes:
        return super().state()

    def resume(self, state: bytes) -> None:
        super().resume(state)

    def columns(self) -> quantd.RegressionColumns:
        if self.method == "columns":
            raise ValueError
        failing: quantd.RegressionColumns = Failing(super().columns(), self.method, self.good)
        return failing


def world_of(method: str, good: int) -> World:
    world = World(PairSpec("", "1s", Theirs(window=WIDE, method=method, good=good)), 5)
    for _ in range(3 * WORTH):
        world.add()
    return world


@pytest.mark.parametrize("good", [0, 12])
@pytest.mark.parametrize("method", ["columns", "add", "load"])
def test_pairs_make_the_points_of_each_alone_if_columns_do_not_take_them(method: str, good: int) -> None:
    world = world_of(method, good)
    for number in range(MANY):
        world.step(number)


@pytest.mark.parametrize("good", [0, 12])
@pytest.mark.parametrize("method", ["regression", "drop"])
def test_pairs_go_on_if_columns_do_not_give_them_back(method: str, good: int) -> None:
    world, made = world_of(method, good), Counter[str]()
    for number in range(MANY):
        for batch in world.group.step(world.close(number), lambda pair, every: 0):
            points = list(batch) if isinstance(batch, PointColumns) else batch[1]
            made.update({point.pair for point in points if number >= MANY // 2})
        world.group.settle(most=100)
    assert min(made[pair] for pair in world.pairs) > 0.7 * MANY / 2
