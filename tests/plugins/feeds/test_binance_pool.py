"""Which connection carries which stream, and how one takes over from another."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec
import pytest

import quantd
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.book_frames import DepthSnapshot
from quantd_plugins.feeds.binance.books import Books
from quantd_plugins.feeds.binance.pool import Pool
from quantd_plugins.feeds.binance.routes import Routes, streams
from quantd_plugins.feeds.binance.sessions import Schedule, Sessions
from quantd_plugins.feeds.binance.stream_group import Limits
from quantd_plugins.feeds.binance.timing import ExchangeClock
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.plugins.feeds.binance_exchange import NOW, PATIENCE_S, Exchange, Peer, running


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


@asynccontextmanager
async def pooling(exchange: Exchange, streams_each: int = 200) -> AsyncIterator[Pool]:
    """A pool that is closed with the test."""

    async def ask() -> int:
        return NOW

    async def newest(symbol: str) -> None:
        return None

    async def never() -> Schedule:
        raise quantd.QuantdError("there is none")

    async def snapshot(symbol: str) -> DepthSnapshot:
        raise quantd.QuantdError("there is none")

    clock, rng = quantd.Subscription(()).clock, random.Random(1)
    urls = Routes().urls(exchange.url.replace("http", "ws", 1))
    bans, books = Bans(clock, {}), Books(snapshot, 20, clock, rng)
    exchange_clock = ExchangeClock(clock)
    pool = Pool(urls, Limits(streams_each, 0.001, 1.0, 3600.0, 30.0), exchange_clock, rng, bans, books)
    pool.open(ask, newest, Sessions(never, exchange_clock.now))
    try:
        yield pool
    finally:
        await pool.close()


async def carried(peers: Iterable[Peer]) -> list[tuple[str, list[str]]]:
    """What each connection asks for, on which route."""
    return sorted([(peer.path, await peer.confirm()) for peer in peers])


def test_each_kind_has_its_route() -> None:
    found = {stream.name: stream.route for stream in streams(["A", "币安人生USDT"], ["aggTrade", "ticker", "bookTicker", "depth@100ms"])}
    assert found["a@aggTrade"] == found["a@ticker"] == found["币安人生usdt@aggTrade"] == "market"
    assert found["a@bookTicker"] == found["a@depth@100ms"] == "public"


async def test_a_connection_carries_streams_of_one_route(exchange: Exchange) -> None:
    async with pooling(exchange) as pool:
        pool.want(streams(["A", "B"], ["aggTrade", "bookTicker"]))
        assert await carried([await exchange.peer(), await exchange.peer()]) == [
            ("/market/stream", ["a@aggTrade", "b@aggTrade"]),
            ("/public/stream", ["a@bookTicker", "b@bookTicker"]),
        ]


async def test_each_route_has_as_many_connections_as_it_needs(exchange: Exchange) -> None:
    async with pooling(exchange, streams_each=2) as pool:
        pool.want(streams(["A", "B", "C"], ["aggTrade", "bookTicker"]))
        peers = [await exchange.peer() for _ in range(4)]
        asked = [(peer, await peer.confirm()) for peer in peers]
        assert sorted((peer.path, len(names)) for peer, names in asked) == [
            ("/market/stream", 1),
            ("/market/stream", 2),
            ("/public/stream", 1),
            ("/public/stream", 2),
        ]
        pool.want(streams(["A", "B"], ["aggTrade"]))
        for peer, names in asked:
            if names != ["a@aggTrade", "b@aggTrade"]:
                await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)


async def test_a_connection_whose_streams_all_change_stays(exchange: Exchange) -> None:
    async with pooling(exchange) as pool:
        pool.want(streams(["A"], ["aggTrade"]))
        peer = await exchange.peer()
        await peer.confirm()
        pool.want(streams(["B"], ["aggTrade"]))
        assert [(await peer.request())["params"] for _ in range(2)] == [["a@aggTrade"], ["b@aggTrade"]]
        assert exchange.dialled == 1


@pytest.mark.parametrize("rotate", ["0s", "25h"])
def test_a_connection_is_replaced_before_the_exchange_cuts_it_and_not_all_the_time(rotate: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="rotate: expected up to 24h"):
        msgspec.convert({"rotate": rotate}, BinanceFutures)
