"""The feed against the exchange simulator in a process of its own: nothing in common but the protocol."""

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import aiohttp
import msgspec
import pytest

import quantd
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.waiting import PATIENCE_S

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a running simulator."""
    if importlib.util.find_spec("quantd.simulator") is None:
        pytest.skip("there is no simulator")
    command = [sys.executable, "-m", "quantd.simulator", "--ledger", str(tmp_path_factory.mktemp("ledger")), "--exit-with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture
async def feed(simulator: dict[str, str]) -> AsyncIterator[BinanceFutures]:
    feed = BinanceFutures(ws=simulator["ws"], rest=simulator["rest"], files=simulator["rest"], reconnect_min="10ms", seed=1)
    yield feed
    await feed.close()


class Tally:
    """What a stream has brought, by symbol and kind."""

    def __init__(self) -> None:
        self.ticks: dict[str, list[quantd.Tick]] = {symbol: [] for symbol in SYMBOLS}
        self.tickers: set[str] = set()
        self.statuses: list[quantd.Status] = []

    def add(self, batch: Any) -> None:
        for event in batch:
            if isinstance(event, quantd.Tick):
                self.ticks[event.symbol].append(event)
            elif isinstance(event, quantd.Ticker):
                self.tickers.add(event.symbol)
            else:
                self.statuses.append(event)

    def holds(self, trades: int) -> bool:
        """Whether there are so many trades of each symbol."""
        return all(len(ticks) >= trades for ticks in self.ticks.values())


async def test_what_is_streamed_is_what_was_traded(feed: BinanceFutures) -> None:
    tally = Tally()
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.stream(quantd.Subscription(SYMBOLS))) as stream:
        async for batch in stream:
            tally.add(batch)
            if tally.holds(30) and tally.tickers == set(SYMBOLS) and len(tally.statuses) > 3:
                break
    assert all(status.healthy for status in tally.statuses)
    for symbol, ticks in tally.ticks.items():
        assert [tick.id for tick in ticks] == list(range(ticks[0].id, ticks[0].id + len(ticks)))
        start, end = min(tick.ts for tick in ticks), max(tick.ts for tick in ticks) + 1
        fetched = {tick.id: tick for tick in await feed.fetch_ticks(symbol, start, end)}
        assert [_what(fetched[tick.id]) for tick in ticks] == [_what(tick) for tick in ticks]


async def test_what_is_said_to_be_complete_is_complete(feed: BinanceFutures) -> None:
    """No trade comes more than its gathering time (100 ms, by ids out of order a little more) below the last healthy status."""
    upto, late, trades = 0, [], 0
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.stream(quantd.Subscription(SYMBOLS))) as stream:
        async for batch in stream:
            for event in batch:
                if isinstance(event, quantd.Status):
                    assert event.ts > upto
                    upto = event.ts
                elif isinstance(event, quantd.Tick):
                    trades += 1
                    late += [upto - event.ts] if event.ts < upto else []
            if trades > 100 and upto:
                break
    assert max(late, default=0) < quantd.duration(feed.lateness)


@pytest.mark.parametrize("mode", ["fin", "rst", "close:1000"])
async def test_forced_disconnects_are_survived(feed: BinanceFutures, simulator: dict[str, str], mode: str) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(feed.stream(quantd.Subscription(SYMBOLS))) as stream,
        aiohttp.ClientSession() as session,
    ):
        everything: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
        for cuts_left in range(5, -1, -1):
            tally = Tally()
            while not (tally.holds(2) and tally.statuses and tally.statuses[-1].healthy):
                tally.add(await anext(stream))
            for symbol, ticks in tally.ticks.items():
                everything[symbol] += [tick.id for tick in ticks]
            if cuts_left:
                async with session.post(f"{simulator['ctl']}/disconnect", json={"mode": mode}) as response:
                    assert (await response.json())["disconnected"] > 0
    for ids in everything.values():
        assert ids == sorted(set(ids))


async def test_connections_are_replaced_without_a_loss(feed: BinanceFutures) -> None:
    often = msgspec.structs.replace(feed, rotate="200ms")
    tally = Tally()
    async with asyncio.timeout(PATIENCE_S), aclosing(often.stream(quantd.Subscription(SYMBOLS))) as stream:
        while not tally.holds(30):
            tally.add(await anext(stream))
    assert all(status.healthy for status in tally.statuses)
    for ticks in tally.ticks.values():
        ids = {tick.id for tick in ticks}
        assert len(ids) < len(ticks)
        assert ids == set(range(min(ids), max(ids) + 1))


async def test_the_past_comes_in_bars_and_symbols_too(feed: BinanceFutures) -> None:
    assert set(SYMBOLS) <= set(await feed.fetch_symbols())
    now = quantd.Subscription(()).clock.now()
    bars = await feed.fetch_bars("BTCUSDT", "1m", now - 40 * 3_600_000, now)
    assert [bar.ts - bars[0].ts for bar in bars] == [60_000 * number for number in range(len(bars))]
    assert bars[-1].ts + 60_000 <= now
    assert len(bars) in (2399, 2400)
    trades = await feed.fetch_ticks("BTCUSDT", bars[-1].ts, bars[-1].ts + 60_000)
    assert (trades[0].price, trades[-1].price) == (bars[-1].open, bars[-1].close)
    assert sum(trade.qty for trade in trades) == pytest.approx(bars[-1].volume)
    assert sum(trade.qty for trade in trades if not trade.buyer_maker) == pytest.approx(bars[-1].taker_buy_volume)
    with pytest.raises(quantd.QuantdError, match=r"aggTrades: HTTP 400: .*-1121"):
        await feed.fetch_ticks("NOSUCHUSDT", now - 1000, now)


def _what(tick: quantd.Tick) -> tuple[Any, ...]:
    return tick.id, tick.ts, tick.price, tick.qty, tick.buyer_maker
