"""Bars of before the record, and of timeframes that no pipeline keeps, are fetched when somebody looks that far back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quantd.history.older_bars import OlderBars
from quantd.model import Bar
from quantd.services.analytics import Question
from quantd.stats.bars import lengthen
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, timeframe
from tests.unit.flow.test_restore import Daemon, Venue
from tests.unit.services.rig import Rig, Told, rig
from tests.waiting import until

END = START + DAY
"""Bars of 5m are kept of the last six hours."""
KEPT_FROM = END - 6 * HOUR
PAST = fakes.bars(20 * 1440, symbol="A", start=END - 20 * DAY)


class Klines(Told):
    """Tells bars of hours, and of two hours."""

    past_timeframes = ("1m", "1h", "2h")
    down: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked: list[tuple[str, int]] = []

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        self.asked.append((every, (end - start) // timeframe(every).step))
        if self.down:
            raise OSError("no route")
        return [bar for bar in _bars(every) if start <= bar.ts < end]


def _bars(every: str) -> list[Bar]:
    return lengthen(PAST, timeframe("1m"), timeframe(every))


def klines_of(start: int, length: int) -> list[Bar]:
    return [bar for bar in _bars("5m") if start <= bar.ts < start + length]


def shown(bars: list[Bar]) -> list[tuple[float, ...]]:
    """What does not depend on what a bar was merged from, but for rounding."""
    return [(bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


def begun(at: Rig, feed: Klines) -> None:
    at.flow.feed = feed
    at.history.put_bars([bar for bar in _bars("5m") if bar.ts >= KEPT_FROM])


async def test_what_is_merged_goes_on_where_the_klines_end(tmp_path: Path) -> None:
    with rig(tmp_path, END) as at:
        begun(at, feed := Klines())
        wanted = shown(_bars("1h")[-100:])
        for _ in range(2):
            assert shown(await at.services.market.bars("A", "1h", limit=100)) == wanted
        assert feed.asked == [("1h", 480)], "once"
        assert (await at.services.market.bars("A", "14h", limit=10))[-3].ts == END - DAY - 10 * HOUR
        assert feed.asked[1:] == [("2h", 480 * 7)]


async def test_nothing_is_fetched_where_enough_is_kept(tmp_path: Path) -> None:
    with rig(tmp_path, END) as at:
        begun(at, feed := Klines())
        assert shown(await at.services.market.bars("A", "15m", limit=20)) == shown(_bars("15m")[-20:])
        assert await at.services.market.bars("A", "5m", limit=50) == _bars("5m")[-50:]
        assert feed.asked == []


async def test_what_is_kept_reaches_back_beyond_the_record(tmp_path: Path) -> None:
    with rig(tmp_path, END) as at:
        begun(at, feed := Klines())
        assert shown(await at.services.market.bars("A", "5m", limit=500)) == shown(_bars("5m")[-500:])
        two_days = END - 2 * DAY
        assert shown(await at.services.market.bars("A", "5m", two_days, two_days + HOUR)) == shown(klines_of(two_days, HOUR))
        assert [every for every, _ in feed.asked] == ["1m", "1m"]


async def test_a_feed_that_does_not_answer_is_left_alone_for_a_while(tmp_path: Path) -> None:
    with rig(tmp_path, END) as at:
        begun(at, feed := Klines(down=True))
        for _ in range(3):
            assert shown(await at.services.market.bars("A", "1h", limit=100)) == shown(_bars("1h")[-6:])
        assert len(feed.asked) == 1
        at.clock.advance_to(END + 31_000)
        await at.services.market.bars("A", "1h", limit=100)
        assert len(feed.asked) == 2


@pytest.mark.parametrize("window", [10, 60])
async def test_analytics_have_the_bars_that_their_window_needs(tmp_path: Path, window: int) -> None:
    with rig(tmp_path, END) as at:
        begun(at, feed := Klines())
        found = await at.services.analytics.analyse(Question("A", "A", "1h", window, "ols"))
        assert len(found.points) >= 2 * window
        await asyncio.gather(*(at.services.analytics.analyse(Question("A", "A", "1h", window, "ols")) for _ in range(3)))
        assert len(feed.asked) == 1


class Held(Venue):
    """Tells klines of 2h once `tell` is set."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tell = asyncio.Event()
        self.waits = False

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        if every == "2h":
            self.waits = True
            await self.tell.wait()
        return await super().fetch_bars(symbol, every, start, end)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Held, OlderBars]]:
    venue = Held()
    daemon = Daemon(venue, folder, ["1m"])
    await daemon.warm()
    yield venue, OlderBars(lambda symbol: daemon.flow, daemon.clock)
    await daemon.stop()


async def test_those_on_their_way_go_with_their_symbol(tmp_path: Path) -> None:
    """Of one that comes back they would be of before, and what closed meanwhile would lack."""
    async with running(tmp_path) as (venue, older):
        asked = asyncio.create_task(older.fetch("Y", "2h", 20))
        await until(lambda: venue.waits)
        older.forget("Y")
        venue.tell.set()
        await asked
        assert not older.bars("Y", "2h")
        assert not older.has("Y", "2h", 20)
        await older.fetch("Y", "2h", 20)
        assert older.has("Y", "2h", 20)
