"""Quotes, depth and mark prices against the exchange simulator in a process of its own, whose book is known at every id."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest

import quantd
from quantd.simulator.clock import Clock
from quantd.simulator.exchange import Exchange
from quantd.simulator.scenario import load
from quantd_plugins.feeds.binance import books
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.waiting import PATIENCE_S

DEPTH = "btcusdt@depth@100ms"
LEVELS = 12
SEED = 1
LISTINGS = Exchange(load("demo"), SEED, Clock(1_795_489_443_000)).listings
ALL = frozenset[quantd.Channel]({"quotes", "depth", "marks"})
Events = list[Any]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a running simulator."""
    command = [sys.executable, "-m", "quantd.simulator", "--ledger", str(tmp_path_factory.mktemp("ledger")), "--exit-with-parent"]
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


@pytest.fixture
async def run(simulator: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begins a stream of BTCUSDT with all channels, and of ETHUSDT without any."""
    monkeypatch.setattr(books, "SETTLE_S", 0.25)
    monkeypatch.setattr(books, "SHORTEST_S", 0.1)

    @asynccontextmanager
    async def running(**settings: Any) -> AsyncIterator[Run]:
        feed = BinanceFutures(ws=simulator["ws"], rest=simulator["rest"], depth_levels=LEVELS, reconnect_min="10ms", seed=1, **settings)
        async with aclosing(feed.stream(quantd.Subscription(("BTCUSDT", "ETHUSDT"), {"BTCUSDT": ALL}))) as batches:
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


async def test_what_is_wanted_is_brought_and_true_also_when_that_changes(run: Any) -> None:
    async with run() as stream:
        await stream.until(
            lambda: all(len(stream.of(kind)) >= count for kind, count in ((quantd.Depth, 5), (quantd.Quote, 5), (quantd.Mark, 1)))
        )
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
        stream.feed.want(["BTCUSDT", "ETHUSDT"], {"BTCUSDT": frozenset({"marks"}), "ETHUSDT": frozenset({"depth"})})
        await stream.until(lambda: bool(stream.of(quantd.Depth, "ETHUSDT")))
        before = [len(stream.of(kind)) for kind in (quantd.Quote, quantd.Depth)]
        await stream.until(lambda: len(stream.of(quantd.Depth, "ETHUSDT")) >= 4)
        assert_true(stream.of(quantd.Depth, "ETHUSDT"))
        assert [len(stream.of(kind)) for kind in (quantd.Quote, quantd.Depth)] == before
        assert not stream.of(quantd.Quote, "ETHUSDT")
        stream.feed.want(["BTCUSDT", "ETHUSDT"], {})
        await stream.until(lambda: {each.route for each in stream.feed.health().connections} == {"market"})


async def test_a_book_is_begun_anew_where_changes_are_missing(
    run: Any, simulator: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    begun_anew = "begun anew from a snapshot: changes are missing"
    async with run() as stream:
        await stream.until(lambda: bool(stream.of(quantd.Depth)))
        await order(simulator, "fault", kind="drop", match={"stream": DEPTH, "nth": 1})
        await stream.until(lambda: caplog.text.count(begun_anew) == 1)
        await order(simulator, "fault", kind="slow_accept", match={"path": "/public"}, params={"delay_ms": 300})
        assert (await order(simulator, "disconnect", mode="rst", stream=DEPTH))["disconnected"] == 1
        await stream.until(lambda: caplog.text.count(begun_anew) == 2)
        last = stream.of(quantd.Depth)[-1].id
        await stream.until(lambda: stream.of(quantd.Depth)[-1].id > last)
        assert_true(stream.of(quantd.Depth))
        assert [each.route for each in stream.feed.health().connections if each.reconnects] == ["public"]
    async with aiohttp.ClientSession() as session, session.delete(f"{simulator['ctl']}/scenario") as response:
        assert response.status == 200


async def test_a_handover_breaks_no_book(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with run(rotate="700ms") as stream:
        await stream.until(lambda: bool(stream.of(quantd.Depth)))
        before = len(caplog.text)
        await stream.until(lambda: "has taken over from connection 2" in caplog.text[before:])
        last = stream.of(quantd.Depth)[-1].id
        await stream.until(lambda: stream.of(quantd.Depth)[-1].id > last)
        depths = stream.of(quantd.Depth)
        assert_true(depths)
        assert {after.ts - before.ts for before, after in pairwise(depths)} == {100}
    assert "changes are missing" not in caplog.text
