"""Quotes, depth and mark prices against the exchange simulator in a process of its own, whose book is known at every id."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest

import quantd
from quantd.simulator.clock import Clock
from quantd.simulator.exchange import Exchange
from quantd.simulator.scenario import load
from quantd_plugins.feeds.binance_futures import BinanceFutures

PATIENCE_S = 30
LEVELS = 12
SEED = 1
LISTINGS = Exchange(load("demo"), SEED, Clock(1_795_489_443_000)).listings
ALL = frozenset[quantd.Extra]({"quotes", "depth", "marks"})
Events = list[Any]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a running simulator."""
    command = [sys.executable, "-m", "quantd.simulator", "--ledger", tmp_path_factory.mktemp("ledger"), "--exit-with-parent"]
    with subprocess.Popen([*command, "--seed", str(SEED)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


class Run:
    """A stream of the feed, and all that it has brought."""

    def __init__(self, feed: BinanceFutures, batches: AsyncIterator[Any]) -> None:
        self.feed = feed
        self.events: Events = []
        self._batches = batches

    def of(self, kind: type[Any], symbol: str = "BTCUSDT") -> Events:
        return [event for event in self.events if isinstance(event, kind) and event.symbol == symbol]

    async def until(self, there: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not there():
                self.events += await anext(self._batches)

    async def more_depths(self, count: int, since: int = 0) -> None:
        """So many more, of changes after `since` (ms)."""
        before = len(self.of(quantd.Depth))
        await self.until(lambda: sum(depth.ts > since for depth in self.of(quantd.Depth)[before:]) >= count)


@pytest.fixture
async def run(simulator: dict[str, str]) -> Any:
    """Begins a stream of BTCUSDT with all extras, and of ETHUSDT without any."""

    @asynccontextmanager
    async def running(**settings: Any) -> AsyncIterator[Run]:
        feed = BinanceFutures(ws=simulator["ws"], rest=simulator["rest"], depth_levels=LEVELS, reconnect_min="10ms", seed=1)
        feed = msgspec.structs.replace(feed, **settings)
        async with aclosing(feed.stream(quantd.Wants(("BTCUSDT", "ETHUSDT"), {"BTCUSDT": ALL}))) as batches:
            yield Run(feed, batches)

    return running


async def order(simulator: dict[str, str], path: str, **what: Any) -> Any:
    async with aiohttp.ClientSession() as session, session.post(f"{simulator['ctl']}/{path}", json=what) as response:
        assert response.status == 200
        return await response.json()


def true_depth(depth: quantd.Depth) -> quantd.Depth:
    """As the simulator drew it at this id."""
    listing = LISTINGS[depth.symbol]
    sides = listing.book.at(listing.book.time_of(depth.id), LEVELS)
    price, quantity = listing.wire.price.text, listing.wire.quantity.text
    bids, asks = (tuple((float(price(p)), float(quantity(q))) for p, q in side.tolist()) for side in sides)
    return msgspec.structs.replace(depth, ts=listing.book.time_of(depth.id), bids=bids, asks=asks)


def assert_true(depths: Events) -> None:
    assert [depth.id for depth in depths] == sorted({depth.id for depth in depths})
    assert depths == [true_depth(depth) for depth in depths]


async def test_what_is_wanted_is_brought_and_true(run: Any) -> None:
    async with run() as stream:
        await stream.until(lambda: len(stream.of(quantd.Depth)) >= 5 and bool(stream.of(quantd.Mark)) and len(stream.of(quantd.Quote)) >= 5)
        assert_true(stream.of(quantd.Depth))
        listing = LISTINGS["BTCUSDT"]
        for quote in stream.of(quantd.Quote):
            bid, bid_qty, ask, ask_qty = listing.book.top(np.array([listing.book.time_of(quote.id)]))[0].tolist()
            price, quantity = listing.wire.price.text, listing.wire.quantity.text
            texts = price(bid), quantity(bid_qty), price(ask), quantity(ask_qty)
            assert (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty) == tuple(map(float, texts))
        for mark in stream.of(quantd.Mark):
            true = listing.marks.at(mark.ts)
            assert (mark.mark, mark.index) == (true.mark_price / 1e8, true.index_price / 1e8)
            assert (mark.funding_rate, mark.next_funding) == (true.rate / 1e8, true.funding)
        await stream.until(lambda: bool(stream.of(quantd.Tick, "ETHUSDT")))
        assert not any(stream.of(kind, "ETHUSDT") for kind in (quantd.Quote, quantd.Depth, quantd.Mark))
        assert all(event.healthy for event in stream.events if isinstance(event, quantd.Status))


async def test_a_book_is_begun_anew_after_a_disconnect(run: Any, simulator: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with run() as stream:
        await stream.more_depths(1)
        for mode in ("rst", "close:1000"):
            assert (await order(simulator, "disconnect", mode=mode, stream="btcusdt@depth@100ms"))["disconnected"] == 1
            await stream.more_depths(2, since=stream.of(quantd.Depth)[-1].ts + 300)
        assert_true(stream.of(quantd.Depth))
        assert [each.route for each in stream.feed.health().connections if each.reconnects] == ["public"]
    assert caplog.text.count("begun anew from a snapshot: changes are missing") == 2


async def test_a_book_is_begun_anew_after_a_lost_change(run: Any, simulator: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with run() as stream:
        await stream.more_depths(1)
        await order(simulator, "fault", kind="drop", match={"stream": "btcusdt@depth@100ms", "nth": 1}, for_ms=300)
        await stream.until(lambda: "changes are missing" in caplog.text)
        await stream.more_depths(3)
        assert_true(stream.of(quantd.Depth))


async def test_a_handover_breaks_no_book(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with run(rotate="100ms") as stream:
        await stream.until(lambda: bool(stream.of(quantd.Depth)) and caplog.text.count("has taken over") >= 4)
        await stream.more_depths(2)
        depths = stream.of(quantd.Depth)
        assert_true(depths)
        assert {after.ts - before.ts for before, after in zip(depths, depths[1:], strict=False)} == {100}
    assert "changes are missing" not in caplog.text


async def test_what_is_wanted_changes_while_streaming(run: Any) -> None:
    async with run() as stream:
        await stream.more_depths(1)
        stream.feed.want(["BTCUSDT", "ETHUSDT"], {"BTCUSDT": frozenset({"marks"}), "ETHUSDT": frozenset({"depth"})})
        await stream.until(lambda: len(stream.of(quantd.Depth, "ETHUSDT")) >= 3)
        assert_true(stream.of(quantd.Depth, "ETHUSDT"))
        before = [len(stream.of(kind)) for kind in (quantd.Quote, quantd.Depth)]
        marks = len(stream.of(quantd.Mark))
        await stream.until(lambda: len(stream.of(quantd.Mark)) > marks)
        assert [len(stream.of(kind)) for kind in (quantd.Quote, quantd.Depth)] == before
        assert not stream.of(quantd.Quote, "ETHUSDT")
        stream.feed.want(["BTCUSDT", "ETHUSDT"], {})
        await stream.until(lambda: {each.route for each in stream.feed.health().connections} == {"market"})
