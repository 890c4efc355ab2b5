"""Many pairs of one flow, whose points are made at once: the recorded points are those of the recorded bars, whatever happened."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.flow.pairs import PairSpec, analyse, group
from quantd.flow.pairs.group import WORTH
from quantd.model import Event, PairPoint, Status, Tick
from quantd.plugin.base import Plugin, Subscription
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue
from quantd.timeframes import timeframe
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local
from tests.waiting import until

DAWN = 1_767_225_600_000
SYMBOLS = [f"S{n}" for n in range(5)]
EVERY = ("1s", "2s")
OLS = Ols(window=6)
SECONDS = 120


class Exchange(Venue):
    """A venue that has no past to tell of, and knows when the flow has taken all events."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.is_idle = False

    async def stream(self, subscription: Subscription) -> AsyncIterator[Sequence[Event]]:
        while True:
            self.is_idle = self.events.empty()
            batch = await self.events.get()
            self.is_idle = False
            yield batch

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        return []


def config(regression: Regression = OLS) -> Config:
    pairs = tuple(PairEntry(y, x, "default") for y in SYMBOLS for x in SYMBOLS if y < x)
    assert len(pairs) >= WORTH
    pipeline = Pipeline(name="default", feed="venue", bars=TimeBars(every=EVERY, reopen="10s"), regression=regression)
    return Config(pairs=pairs, feeds={"venue": Exchange()}, store=Local(), pipelines={"default": pipeline})


def trades(seed: int) -> list[list[Tick]]:
    """The batches of SECONDS seconds: some symbols rest now and then, and some trades come seconds late."""
    chance = random.Random(seed)
    prices = dict.fromkeys(SYMBOLS, 100.0)
    made: list[tuple[int, Tick]] = []
    for number, second in enumerate(range(SECONDS), 1):
        for symbol in SYMBOLS:
            prices[symbol] *= 1.0 + chance.gauss(0.0, 1e-3)
            late = chance.randrange(3_000, 8_000) if chance.random() < 0.03 else 0
            if chance.random() < 0.8:
                ts = second * 1_000 + chance.randrange(1_000)
                made.append((ts + late, fakes.tick(symbol, number, ts, prices[symbol], start=DAWN)))
    made.sort(key=lambda each: each[0])
    ticks = [tick for _, tick in made]
    return [ticks[begin : begin + 3] for begin in range(0, len(ticks), 3)]


class Run:
    """One run of a daemon's flow."""

    def __init__(self, folder: Path, now: int, regression: Regression = OLS) -> None:
        self.bench = Bench(config(regression), folder, now=now, warm=True)
        venue = self.bench.config.feeds["venue"]
        assert isinstance(venue, Exchange)
        self.venue = venue
        self.task = asyncio.create_task(self.bench.flow.run())

    async def take(self, batches: list[list[Tick]]) -> None:
        self.venue.events.put_nowait([Status(DAWN, healthy=True)])
        await until(lambda: self.bench.flow.warm == len(SYMBOLS))
        for batch in batches:
            self.venue.events.put_nowait(batch)
        self.venue.is_idle = False
        await until(lambda: self.venue.is_idle and self.bench.flow._recovery._warm_start._check.done)

    @property
    def in_tables(self) -> int:
        """Number of series in a table."""
        return sum(series.table is not None for pair in self.bench.flow.pairs for series in pair.series)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        recorder = self.bench.runtime.outputs.recorder
        assert recorder
        await recorder.close()


def recorded(folder: Path) -> Iterator[tuple[list[PairPoint], ...]]:
    """The recorded points of each pair and timeframe, and those that the recorded bars make."""
    store = Local()
    store.open_to_read(folder)

    def guards(plugin: Plugin, user: str) -> Guard:
        return Guard("any", user, EventClock())

    for pair in config().pairs:
        for every in EVERY:
            bars = [store.bars(leg, every, 0, 2**60) for leg in (pair.y, pair.x)]
            points = store.points(f"{pair.y}-{pair.x}", every, 0, 2**60)
            expected = analyse(bars[0], bars[1], PairSpec(f"{pair.y}-{pair.x}", every, OLS), guards)
            begin = bars[0][0].ts + 3 * OLS.window * timeframe(every).step  # a first bar that came late is in no window
            yield tuple([replace(point, revision=0) for point in some if point.ts >= begin] for some in (points, expected))
    store.close()


@pytest.mark.parametrize("seed", range(3))
async def test_the_recorded_points_are_those_of_the_recorded_bars(seed: int, tmp_path: Path) -> None:
    batches = trades(seed)
    first = Run(tmp_path, DAWN)
    await first.take(batches[: len(batches) // 2])
    assert first.in_tables, "no pair was in a table"
    await first.stop()
    second = Run(tmp_path, DAWN + SECONDS * 500)
    await second.take(batches[len(batches) // 2 :])
    assert second.in_tables, "no pair was in a table"
    await second.stop()
    for points, expected in recorded(tmp_path):
        assert len(expected) > OLS.window
        assert points == expected


@pytest.mark.parametrize("seed", range(2))
async def test_recursive_regressions_record_the_same_in_tables_and_alone(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States are carried over late bars and a restart."""
    batches, kalman = trades(seed), Kalman(window=6)

    async def rows(folder: Path) -> tuple[int, list[PairPoint]]:
        seated = 0
        for now, some in ((DAWN, batches[: len(batches) // 2]), (DAWN + SECONDS * 500, batches[len(batches) // 2 :])):
            run = Run(folder, now, kalman)
            await run.take(some)
            seated += run.in_tables
            await run.stop()
        store = Local()
        store.open_to_read(folder)
        names = [f"{pair.y}-{pair.x}" for pair in config().pairs]
        points = [point for name in names for every in EVERY for point in store.points(name, every, 0, 2**60)]
        store.close()
        return seated, points

    seated, points = await rows(tmp_path / "together")
    monkeypatch.setattr(group, "WORTH", 1_000)
    assert (0, points) == await rows(tmp_path / "alone")
    assert seated
    assert any(point.state for point in points)
