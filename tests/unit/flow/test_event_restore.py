"""Bars that end with an event do not depend on restarts: every trade that is to be had is in one of them, once."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

import quantd
from quantd.clock import EventClock
from quantd.columns.pile import TickPile
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.bars.events import EventStage
from quantd.flow.environment import Environment
from quantd.flow.event_restore import EventRestorer, last_bar
from quantd.flow.exports import Exports
from quantd.flow.feed import FeedFlow
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pairs import Inline
from quantd.flow.record import Recorder
from quantd.flow.repair.restore import restore
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import Bar, Tick
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd.times import FOR_EVER
from quantd_plugins.event_bars.imbalance import ImbalanceBars
from quantd_plugins.event_bars.tick import TickBars
from quantd_plugins.event_bars.volume import VolumeBars
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local
from tests.unit.flow.bars.test_events import Growing

SYMBOL = "BTCUSDT"
RULES = (TickBars(count=7), VolumeBars(size=30.0), ImbalanceBars(size=4.0), Growing())
PAGE = 20


def stages(rules: Sequence[quantd.EventBars] = RULES) -> list[EventStage]:
    return [EventStage(SYMBOL, rule, Guard("event_bar", rule.label, EventClock())) for rule in rules]


class Disk:
    """What outlives a daemon."""

    def __init__(self, folder: str) -> None:
        self.store = Local()
        self.store.open(Path(folder))
        self.kept: dict[str, bytes] = {}

    def bars(self, label: str) -> list[Bar]:
        return self.store.bars(SYMBOL, label, 0, FOR_EVER)

    def ids(self) -> list[int]:
        found: list[int] = self.store.ticks(SYMBOL, 0, FOR_EVER)["id"].tolist()
        return found


class Life:
    """A daemon from its start to its end, of one symbol."""

    def __init__(self, disk: Disk, rules: Sequence[quantd.EventBars] = RULES, *, fetched: bool = True) -> None:
        guard, clock = Guard("any", "", EventClock()), EventClock()
        self.recorder = Recorder(disk.store, guard, clock, Troubles(clock))
        self.history = History(disk.store)
        outputs = Outputs(history=self.history, alerts=AlertEngine(), outbox=Outbox({}), hub=Hub(), recorder=self.recorder)
        self.stage = SymbolStage(SYMBOL, TimeBars(), guard, Exports([]), stages(rules))
        self.stage.in_order.follow_record(recorded=True, fetched=fetched)
        known = restore(History(disk.store), SYMBOL, []) if fetched else None
        if known:
            self.stage.intake.ledger.restore(known)
            self.stage.accept(self.history.recorded_ticks(SYMBOL, known.ts - 700, FOR_EVER), past=True)
        self.restorer = EventRestorer(outputs, [self.stage], disk.kept)

    def take(self, ticks: Sequence[Tick], *, repaired: bool = False) -> None:
        self.recorder.ticks(self.stage.accept(ticks, mendable=int(repaired)))
        last = self.stage.last
        bars = [bar for bar in self.stage.close(last.ts - 500 if last else 0) if self.stage.is_event(bar.every)]
        self.history.put_bars(bars)
        self.recorder.bars(bars)

    def repair(self, exchange: Mapping[int, Tick]) -> None:
        """As the daemon does: the newest first, a page at a time; what nobody has is given up."""
        ledger = self.stage.intake.ledger
        while holes := [hole for hole in ledger.holes if hole.source == "feed"]:
            last = holes[-1].last
            first = max(last - PAGE + 1, holes[-1].first)
            self.take([exchange[identity] for identity in range(first, last + 1) if identity in exchange], repaired=True)
            ledger.set_source(first, last, "none")

    async def restore(self) -> None:
        await self.restorer._work_off(blocked=False)

    async def end(self, *, killed: bool) -> None:
        if not killed:
            await self.recorder.write()
        self.recorder._ticks, self.recorder._bars = TickPile(), []
        self.recorder._thread.shutdown()


class Plan(Struct, frozen=True):
    """Of a run: how many trades are streamed, how many of them go missing on the way, and how it ends."""

    streamed: int
    away: int
    dropped: float
    shuffled: bool
    killed: bool
    repaired: bool
    restored_late: bool


plans = st.builds(
    Plan,
    st.integers(1, 90),
    st.integers(0, 60),
    st.sampled_from([0.0, 0.1, 0.5]),
    *[st.booleans()] * 4,
)


async def run(disk: Disk, plan: Plan, trades: Sequence[Tick], exchange: Mapping[int, Tick], chance: random.Random) -> None:
    """One life, in which these trades are streamed."""
    life = Life(disk)
    for number, chunk in enumerate(chunks(trades, chance)):
        come = [tick for tick in chunk if chance.random() >= plan.dropped or (not number and tick is chunk[0])]
        if plan.shuffled:
            chance.shuffle(come)
        life.take(come)
        if number or not plan.restored_late or not disk.kept:
            await life.restore()
        if not number or chance.random() < 0.3:
            await life.recorder.write()
    if plan.repaired:
        life.repair(exchange)
        await life.restore()
    await life.end(killed=plan.killed)


def chunks(trades: Sequence[Tick], chance: random.Random) -> Iterator[Sequence[Tick]]:
    while trades:
        size = chance.randint(1, 12)
        yield trades[:size]
        trades = trades[size:]


async def lives(disk: Disk, course: Sequence[Plan], never: Collection[int], seed: int) -> list[Tick]:
    """What the exchange had, when all is over and repaired."""
    all_trades = [tick for tick in fakes.ticks(400, spacing=30, seed=seed) if tick.id not in never]
    exchange, trades = {tick.id: tick for tick in all_trades}, all_trades
    chance = random.Random(seed)
    for plan in course:
        await run(disk, plan, trades[: plan.streamed], exchange, chance)
        trades = trades[plan.streamed + plan.away :]
    end = [tick for tick in all_trades if tick.id > 380]
    await run(disk, Plan(0, 0, 0.0, shuffled=False, killed=False, repaired=True, restored_late=False), end, exchange, chance)
    return all_trades


def played(trades: Sequence[Tick]) -> dict[str, list[Bar]]:
    """The bars of a daemon that never stopped and never missed a trade."""
    made = stages()
    for stage in made:
        stage.append(trades)
    return {stage.label: stage.closed() for stage in made}


@settings(max_examples=40, deadline=None)
@given(course=st.lists(plans, min_size=1, max_size=4), seed=st.integers(0, 1_000))
def test_bars_are_the_same_with_restarts_as_without_bit_for_bit(course: list[Plan], seed: int) -> None:
    with TemporaryDirectory() as folder:
        disk = Disk(folder)
        trades = asyncio.run(lives(disk, course, (), seed))
        assert disk.ids() == [tick.id for tick in trades]
        assert {rule.label: disk.bars(rule.label) for rule in RULES} == played(trades)
        disk.store.close()


@settings(max_examples=40, deadline=None)
@given(course=st.lists(plans, min_size=1, max_size=4), seed=st.integers(0, 1_000), never=st.sets(st.integers(2, 390), max_size=60))
def test_a_bar_says_what_it_lacks_and_all_else_is_in_one(course: list[Plan], seed: int, never: set[int]) -> None:
    with TemporaryDirectory() as folder:
        disk = Disk(folder)
        trades = asyncio.run(lives(disk, course, never, seed))
        had = {tick.id for tick in trades}
        for rule in RULES:
            bars, before = disk.bars(rule.label), 0
            for bar in bars:
                assert bar.first_id == min(identity for identity in had if identity > before)
                assert bar.last_id is not None
                inside = set(range(before + 1, bar.last_id + 1))
                assert bar.trades == len(inside & had)
                assert bar.quality == ("complete" if inside <= had else "gap")
                before = bar.last_id
            assert all(one.ts < other.ts for one, other in pairwise(bars))
        disk.store.close()


@settings(max_examples=20, deadline=None)
@given(parts=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 3), st.booleans()), min_size=2, max_size=5))
def test_without_ids_the_bar_over_a_stop_is_a_gap_and_the_others_are_whole(parts: list[tuple[int, int, bool]]) -> None:
    """Three trades at a time are of one millisecond."""
    trades = [replace(tick, id=0, ts=fakes.START + number // 3 * 40) for number, tick in enumerate(fakes.ticks(400))]
    stops: list[int] = []

    async def play(disk: Disk) -> None:
        at = 0
        for count, away, killed in parts:
            life = Life(disk, [TickBars(count=7)], fetched=False)
            stops.append(trades[at].ts * 1_000)
            for begin in range(at, at + 3 * count, 5):
                life.take(trades[begin : min(begin + 5, at + 3 * count)])
                await life.restore()
                if begin == at:
                    await life.recorder.write()
            await life.end(killed=killed)
            at += 3 * (count + away)

    with TemporaryDirectory() as folder:
        disk = Disk(folder)
        asyncio.run(play(disk))
        ids, before = disk.ids(), 0
        for bar in disk.bars("tick-7"):
            assert bar.last_id is not None
            inside = [identity for identity in ids if before < identity <= bar.last_id]
            assert (bar.first_id, bar.trades) == (inside[0], 7) == (inside[0], len(inside))
            stopped = any(before < stop <= bar.last_id for stop in stops[1:])
            assert bar.quality == ("gap" if stopped else "complete")
            before = bar.last_id
        disk.store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(str(tmp_path))


async def test_a_new_rule_begins_when_it_is_asked_for(disk: Disk) -> None:
    trades = fakes.ticks(60)
    for rules, begin, end in (([RULES[0]], 0, 20), (RULES[:2], 20, 40), (RULES[:2], 40, 60)):
        life = Life(disk, rules, fetched=False)
        life.take(trades[begin:end])
        await life.restore()
        life.take([])
        await life.end(killed=False)
    assert [bar.first_id for bar in disk.bars("tick-7")] == [1, 8, 15, 22, 29, 36, 43, 50]
    later = stages([RULES[1]])[0]
    later.append(trades[20:])
    assert disk.bars("volume-30") == later.closed()


class Anonymous(quantd.Feed):
    """Trades without ids, one a second, that end."""

    trades: tuple[int, int]

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        for number in range(*self.trades):
            yield [Tick(SYMBOL, 0, fakes.START + number * 1_000, fakes.START + number * 1_000, 100.0, 1.0, False)]


async def run_to_the_end(disk: Disk, feed: quantd.Feed) -> None:
    guard, clock = Guard("any", "", EventClock()), EventClock()
    recorder = Recorder(disk.store, guard, clock, Troubles(clock))
    outputs = Outputs(history=History(disk.store), alerts=AlertEngine(), outbox=Outbox({}), hub=Hub(), recorder=recorder)
    flow = FeedFlow("test", feed, outputs, clock, Inline(), Environment(warm=True, kept=disk.kept))
    flow.members.add(SymbolStage(SYMBOL, TimeBars(every=("1s",)), guard, Exports([]), stages([TickBars(count=7)])))
    await flow.run()
    await recorder.write()
    recorder._thread.shutdown()


async def test_a_feed_without_a_past_that_ends_goes_on_where_it_was(disk: Disk) -> None:
    await run_to_the_end(disk, Anonymous(trades=(0, 10)))
    await run_to_the_end(disk, Anonymous(trades=(0, 10)))
    assert [(bar.trades, bar.quality) for bar in disk.bars("tick-7")] == [(7, "complete"), (3, "partial")], "the same again is nothing new"
    await run_to_the_end(disk, Anonymous(trades=(12, 20)))
    assert [(bar.trades, bar.quality) for bar in disk.bars("tick-7")[2:]] == [(7, "gap"), (1, "partial")]


async def test_what_the_record_no_longer_has_is_a_gap(disk: Disk) -> None:
    trades = fakes.ticks(60)
    disk.store.append(trades[30:40], [], [])
    disk.kept["events/BTCUSDT/tick-7"] = b'{"id": 1, "ts": %d}' % trades[0].ts
    life = Life(disk, RULES[:1])
    life.take(trades[40:])
    await life.restore()
    life.take([])
    await life.end(killed=False)
    assert [(bar.first_id, bar.quality) for bar in disk.bars("tick-7")] == [(31, "gap"), *((first, "complete") for first in (38, 45, 52))]


async def test_the_last_bar_is_found_however_long_ago_it_was(disk: Disk) -> None:
    history = History(disk.store)
    assert last_bar(history, SYMBOL, "tick-7", fakes.START) is None
    old = replace(fakes.bars(1)[0], every="tick-7", ts=fakes.START - 300 * 86_400_000)
    disk.store.append([], [replace(old, ts=old.ts - 1), old], [])
    assert last_bar(history, SYMBOL, "tick-7", fakes.START) == old


class Unreadable(dict[str, bytes]):
    """The disk does not give what is kept of BAD."""

    def get(self, key: str, default: Any = None) -> Any:
        if "/BAD" in key:
            raise OSError("cannot be read")
        return super().get(key, default)


async def test_marks_that_are_broken_are_let_go(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    life = Life(disk)
    disk.kept |= {f"events/{SYMBOL}/tick-7": b"no mark", f"events/{SYMBOL}": b"[1, x"}
    life.take(fakes.ticks(60))
    assert await life.restorer._work_off(blocked=False)
    assert life.stage.in_order.began
    assert len([record for record in caplog.records if "let go" in record.message]) == 2
    await life.end(killed=False)


async def test_a_symbol_whose_record_cannot_be_read_holds_up_no_other(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    trades = fakes.ticks(60)
    disk.kept = Unreadable()
    damaged, whole = Life(disk), Life(disk)
    damaged.stage.symbol = "BAD"
    for life in (damaged, whole):
        life.take(trades)
    restorer = whole.restorer
    restorer._stages = [damaged.stage, whole.stage]
    assert not await restorer._work_off(blocked=False)
    assert (damaged.stage.in_order.began, whole.stage.in_order.began) == (False, True)
    assert [record.getMessage().partition(":")[0] for record in caplog.records if record.levelname == "WARNING"] == ["BAD"]
    for life in (damaged, whole):
        await life.end(killed=False)
