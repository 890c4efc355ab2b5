"""Whatever is late, lost, repaired or killed in between: revisions grow, and a bar that says complete has every trade of its time."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

import quantd
from quantd.clock import EventClock
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.environment import Environment
from quantd.flow.exports import Exports
from quantd.flow.feed import FeedFlow
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pairs import Inline
from quantd.flow.record import Recorder
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import Bar, Gap, Status, Tick
from quantd.plugin.guard import Guard
from quantd.state import Records
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local

DAWN = 1_700_006_400_000
SECONDS = 240
EVERY = ("1s", "1m")
made = partial(fakes.tick, "X", start=DAWN)
Key = tuple[str, int]


def tape(chance: random.Random) -> list[Tick]:
    """Some trades a second, with seconds of none."""
    times = sorted(chance.randrange(SECONDS * 1_000) for _ in range(SECONDS * 2))
    return [made(1_000 + n, ts, 100.0 + chance.random()) for n, ts in enumerate(times)]


class Venue(quantd.Feed):
    """Has the whole tape; hands out what the test hands over."""

    def __post_init__(self) -> None:
        self.tape: list[Tick] = []
        self.upto = DAWN
        self.inbox: asyncio.Queue[Sequence[quantd.Event] | None] = asyncio.Queue()
        self.down = False

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        while (batch := await self.inbox.get()) is not None:
            yield batch

    def _public(self) -> list[Tick]:
        if self.down:
            raise quantd.QuantdError("503")
        return [tick for tick in self.tape if tick.ts <= self.upto]

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        return [tick for tick in self._public() if start <= tick.ts < end]

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return [tick for tick in self._public() if first_id <= tick.id <= last_id]


class Run:
    """A daemon's flow on the venue, which can be killed."""

    def __init__(self, venue: Venue, folder: Path, clock: EventClock, kept: dict[str, bytes] | None = None) -> None:
        self.store = Local()
        self.store.open(folder)
        self.records = Records(folder / "records.db", Losses())
        guard = Guard("any", "", clock)
        self.recorder = Recorder(self.store, guard, clock, Troubles(clock))
        self.issued: dict[Key, list[Bar]] = defaultdict(list)
        hub = Hub()
        hub.listen("bars", self._hear)
        outputs = Outputs(History(self.store), AlertEngine(), Outbox({}), hub, self.recorder, self.records)
        self.flow = FeedFlow("venue", venue, outputs, clock, Inline(), Environment(warm=True, kept={} if kept is None else kept))
        stage = SymbolStage("X", TimeBars(every=EVERY, reopen="5s"), guard, Exports([]))

        self.flow.members.add(stage)
        self.task = asyncio.create_task(self.flow.run())

    def _hear(self, bars: Sequence[Bar]) -> None:
        for bar in bars:
            self.issued[bar.every, bar.ts].append(bar)

    async def kill(self, *, gently: bool) -> None:
        """Gently: what was received is written. Else what has not been written is gone."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await turn()  # a thread may still read
        if gently:
            await self.recorder.write()
        self.store.close()
        self.records.close()


async def turn(times: int = 30) -> None:
    for _ in range(times):
        await asyncio.sleep(0.001)


def deliveries(chance: random.Random, ticks: list[Tick]) -> list[list[quantd.Event]]:
    """The second's frames: some lost, some doubled, some out of order, some held back."""
    kept = [tick for tick in ticks if chance.random() > 0.05]
    kept += [tick for tick in kept if chance.random() < 0.1]
    if chance.random() < 0.3:
        chance.shuffle(kept)
    return [[tick] for tick in kept]


@pytest.mark.parametrize("seed", range(3))
async def test_what_says_complete_is(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    venue, clock = Venue(), EventClock(DAWN)
    venue.tape = tape(chance)
    run = Run(venue, tmp_path, clock)
    held: list[Tick] = []
    for second in range(1, SECONDS + 1):
        venue.upto = DAWN + second * 1_000
        clock.advance_to(venue.upto)
        venue.down = chance.random() < 0.2
        fresh = [tick for tick in venue.tape if venue.upto - 1_000 < tick.ts <= venue.upto]
        silent = chance.random() < 0.1
        held += fresh if silent else []
        for batch in [] if silent else deliveries(chance, fresh):
            venue.inbox.put_nowait(batch)
        if held and chance.random() < 0.1:
            venue.inbox.put_nowait(list(held))
            held.clear()
        if chance.random() < 0.04:
            venue.inbox.put_nowait([Status(venue.upto, healthy=False)])
        elif chance.random() < 0.9:
            venue.inbox.put_nowait([Status(venue.upto - 250, healthy=True)])
        await turn(3)
        if chance.random() < 0.04:
            check_revisions(run)
            await run.kill(gently=chance.random() < 0.3)
            run = Run(venue, tmp_path, clock)
    await finish(venue, clock, run)
    check_revisions(run)
    check_store(run.store, venue.tape)
    run.store.close()


async def test_a_doubt_of_which_no_gap_tells_ends_with_the_late_trade(tmp_path: Path) -> None:
    venue, clock = Venue(), EventClock(DAWN + 9_000)
    first, quiet, late, after, newest = (made(1_000 + n, ts, 100.0 + n) for n, ts in enumerate((1_500, 2_500, 3_050, 3_100, 8_700)))
    run = Run(venue, tmp_path, clock)
    for batch in ([first, quiet, after, newest], [Status(DAWN + 8_750, healthy=True)], [late], [Status(DAWN + 9_500, healthy=True)]):
        venue.inbox.put_nowait(batch)
        await turn()
    await run.kill(gently=True)
    doubted, mended = run.issued["1s", DAWN + 2_000]
    assert (doubted.quality, doubted.trades) == ("gap", 1), "too old to be mended by its resampler by the time the trade comes"
    assert (mended.quality, mended.trades) == ("complete", 1)


class Slow(Venue):
    """Gives its past when it is told to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gives = asyncio.Event()

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        await self.gives.wait()
        return await super().fetch_ticks(symbol, start, end)


async def test_a_gap_of_an_earlier_run_stays_open_while_its_symbol_warms_up(tmp_path: Path) -> None:
    trades = [made(1_000 + n, n * 500, 100.0 + n) for n in range(30)]
    venue, clock = Venue(), EventClock(DAWN + 18_000)
    run = Run(venue, tmp_path, clock)
    for batch in ([*trades[:10], *trades[12:]], [Status(DAWN + 14_900, healthy=True)], [Status(DAWN + 16_900, healthy=True)]):
        venue.inbox.put_nowait(batch)
        await turn()
    (gap,) = run.records.open_gaps("X")
    await run.kill(gently=True)
    slow, told = Slow(), list[Gap]()
    slow.tape, slow.upto = trades, DAWN + 20_000
    run = Run(slow, tmp_path, clock)
    run.flow._outputs.hub.listen("gaps", told.extend)
    slow.inbox.put_nowait([Status(DAWN + 18_000, healthy=True)])
    await turn()
    run.flow.members.set_absent("X", "delisted")
    run.flow.members.set_absent("X", None)
    slow.inbox.put_nowait([Status(DAWN + 18_100, healthy=True)])
    await turn()
    assert (told, run.records.open_gaps("X")) == ([], [gap])
    slow.gives.set()
    for _ in range(100):
        slow.inbox.put_nowait([Status(DAWN + 18_200, healthy=True)])
        await turn()
        if told:
            break
    assert [(each.first_id, each.last_id, each.closed is None) for each in told] == [(1_010, 1_011, False)]
    assert run.records.open_gaps("X") == []
    await run.kill(gently=True)


async def test_no_bar_is_rebuilt_before_its_symbol_has_begun(tmp_path: Path) -> None:
    second, trades = ("1s", DAWN + 2_000), [made(1_000 + n, n * 500, 100.0 + n) for n in range(30)]
    venue, clock = Venue(), EventClock(DAWN + 15_000)
    run = Run(venue, tmp_path, clock)
    venue.inbox.put_nowait(trades)
    venue.inbox.put_nowait([Status(DAWN + 14_900, healthy=True)])
    await turn()
    right = run.issued[second][-1]
    await run.kill(gently=True)
    store = Local()
    store.open(tmp_path)
    store.append([], [msgspec.structs.replace(right, trades=0, quality="gap", revision=right.revision + 1)], [])
    store.close()
    slow = Slow()
    slow.tape, slow.upto = trades, DAWN + 20_000
    clock.advance_to(DAWN + 20_000)
    run = Run(slow, tmp_path, clock)
    slow.inbox.put_nowait([Status(DAWN + 19_900, healthy=True)])
    await turn()
    repairs = run.flow._recovery._repairs
    assert repairs
    repairs.rebuild(run.flow.stages[0], second[1], second[1] + 999)
    await turn()
    assert not run.issued[second]
    slow.gives.set()
    await turn()
    assert [(bar.trades, bar.quality) for bar in run.issued[second]] == [(right.trades, "complete")]
    await run.kill(gently=True)


async def test_bars_that_a_stop_leaves_to_be_rebuilt_are_rebuilt_by_the_next_run(tmp_path: Path) -> None:
    """They are older than the end of the record that each start looks through."""
    second, end = ("1s", DAWN + 2_000), DAWN + 1_200_000
    trades = [made(1_000 + n, n * 500, 100.0 + n) for n in range(30)]
    trades.append(made(1_030, end - DAWN))
    venue, clock = Venue(), EventClock(end)
    run = Run(venue, tmp_path, clock)
    venue.inbox.put_nowait(trades)
    venue.inbox.put_nowait([Status(end + 900, healthy=True)])
    await turn(100)
    right = run.issued[second][-1]
    await run.kill(gently=True)
    store = Local()
    store.open(tmp_path)
    store.append([], [msgspec.structs.replace(right, trades=0, quality="gap", revision=right.revision + 1)], [])
    store.close()
    slow, kept = Slow(), dict[str, bytes]()
    slow.tape, slow.upto = trades, end
    run = Run(slow, tmp_path, clock, kept)
    slow.inbox.put_nowait([Status(end + 900, healthy=True)])
    await turn()
    assert run.flow._recovery._repairs
    run.flow._recovery._repairs.rebuild(run.flow.stages[0], second[1], second[1] + 999)
    await run.kill(gently=True)
    assert not run.issued[second]
    slow.gives.set()
    run = Run(slow, tmp_path, clock, kept)
    slow.inbox.put_nowait([Status(end + 900, healthy=True)])
    await turn(100)
    assert [(bar.trades, bar.quality) for bar in run.issued[second]] == [(right.trades, "complete")]
    await run.kill(gently=True)
    assert kept == {}


async def finish(venue: Venue, clock: EventClock, run: Run) -> None:
    """All is well for a while, then the end; a last trade tells what is missing before it."""
    venue.down = False
    last = venue.tape[-1]
    venue.tape.append(msgspec.structs.replace(last, id=last.id + 1, ts=clock.now(), recv=clock.now()))
    venue.inbox.put_nowait(venue.tape[-1:])
    for _ in range(40):
        clock.advance_to(clock.now() + 1_000)
        venue.inbox.put_nowait([Status(clock.now() - 250, healthy=True)])
        await turn()
    ledger = run.flow.stages[0].intake.ledger
    for _ in range(200):
        await run.recorder.write()
        if not ledger.missing and not run.flow.stages[0].intake.gaps and not doubted(run.store):
            break
        clock.advance_to(clock.now() + 1_000)
        venue.inbox.put_nowait([Status(clock.now() - 250, healthy=True)])
        await turn()
    assert ledger.missing == 0
    assert not doubted(run.store)


def doubted(store: Local) -> list[int]:
    """The bars in which trades may be missing. What is in doubt before the first trade stays so."""
    return [bar.ts - DAWN for every in EVERY for bar in store.bars("X", every, DAWN + 1, 2**60) if bar.quality == "gap"]


def check_revisions(run: Run) -> None:
    for key, bars in run.issued.items():
        for earlier, later in pairwise(bars):
            assert earlier == later or later.revision > earlier.revision, (key, earlier, later)


def check_store(store: Local, truth: list[Tick]) -> None:
    kept = store.ticks("X", 0, 2**60)["id"].tolist()
    assert kept == [tick.id for tick in truth if kept[0] <= tick.id <= kept[-1]], "each once"
    for every, step in (("1s", 1_000), ("1m", 60_000)):
        bars = store.bars("X", every, 0, 2**60)
        for bar in bars:
            inside = [tick for tick in truth if bar.ts <= tick.ts < bar.ts + step]
            if bar.quality == "complete":
                assert bar.trades == len(inside), (every, bar.ts - DAWN, bar)
