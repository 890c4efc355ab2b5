"""The feed on an exchange that falls silent or closes connections: it finds out by itself, and nothing is lost that need not be."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import quantd
from quantd.cli.exchange import Exchange, simulator
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.waiting import PATIENCE_S

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
pytestmark = pytest.mark.chaos


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    with simulator(tmp_path / "ledger") as running:
        yield running


class Tape:
    """What a feed has brought."""

    def __init__(self) -> None:
        self.ids: dict[str, set[int]] = {symbol: set() for symbol in SYMBOLS}
        self.healthy = True
        """Whether no status has told of a loss."""

    def add(self, batch: Any) -> None:
        for event in batch:
            if isinstance(event, quantd.Tick):
                self.ids[event.symbol].add(event.id)
            elif isinstance(event, quantd.Status):
                self.healthy = self.healthy and event.healthy

    def missing(self, symbol: str) -> int:
        found = self.ids[symbol]
        return max(found) - min(found) + 1 - len(found)

    def newest(self) -> dict[str, int]:
        return {symbol: max(found, default=0) for symbol, found in self.ids.items()}

    def beyond(self, ids: dict[str, int], by: int = 20) -> bool:
        """Whether so many more trades of each symbol have come."""
        return all(newest >= ids[symbol] + by for symbol, newest in self.newest().items())


async def order(exchange: Exchange, **fault: Any) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{exchange.ctl}/fault", json=fault) as response:
        assert response.status == 200, await response.text()


@pytest.fixture
async def feed(exchange: Exchange) -> AsyncIterator[BinanceFutures]:
    feed = BinanceFutures(ws=exchange.ws, rest=exchange.rest, seed=1)
    yield feed
    await feed.close()


async def play(feed: BinanceFutures, exchange: Exchange, holds: Callable[[Tape, dict[str, int]], bool], **fault: Any) -> Tape:
    """Stream, let the fault happen, and stream on until something holds of the tape and of what had come before the fault."""
    tape, before = Tape(), None
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.stream(quantd.Subscription(SYMBOLS))) as stream:
        async for batch in stream:
            tape.add(batch)
            if before is None and tape.beyond(dict.fromkeys(SYMBOLS, 1)):
                before = tape.newest()
                await order(exchange, **fault)
            elif before and holds(tape, before):
                break
        [told] = feed.health().connections
        assert told.state == "up"
    return tape


@pytest.mark.parametrize("mode", ["data", "tcp", "one_stream"])
async def test_silence_is_found_and_left(feed: BinanceFutures, exchange: Exchange, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    match = {"stream": "ethusdt@aggTrade"} if mode == "one_stream" else {}

    def over(tape: Tape, before: dict[str, int]) -> bool:
        return tape.beyond(before) and "has taken over" in caplog.text

    tape = await play(feed, exchange, over, kind="stall", params={"mode": mode}, match=match)
    assert not tape.healthy, "trades are missing"
    assert "connection 1.2: has taken over from connection 1" in caplog.text
    assert tape.missing("ETHUSDT") > 0
    if mode == "one_stream":
        assert tape.missing("BTCUSDT") == tape.missing("SOLUSDT") == 0


async def test_connections_that_are_about_to_be_cut_are_left_in_time(feed: BinanceFutures, exchange: Exchange) -> None:
    tape = await play(feed, exchange, lambda tape, before: tape.beyond(before, 150), kind="cut24h", params={"shutdown": True})
    assert tape.healthy
    assert [tape.missing(symbol) for symbol in SYMBOLS] == [0, 0, 0]


async def test_a_halt_is_no_silence(feed: BinanceFutures, exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tape = await play(feed, exchange, lambda tape, before: tape.beyond(before, 5), kind="halt", match={"symbol": "ETHUSDT"}, for_ms=60_000)
    assert tape.healthy
    assert "take over" not in caplog.text
    assert [tape.missing(symbol) for symbol in SYMBOLS] == [0, 0, 0]
