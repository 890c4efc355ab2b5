"""Before a symbol's bars begin: its past, also where that is not to be had."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantd
from quantd.clock import EventClock
from quantd.daemon import _warming
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.environment import Environment
from quantd.flow.exports import Exports
from quantd.flow.feed import FeedFlow
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pairs import Inline
from quantd.flow.past import Demand, Known, missing_runs, read_past
from quantd.flow.record import Recorder
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import Bar, Status, Tick
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd.timeframes import timeframe
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local
from tests.waiting import until

DAWN = 1_700_006_400_000


tick = partial(fakes.tick, "X", start=DAWN)


class Live(quantd.Feed):
    """One trade, and the word that all is well; its past is told when the test says so."""

    def __post_init__(self) -> None:
        self.tell = asyncio.Event()
        self.done = asyncio.Event()

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        yield [Status(DAWN, healthy=True), tick(5, 10)]
        await self.done.wait()

    quick: str = ""

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        if symbol == self.quick:
            return []
        await self.tell.wait()
        return [tick(4, -9_700) if self.quick else tick(4, 5)]

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return []


class Broken(Local):
    """A store whose disk has failed."""

    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        raise OSError("the disk has failed")

    def ticks(self, symbol: str, start: int, end: int) -> Mapping[str, object]:
        raise OSError("the disk has failed")


def flow_of(feed: quantd.Feed, store: quantd.Store | None = None, *symbols: str, reopen: str = "5m") -> FeedFlow:
    clock = EventClock(DAWN)
    guard = Guard("any", "", clock)
    recorder = Recorder(store, guard, clock, Troubles(clock)) if store else None
    outputs = Outputs(history=History(store), alerts=AlertEngine(), outbox=Outbox({}), hub=Hub(), recorder=recorder)
    flow = FeedFlow("test", feed, outputs, clock, Inline(), Environment(warm=True))
    for symbol in symbols or ("X",):
        stage = SymbolStage(symbol, TimeBars(every=("1s",), reopen=reopen), guard, Exports([]))

        flow.members.add(stage)
    return flow


@given(st.lists(st.tuples(st.integers(0, 1_599), st.integers(1, 600)), max_size=5), st.sampled_from(["1m", "5m", "14h"]))
def test_what_is_missing_is_asked_in_few_requests_and_what_is_known_is_not(blanks: list[tuple[int, int]], every: str) -> None:
    frame = timeframe(every)
    starts = [frame.floor(DAWN)]
    while len(starts) < 1_600:
        starts.append(frame.end(starts[-1]))
    missing = sorted({at for first, count in blanks for at in range(first, min(first + count, 1_600))})
    runs = missing_runs(frame, DAWN, frame.end(starts[-1]), set(starts) - {starts[at] for at in missing})
    asked = [(starts.index(first), starts.index(last)) for first, last in runs]
    assert [at for at in missing if not any(first <= at <= last for first, last in asked)] == []
    for first, last in asked:
        assert first in missing
        assert last in missing
        assert last - first < 499 or set(range(first + 499, last + 1)) <= set(missing), "only what is missing is asked beyond a request"
    for (first, _), (following, _) in pairwise(asked):
        assert following - first >= 499, "one request would do"
        assert not set(range(first, following)) <= set(missing)


class Told(quantd.Feed):
    """Has a trade of each second, whose id is the second."""

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        yield []

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        first, last = (-(-(moment - DAWN) // 1_000) for moment in (start, min(end, DAWN + 170_000)))
        return [tick(second, second * 1_000) for second in range(first, last)]


@pytest.mark.parametrize("kept", [[], [110, 111], [140], range(5, 160), range(130, 170)])
async def test_what_was_deleted_of_the_record_is_asked_for_where_bars_need_it(tmp_path: Path, kept: Sequence[int]) -> None:
    store = Local()
    store.open(tmp_path)
    store.append([tick(second, second * 1_000) for second in kept], [], [])
    demand, clock = Demand("X", "1s", {"1s": 60}, lambda begins: {}), EventClock(DAWN + 170_000)
    past = await read_past(Told(), demand, Known(DAWN + kept[-1] * 1_000 if kept else None), clock, History(store))
    assert past.begins == DAWN + 60_000
    assert [each.id for each in [*past.recorded, *past.ticks]] == list(range(60, 170))
    assert {each.id for each in past.ticks}.isdisjoint(kept), "none is recorded twice"
    store.close()


async def test_it_tells_how_far_the_past_has_come() -> None:
    feed = Live()
    flow = flow_of(feed)
    running = asyncio.create_task(flow.run())
    await until(lambda: flow.state == "live")
    assert (flow.warm, flow.symbols) == (0, 1)
    assert str(_warming([flow], 10.0)) == "0/1, less than a minute left"
    assert _warming([flow], 301.0) is None, "nobody waits for ever"
    feed.tell.set()
    await until(lambda: flow.warm == 1)
    assert _warming([flow], 0.0) is None
    feed.done.set()
    await running
    ledger = flow.stages[0].intake.ledger
    assert (ledger.last_id, ledger.missing) == (5, 0)


def test_a_feed_that_is_down_is_not_waited_for() -> None:
    flow = flow_of(Live())
    assert str(_warming([flow], 1.0)) == "0/1"
    assert _warming([flow], 2.5) is None


async def test_a_symbol_begins_though_its_record_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    feed, store = Live(), Broken()
    store.open(tmp_path)
    feed.tell.set()
    flow = flow_of(feed, store)
    running = asyncio.create_task(flow.run())
    await until(lambda: flow.warm == 1)
    flow.process([tick(6, 2_000)])
    feed.done.set()
    await running
    assert "X begins without its past" in caplog.text
    assert flow.stages[0].intake.accepted == 2
    assert flow.stages[0].bars_made == 3


async def bar_of(store: Local, ts: int, trades: int) -> Bar:
    """The bar that opens at `ts`, once it says so many trades."""

    def found() -> list[Bar]:
        return [bar for bar in store.bars("X", "1s", DAWN + ts, DAWN + ts + 1_000) if bar.trades == trades]

    await until(lambda: bool(found()))
    return found()[0]


async def test_a_trade_that_is_too_late_for_its_bar_has_that_made_anew(tmp_path: Path) -> None:
    feed, store = Live(), Local()
    store.open(tmp_path)
    feed.tell.set()
    flow = flow_of(feed, store)
    running = asyncio.create_task(flow.run())
    await until(lambda: flow.warm == 1)
    flow.process([tick(6, 1_000), tick(7, 400_000), Status(DAWN + 900_000, healthy=True)])
    flow.process([tick(8, 401_000), tick(9, 402_000)])
    assert flow.stages[0].lost == 2
    bar = await bar_of(store, 401_000, 1)
    assert (bar.revision, bar.quality, bar.volume) == (1, "complete", 1.0)
    feed.done.set()
    await running


async def test_what_a_killed_daemon_left_in_no_bar_is_in_one_after_the_next_start(tmp_path: Path) -> None:
    feed, store = Live(), Local()
    store.open(tmp_path)
    lying = Bar("X", "1s", DAWN - 5_000, 100.0, 100.0, 100.0, 100.0, 0.0, 0, None, 0.0, "complete", 1)
    store.append([tick(number, -9_000 + number * 1_000) for number in range(1, 5)], [lying], [])
    feed.tell.set()
    flow = flow_of(feed, store)
    running = asyncio.create_task(flow.run())
    bar = await bar_of(store, -5_000, 1)
    assert (bar.revision, bar.quality) == (2, "complete")
    feed.done.set()
    await running


async def test_what_a_symbol_lacks_must_be_known_before_its_bars_are_made_anew(tmp_path: Path) -> None:
    """While one symbol still fetches its past, another one begins and repair with it."""
    feed, store = Live(quick="Z"), Local()
    store.open(tmp_path)
    doubted = Bar("X", "1s", DAWN - 10_000, 100.0, 100.0, 100.0, 100.0, 2.0, 2, 100.0, 2.0, "gap")
    store.append([tick(1, -12_000), tick(2, -9_900), tick(3, -9_800)], [doubted], [])
    flow = flow_of(feed, store, "X", "Z", reopen="2s")
    running = asyncio.create_task(flow.run())
    await until(lambda: flow.warm == 1)
    for _ in range(200):
        await asyncio.sleep(0)
    assert store.bars("X", "1s", DAWN - 10_000, DAWN) == [doubted]
    feed.tell.set()
    await until(lambda: flow.warm == 2)
    flow.process([Status(DAWN + 2_000, healthy=True)])
    assert flow._outputs.recorder
    await flow._outputs.recorder.write()
    bar = await bar_of(store, -10_000, 3)
    assert (bar.revision, bar.quality) == (1, "complete")
    feed.done.set()
    await running


async def test_bars_that_closed_before_a_hole_was_known_say_so_once_it_is(tmp_path: Path) -> None:
    feed, store = Live(), Local()
    store.open(tmp_path)
    feed.tell.set()
    flow = flow_of(feed, store, reopen="2s")
    running = asyncio.create_task(flow.run())
    await until(lambda: flow.warm == 1)
    flow.process([tick(6, 1_000), Status(DAWN + 20_000, healthy=True)])
    assert flow._outputs.history.bars("X", "1s", DAWN + 5_000, DAWN + 6_000)[0].quality == "complete", "nobody knows"
    flow.process([Tick("X", 9, DAWN + 19_900, DAWN - 5_000, 100.0, 1.0, False)])
    assert flow.stages[0].intake.ledger.missing == 2

    def quality() -> list[str]:
        return [bar.quality for bar in store.bars("X", "1s", DAWN + 5_000, DAWN + 6_000)]

    await until(lambda: quality() == ["gap"])
    feed.done.set()
    await running
