"""The record is read and deleted from while it grows, and nothing is said to be missing that was deleted on purpose."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import quantd
from quantd.errors import StateUnusable
from quantd.model import Gap, Status, Tick
from quantd.pool import Asker, Busy
from quantd.services.database import TooMany, Unsupported
from quantd.services.live.database import LiveDatabase
from quantd.testing.bench import Bench, pair_config
from quantd.testing.fakes import START
from quantd.testing.services import fake_services
from quantd.timeframes import MINUTE
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from tests.unit.runtime.test_guests import running
from tests.unit.services.rig import Rig, rig, trade
from tests.waiting import until

END = START + 10 * MINUTE


@asynccontextmanager
async def recorded(folder: Path, seconds: int = 130) -> AsyncIterator[Rig]:
    """A flow that has recorded a trade of each second, but that of second 70 of A, and goes on."""
    async with running(folder) as at:
        at.runtime.outputs.records = at.state.records
        flow(at, range(1, seconds), lost=70)
        await until(lambda: at.flow.state == "live" and at.clock.now() >= START + (seconds - 2) * 1_000)
        await written(at)
        yield at


def flow(at: Rig, seconds: Sequence[int], lost: int = -1) -> None:
    """Have the feed bring a trade of each symbol and second."""
    for second in seconds:
        ticks = [trade(symbol, second) for symbol in "AB" if (symbol, second) != ("A", lost)]
        at.feed.events.put_nowait([*ticks, Status(START + second * 1_000 + 900, healthy=True)])


async def written(at: Rig) -> None:
    assert at.runtime.outputs.recorder
    assert await at.runtime.outputs.recorder.write()


async def seconds_of(at: Rig, symbol: str = "A", every: str = "1s") -> list[int]:
    return [(bar.ts - START) // 1_000 for bar in await at.services.database.bars(symbol, every, None, None, 10_000)]


async def test_the_record_is_read(tmp_path: Path) -> None:
    async with recorded(tmp_path) as at:
        database = at.services.database
        held = await database.holdings()
        assert held.ticks == {"A": 189, "B": 190}
        assert held.size > 4096
        assert (held.first, held.last) == (START - 59_900, START + 129_100)
        oldest = await database.ticks("A", START, None, 3)
        assert oldest == [trade("A", 0), trade("A", 1), trade("A", 2)]
        assert await database.ticks("A", START, START + 101, 100) == [trade("A", 0)]
        assert await database.ticks("G", None, None, 100) == []
        assert await seconds_of(at, "A", "1m") == [-60, 0, 60]
        assert await seconds_of(at, "A", "2m") == [-120, 0], "which is merged"
        assert await seconds_of(at, "G") == []
        with pytest.raises(TooMany, match="more than 100 bars"):
            await database.bars("A", "1s", None, None, 100)


async def test_what_is_old_is_deleted_and_what_is_in_memory_stays(tmp_path: Path) -> None:
    async with recorded(tmp_path) as at:
        before = await at.services.market.bars("A", "1s", limit=500)
        version = at.services.market.version("A", "1s", None, None, 500)
        assert await at.services.database.remove(START + MINUTE) > 200
        assert (await at.services.database.ticks("A", None, None, 1))[0].ts >= START + MINUTE
        assert (await seconds_of(at))[0] == 60
        assert await at.services.market.bars("A", "1s", limit=500) == before, "which is in memory"
        assert at.services.market.version("A", "1s", None, None, 500) != version
        assert await at.services.database.compact() == (await at.services.database.holdings()).size


async def test_the_record_goes_on_after_it_was_cleared(tmp_path: Path) -> None:
    async with recorded(tmp_path) as at:
        await at.services.database.remove(None)
        assert (await at.services.database.holdings()).ticks == {}
        assert await seconds_of(at) == []
        flow(at, range(130, 140))
        await until(lambda: all((last := at.services.market.last_tick(symbol)) and last.id == 1_139 for symbol in "AB"))
        await written(at)
        assert [tick.id for tick in await at.services.database.ticks("A", None, None, 100)] == list(range(1_130, 1_140))
        bars = {bar.ts: bar for bar in await at.services.market.bars("A", "1m", limit=10)}
        assert bars[START + 2 * MINUTE].trades == 20, "the open bar has the trades from before"


async def test_what_is_deleted_is_not_missing(tmp_path: Path) -> None:
    async with recorded(tmp_path, 200) as at:
        await until(lambda: quality(at)["A"])
        gaps: list[Gap] = []
        at.hub.listen("gaps", gaps.extend)
        await at.services.database.remove(START + 60_000)
        assert quality(at)["A"] == 1, "it went missing later"
        await at.services.database.remove(START + 100_000)
        assert quality(at)["A"] == 0
        flow(at, range(200, 202))
        await until(lambda: gaps)
        assert [(gap.first_id, gap.last_id, gap.closed is not None) for gap in gaps] == [(1_070, 1_070, True)]


async def test_a_restart_knows_of_nothing_that_is_missing(tmp_path: Path) -> None:
    async with recorded(tmp_path, 200) as at:
        await until(lambda: quality(at)["A"])
        await at.services.database.remove(None)
        flow(at, range(200, 230))
        await until(lambda: at.clock.now() >= START + 228_000)
        assert at.state.records.open_gaps() == []
    with rig(tmp_path, START + 5 * MINUTE, warm=True, store="local") as again:
        again.runtime.outputs.records = again.state.records
        again.feed.tell.set()
        task = asyncio.create_task(again.flow.run())
        again.feed.events.put_nowait([Status(START + 230_000, healthy=True)])
        await until(lambda: again.flow.warm == 2)
        flow(again, range(230, 240))
        await until(lambda: again.clock.now() >= START + 238_000)
        assert quality(again) == {"A": 0, "B": 0}
        assert again.state.records.open_gaps() == []
        again.feed.events.put_nowait([])
        await task
        assert again.runtime.outputs.recorder
        await again.runtime.outputs.recorder.close()


async def test_gaps_of_symbols_that_have_left_are_closed_too(tmp_path: Path) -> None:
    async with recorded(tmp_path) as at:
        old, new = (Gap("LEFT", first, first, ts, ts, ts, None, "did not come") for first, ts in ((1, START), (2, END)))
        at.state.records.save_gaps([old, new])
        await at.services.database.remove(START + MINUTE)
        assert at.state.records.open_gaps("LEFT") == [new]


def quality(at: Rig) -> dict[str, int]:
    """The number of missing trades by symbol."""
    return {row.symbol: row.missing for row in at.services.status.quality()}


class Plain(quantd.Store):
    """Does only what every store must do."""

    def open(self, directory: Path) -> None: ...

    def append(self, ticks: Sequence[Tick], bars: Sequence[quantd.Bar], points: Sequence[quantd.PairPoint]) -> None: ...

    def ticks(self, symbol: str, start: int, end: int) -> quantd.Columns:
        raise OSError("the disk is gone")

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[quantd.Bar]:
        return []

    def points(self, pair: str, every: str, start: int, end: int) -> list[quantd.PairPoint]:
        return []

    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        return None

    def series(self, kind: quantd.RowKind) -> Mapping[tuple[str, str], tuple[int, int]]:
        return {("A", ""): (START, START)}

    def prune(self, now: int) -> Mapping[str, int]:
        return {}

    def close(self) -> None: ...


def of_store(store: quantd.Store | None, folder: Path) -> LiveDatabase:
    bench = Bench(pair_config(TimeBars(every=("1s",)), Ols(window=10), store=store), folder)
    return LiveDatabase(bench.runtime, fake_services().pool, bench.clock)


async def test_a_store_that_cannot_delete_says_so(tmp_path: Path) -> None:
    database = of_store(Plain(), tmp_path)
    for asked in (database.holdings(), database.remove(None), database.compact()):
        with pytest.raises(Unsupported, match="The store Plain cannot do this"):
            await asked
    with pytest.raises(StateUnusable, match="the store Plain failed: the disk is gone"):
        await database.ticks("A", None, None, 1)


async def test_without_a_store_there_is_nothing_to_ask(tmp_path: Path) -> None:
    database = of_store(None, tmp_path)
    for asked in (database.holdings(), database.remove(None), database.compact(), database.bars("A", "1s", None, None, 1)):
        with pytest.raises(Unsupported, match="names no store"):
            await asked


async def test_a_daemon_that_is_busy_says_so_and_not_that_the_store_failed(tmp_path: Path) -> None:
    bench = Bench(pair_config(TimeBars(every=("1s",)), Ols(window=10), store=Plain()), tmp_path)
    database = LiveDatabase(bench.runtime, fake_services().pool, bench.clock)
    with pytest.raises(Busy):
        await database.ticks("A", None, None, 1, Asker("ip:192.0.2.1", until=0.0))


async def test_a_deletion_goes_on_to_its_end_when_its_caller_has_gone(tmp_path: Path) -> None:
    async with recorded(tmp_path, 200) as at:
        await until(lambda: quality(at)["A"])
        asked = asyncio.create_task(at.services.database.remove(None))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await until(lambda: not quality(at)["A"])
        assert (await at.services.database.holdings()).ticks == {}
