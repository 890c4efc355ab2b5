"""A batch costs what it brings: symbols that it does not touch are not asked, and nothing of theirs is missed."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.config.model import Config, PairEntry, Pipeline
from quantd.flow.ingest.gaps import Gaps
from quantd.model import Gap, Status, Tick
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from tests.calls import calls_of

NAMES = "ABCD"


class Askable(Venue):
    """A venue that can be asked for trades by id, which it never has."""

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return []


def bench(names: Sequence[str]) -> Bench:
    """A flow of these symbols, of each of which a pair has the next."""
    pipeline = Pipeline(name="default", feed="venue", bars=TimeBars(every=("1s",)), regression=Ols(window=3))
    pairs = tuple(PairEntry(y, x, pipeline.name) for y, x in pairwise(names))
    return Bench(Config(pairs=pairs, feeds={"venue": Askable()}, pipelines={pipeline.name: pipeline}), now=fakes.START, warm=True)


@pytest.mark.parametrize("others", ["are whole", "miss trades", "missed trades for a moment"])
def test_a_batch_costs_the_same_among_many_symbols_as_among_few(others: str) -> None:
    def cost(count: int) -> int:
        names = [f"S{number:03}" for number in range(count)]
        flow = bench(names)
        for second in range(4):
            flow.process([fakes.tick(name, second + 1, 1_000 * second) for name in names])
        if others != "are whole":
            flow.process([fakes.tick(name, 6, 3_100) for name in names[3:]])
        if others == "missed trades for a moment":
            flow.process([fakes.tick(name, 5, 3_110) for name in names[3:]])
        flow.process([fakes.tick(name, 5, 5_600) for name in names[:3]])
        flow.process([fakes.tick(name, 6, 5_700) for name in names[:3]])
        return calls_of(lambda: flow.process([fakes.tick(name, 7, 5_800) for name in names[:3]]))

    assert cost(100) == cost(10)


def test_symbols_take_turns_in_the_order_in_which_they_joined() -> None:
    flow, told = bench(NAMES), list[str]()
    flow.process([fakes.tick("C", 1)])
    flow.hub.listen("ticks", lambda ticks: told.extend(tick.symbol for tick in ticks))
    flow.process([fakes.tick(name, 2) for name in "DBAC"])
    assert told == list("ABCD")
    flow.runtime.drop_symbol("B")
    flow.runtime.add_symbol("B", flow.config.pipelines["default"])
    flow.process([fakes.tick(name, 3, 100) for name in "BADC"])
    assert told[4:] == list("ACDB")


def test_no_gap_is_told_of_a_symbol_that_has_left() -> None:
    flow, told = bench(NAMES), list[Gap]()
    flow.hub.listen("gaps", told.extend)
    flow.process([fakes.tick(name, number, 10 * number) for number in (1, 5) for name in "AB"])
    flow.runtime.drop_symbol("A")
    flow.clock.advance_to(fakes.START + 5_000)
    flow.process([])
    assert [gap.symbol for gap in told] == ["B"]


class Asked:
    """A flow, and what is told of gaps if every symbol is asked after each batch."""

    def __init__(self) -> None:
        self.flow = bench(NAMES)
        self.told: list[Gap] = []
        self.expected: list[Gap] = []
        self.time = 0
        self._gaps = {name: Gaps(name) for name in NAMES}
        self.flow.hub.listen("gaps", self.told.extend)

    def trade(self, rows: Sequence[tuple[str, int, int]]) -> None:
        """Trades of a symbol, an id and a time: it goes on by so many ms, or back."""
        ticks = []
        for name, identity, later in rows:
            self.time = max(0, self.time + later)
            ticks.append(fakes.tick(name, identity, self.time))
        self.process(lambda: self.flow.process(ticks))

    def lose(self, names: str) -> None:
        at = fakes.START + self.time
        self.process(lambda: self.flow.process([Status(at, healthy=False, symbols=tuple(names))]))

    def wait(self, ms: int) -> None:
        self.time += ms
        self.process(lambda: self.flow.process([Status(fakes.START + self.time, healthy=True)]))

    def pause(self, ms: int) -> None:
        """Time passes without any event."""
        self.flow.clock.advance_to(self.flow.clock.now() + ms)
        self.process(lambda: self.flow.process([]))

    def give_up(self, name: str) -> None:
        """The venue does not have the oldest missing ids of a symbol: they are lost."""
        repairs = self.flow.flow._recovery._repairs
        assert repairs
        for missing in repairs._missing():
            if missing.symbol == name:
                hole = missing.ledger.holes[0]
                missing.set_source(hole.first, hole.last, "none")
        self.process(lambda: self.flow.process([]))

    def repair(self, name: str, first: int, last: int) -> None:
        """The venue has some of the missing trades after all."""
        repairs = self.flow.flow._recovery._repairs
        assert repairs
        found = [fakes.tick(name, identity, self.time) for identity in range(first, last + 1)]
        for missing in repairs._missing():
            if missing.symbol == name:
                self.process(lambda insert=missing.insert: asyncio.run(insert(found)))  # type: ignore[misc]

    def process(self, act: Callable[[], None]) -> None:
        act()
        now = self.flow.clock.now()
        for stage in self.flow.flow.stages:
            self.expected += self._gaps[stage.symbol].changes(stage.intake.ledger.holes, now)


name = st.sampled_from(NAMES)
rows = st.lists(st.tuples(name, st.integers(1, 25), st.sampled_from([0, 1, 300, 1_200, -700])), max_size=5)
acts = st.one_of(
    st.tuples(st.just("trade"), rows),
    st.tuples(st.just("trade"), rows),
    st.tuples(st.just("lose"), st.sampled_from(["A", "BC", ""])),
    st.tuples(st.just("wait"), st.sampled_from([10, 900, 1_100, 70_000])),
    st.tuples(st.just("pause"), st.sampled_from([300, 600, 2_000])),
    st.tuples(st.just("give_up"), name),
    st.tuples(st.just("repair"), name, st.integers(1, 12), st.integers(12, 25)),
)


@given(st.lists(acts, min_size=5, max_size=30))
def test_no_gap_is_told_later_than_if_every_symbol_were_asked(done: Sequence[tuple[str, object]]) -> None:
    at = Asked()
    for act, *arguments in done:
        getattr(at, act)(*arguments)
    assert at.told == at.expected
