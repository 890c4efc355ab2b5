"""A pair that joins a running flow has the bars of its legs first; where that takes long, others run in between."""

import asyncio
import sqlite3
from functools import partial
from typing import Any

import pytest

import quantd
from quantd.clock import EventClock
from quantd.flow.pair import PairStage
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.flow.pairs.carried import Recall
from quantd.model import PairPoint
from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from tests.unit.flow.test_feed import Bench, guard, tick
from tests.waiting import until

SECONDS = 200
CLOCKS: list[EventClock] = []


class Slow(quantd.Regression):
    """Takes 30 ms a bar, by the clock of the flow."""

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        CLOCKS[-1].advance_to(CLOCKS[-1].now() + 30)
        return ols_fit(y, x)


class Busy:
    """A store that cannot be read at first."""

    def __init__(self, faults: int) -> None:
        self.faults = faults

    def recall(self, start: int, end: int) -> list[PairPoint]:
        self.faults -= 1
        if self.faults >= 0:
            raise sqlite3.OperationalError("disk I/O error")
        return []


def bench() -> Bench:
    made = Bench("1s")
    made.flow.process([tick(s, n, 1_000 * n, 100 + n % 7 + (s == "Y") * n % 3) for n in range(SECONDS) for s in "YX"])
    clock: Any = made.flow._host
    CLOCKS.append(clock)
    return made


def joining(made: Bench, regression: quantd.Regression, recall: Recall | None = None) -> PairStage:
    y, x = made.flow.stages
    spec = PairSpec("Y-X", "1s", regression)
    return PairStage(y, x, (PairSeries(spec, lambda plugin, user: guard(plugin), 0, recall=recall),), y.exports)


def test_what_is_quick_takes_part_at_once() -> None:
    made = bench()
    pair = joining(made, Ols(window=20))
    made.flow.members.add_pair(lambda: pair)
    assert made.flow.pairs[-1] is pair
    assert pair.series[0].counts.made == len(made.kept.rows["bars"]) // 2 - 19


async def test_what_takes_long_lets_others_run_and_misses_no_bar_that_closes_meanwhile() -> None:
    made = bench()
    pair = joining(made, Slow(window=20))
    made.flow.members.add_pair(lambda: pair)
    assert pair not in made.flow.pairs
    assert 0 < pair.series[0].counts.made < SECONDS - 20
    turns = 0
    while pair not in made.flow.pairs:
        made.flow.process([tick(s, SECONDS + turns, 1_000 * (SECONDS + turns)) for s in "YX"])
        turns += 1
        assert turns < 100
        await asyncio.sleep(0)
    assert turns > 1
    assert pair.series[0].last
    assert pair.series[0].last.ts == made.kept.rows["bars"][-1].ts
    assert pair.series[0].counts.made == len(made.kept.rows["bars"]) // 2 - 19


async def test_a_pair_that_goes_while_it_joins_never_takes_part() -> None:
    for drop in (lambda flow: flow.members.drop_pair("Y-X"), lambda flow: flow.members.drop("X")):
        made = bench()
        made.flow.members.drop_pair("Y-X")
        made.flow.members.add_pair(partial(joining, made, Slow(window=20)))
        drop(made.flow)
        for _ in range(20):
            await asyncio.sleep(0)
        assert made.flow.pairs == []


async def test_a_pair_that_is_asked_for_twice_joins_once() -> None:
    made = bench()
    made.flow.members.drop_pair("Y-X")
    first, second = joining(made, Slow(window=20)), joining(made, Slow(window=20))
    made.flow.members.add_pair(lambda: first)
    made.flow.members.add_pair(lambda: second)
    await until(lambda: made.flow.pairs)
    for _ in range(20):
        await asyncio.sleep(0)
    assert made.flow.pairs == [first]


async def test_one_that_goes_and_comes_again_is_not_taken_for_the_one_before() -> None:
    made = bench()
    made.flow.members.drop_pair("Y-X")
    first, second = joining(made, Slow(window=20)), joining(made, Slow(window=20))
    made.flow.members.add_pair(lambda: first)
    made.flow.members.drop_pair("Y-X")
    made.flow.members.add_pair(lambda: second)
    await until(lambda: made.flow.pairs)
    for _ in range(20):
        await asyncio.sleep(0)
    assert made.flow.pairs == [second]


@pytest.mark.parametrize("faults", [1, 2])
async def test_a_pair_joins_though_its_past_cannot_be_read_at_first(faults: int) -> None:
    made, store, tried = bench(), Busy(faults), list[PairStage]()
    made.flow.members.drop_pair("Y-X")

    def make() -> PairStage:
        tried.append(joining(made, Kalman(window=20), store.recall))
        return tried[-1]

    made.flow.members.add_pair(make)
    await until(lambda: made.flow.pairs)
    assert (len(tried), made.flow.pairs) == (faults + 1, [tried[-1]])
    assert tried[-1].series[0].counts.made == len(made.kept.rows["bars"]) // 2 - 19
    await until(lambda: not made.flow._outputs.troubles.present())
