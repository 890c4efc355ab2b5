"""Quotes, changes of books and mark prices, against a local server whose every word the test chooses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

import quantd
from quantd_plugins.feeds.binance import books
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.plugins.feeds.binance_exchange import MOST_TOGETHER, NOW, Events, Exchange, Peer, running, streaming, trade
from tests.plugins.feeds.test_binance_handover import SHUTDOWN, gone

ALL = {"BTCUSDT": frozenset[quantd.Channel]({"quotes", "depth", "marks"})}
QUOTES = {"BTCUSDT": frozenset[quantd.Channel]({"quotes"})}
DEPTH = {"BTCUSDT": frozenset[quantd.Channel]({"depth"})}


@pytest.fixture
async def exchange(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Exchange]:
    for wait in ("SETTLE_S", "SHORTEST_S"):
        monkeypatch.setattr(books, wait, 0.0)
    async with running() as exchange:
        yield exchange


def quote(number: int, **changes: Any) -> dict[str, Any]:
    payload = {"e": "bookTicker", "u": number, "s": "BTCUSDT", "ps": "BTCUSDT", "b": "85599.80", "B": "4.120", "a": "85599.90"}
    return payload | {"A": "1.000", "T": NOW + number, "E": NOW + number, "st": 1} | changes


def mark(number: int) -> dict[str, Any]:
    payload = {"e": "markPriceUpdate", "E": NOW + number, "s": "BTCUSDT", "p": "85601.1", "ap": "85600.1", "P": "85590.5", "i": "85590.5"}
    return payload | {"r": "0.0001", "T": NOW + 10**6, "st": 1}


def change(number: int) -> dict[str, Any]:
    """The bid's quantity becomes `number`."""
    payload = {"e": "depthUpdate", "E": NOW + number, "T": NOW + number, "s": "BTCUSDT", "U": number, "u": number, "pu": number - 1}
    return payload | {"b": [["100.0", str(number)]], "a": []}


async def arrivals(exchange: Exchange) -> tuple[Peer, Peer]:
    """The connections of trades and of what is public."""
    first, second = await exchange.peer(), await exchange.peer()
    return (first, second) if first.path == "/market/stream" else (second, first)


@asynccontextmanager
async def confirmed(feed: BinanceFutures, exchange: Exchange, channels: quantd.Channels) -> AsyncIterator[tuple[Events, Peer, Peer]]:
    """A stream whose two connections are confirmed."""
    async with streaming(feed, "BTCUSDT", channels=channels) as events:
        market, public = await arrivals(exchange)
        await market.confirm()
        await public.confirm()
        yield events, market, public


async def test_each_is_asked_for_where_it_comes_from(exchange: Exchange) -> None:
    feed = exchange.feed()
    async with streaming(feed, "BTCUSDT", "ETHUSDT", channels=ALL | {"SOLUSDT": ALL["BTCUSDT"]}):
        market, public = await arrivals(exchange)
        assert await market.confirm() == ["btcusdt@aggTrade", "btcusdt@markPrice@1s", "ethusdt@aggTrade"]
        assert (public.path, await public.confirm()) == ("/public/stream", ["btcusdt@bookTicker", "btcusdt@depth@100ms"])
        feed.want(["BTCUSDT", "ETHUSDT"], {"ETHUSDT": frozenset({"quotes"})})
        assert (await market.request())["params"] == ["btcusdt@markPrice@1s"]
        assert [(await public.request())["method"] for _ in range(2)] == ["UNSUBSCRIBE", "SUBSCRIBE"]


async def test_quotes_and_marks_are_brought(exchange: Exchange) -> None:
    async with confirmed(exchange.feed(), exchange, ALL) as (events, market, public):
        await public.send(quote(7))
        told = msgspec.structs.replace(await events.next(quantd.Quote), recv=0)
        assert told == quantd.Quote("BTCUSDT", NOW + 7, 0, 7, 85599.8, 4.12, 85599.9, 1.0)
        await market.send(mark(1))
        told = msgspec.structs.replace(await events.next(quantd.Mark), recv=0)
        assert told == quantd.Mark("BTCUSDT", NOW + 1, 0, 85601.1, 85590.5, 0.0001, NOW + 10**6)


async def test_no_quote_of_a_flood_is_lost(exchange: Exchange) -> None:
    flood = 3_000
    async with confirmed(exchange.feed(), exchange, QUOTES) as (events, market, public):
        await public.send(*map(quote, range(1, flood + 1)))
        await market.send(trade(1))
        assert [(await events.next(quantd.Quote)).id for _ in range(flood)] == list(range(1, flood + 1))
        assert max(events.batches) <= MOST_TOGETHER


async def whole(exchange: Exchange, public: Peer, events: Events) -> int:
    """Sends changes until a depth is told; its id, which is that of the last change."""
    exchange.book = {"lastUpdateId": 12, "E": NOW, "T": NOW + 12, "bids": [["100.0", "12"]], "asks": [["101.0", "1"]]}
    number, telling = 10, asyncio.create_task(events.next(quantd.Depth))
    while not telling.done():
        await public.send(change(number))
        number += 1
        await asyncio.wait({telling}, timeout=0.01)
    told = await telling
    while told.id < number - 1:
        told = await events.next(quantd.Depth)
    return number - 1


async def test_a_depth_is_told_once_a_snapshot_has_come(exchange: Exchange) -> None:
    async with confirmed(exchange.feed(), exchange, DEPTH) as (events, _, public):
        last = await whole(exchange, public, events)
        assert [path for path in exchange.asked if "depth" in path] == ["/fapi/v1/depth?symbol=BTCUSDT&limit=1000"]
        await public.send(change(last + 1), change(last), change(last + 2))
        for number in (last + 1, last + 2):
            told = msgspec.structs.replace(await events.next(quantd.Depth), recv=0)
            assert told == quantd.Depth("BTCUSDT", NOW + number, 0, number, ((100.0, float(number)),), ((101.0, 1.0),))


async def test_changes_that_the_old_connection_has_yet_to_bring_are_waited_for(
    exchange: Exchange,
) -> None:
    async with confirmed(exchange.feed(), exchange, ALL) as (events, _, old):
        last = await whole(exchange, old, events)
        await old.say(SHUTDOWN)
        new = await exchange.peer()
        await new.confirm()
        await new.send(*(change(last + step) for step in (3, 4)), quote(1))
        await events.next(quantd.Quote)
        await old.send(*(change(last + step) for step in (1, 2)))
        assert [(await events.next(quantd.Depth)).id - last for _ in range(4)] == [1, 2, 3, 4]
        await gone(old)
        await new.send(change(last + 5))
        assert (await events.next(quantd.Depth)).id == last + 5
        assert sum("depth" in path for path in exchange.asked) == 1
        assert all(events.healthy)


async def test_a_public_connection_that_brings_nothing_while_the_old_one_does_is_given_up(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.CATCH_UP_S", 0.2)
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.DATA_S", 0.1)
    async with confirmed(exchange.feed(), exchange, QUOTES) as (_, _, old):
        await old.say(SHUTDOWN)
        mute = await exchange.peer()
        await mute.confirm()
        talking = asyncio.create_task(quote_on(old))
        await gone(mute)
        assert not old.gone.is_set()
        new = await exchange.peer()
        await new.confirm()
        await new.send(quote(10**6))
        await gone(old)
        talking.cancel()


async def quote_on(peer: Peer) -> None:
    """Quotes, until it is cancelled."""
    number = 0
    while True:
        number += 1
        await peer.send(quote(number))
        await asyncio.sleep(0.01)


async def test_bars_of_trades_do_not_wait_for_the_public_route(exchange: Exchange) -> None:
    """A loss of quotes is told, since one that held holds no more; that they do not come back is not told again."""
    async with streaming(exchange.feed(), "BTCUSDT", channels=QUOTES) as events:
        market, public = await arrivals(exchange)
        request = await public.request()
        await market.confirm()
        before = await events.next(quantd.Status)
        await public.say({"result": None, "id": request["id"]})
        await public.send(quote(1))
        await events.next(quantd.Quote)
        await public.ws.close()
        while (told := await events.next(quantd.Status)).healthy:
            pass
        for _ in range(2):
            public = await exchange.peer()
            await public.request()
            assert (await events.next(quantd.Status)).ts > before.ts
            await public.ws.close()
        assert events.healthy.count(False) == 1
        assert told.channels_only, "no trade is missing"
        assert told.ts >= NOW + 1, "nothing is missing before the last that came"


async def test_what_a_mute_public_connection_carried_is_in_doubt_since_it_fell_mute(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.IDLE_S", 0.2)
    exchange.deaf = True
    async with confirmed(exchange.feed(), exchange, QUOTES) as (events, _, old):
        await old.send(quote(1))
        await old.say(SHUTDOWN)
        new = await exchange.peer()
        await new.confirm()
        await new.send(quote(9))
        await gone(old)
        while (told := await events.next(quantd.Status)).healthy:
            pass
        assert told == quantd.Status(NOW + 1, healthy=False, channels_only=True)


async def test_what_a_public_connection_that_is_far_behind_carries_is_in_doubt(exchange: Exchange) -> None:
    exchange.deaf = True
    async with confirmed(exchange.feed(), exchange, QUOTES) as (events, market, public):
        await public.send(quote(1, E=NOW - 9000))
        for _ in range(2):
            while (told := await events.next(quantd.Status)).healthy:
                pass
            assert told == quantd.Status(NOW - 9000, healthy=False, channels_only=True)
        await public.send(quote(2, E=NOW + 60_000))
        await market.send(trade(1, E=NOW + 60_000))
        assert (await events.next(quantd.Status)).healthy
