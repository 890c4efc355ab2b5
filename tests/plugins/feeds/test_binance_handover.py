"""A connection is replaced without losing or holding up anything."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import quantd
from tests.plugins.feeds.binance_exchange import NOW, PATIENCE_S, Events, Exchange, Peer, running, streaming, talk, trade

SHUTDOWN = {"event": {"e": "serverShutdown", "E": 1}}


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


@asynccontextmanager
async def retiring(exchange: Exchange, **settings: Any) -> AsyncIterator[tuple[Events, Peer]]:
    """A stream that has brought trade 1 over a connection which will soon be closed."""
    async with streaming(exchange.feed(**settings), "BTCUSDT") as events:
        old = await exchange.peer()
        await old.confirm()
        await old.send(trade(1))
        assert await events.ids(1) == [1]
        await old.say(SHUTDOWN)
        yield events, old


async def gone(peer: Peer) -> None:
    await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)


async def test_both_deliver_until_the_new_one_can_go_on_alone(exchange: Exchange) -> None:
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        old = await exchange.peer()
        await old.confirm()
        await old.say(SHUTDOWN)
        new = await exchange.peer()
        request = await new.request()
        await old.send(trade(1), trade(2))
        assert await events.ids(2) == [1, 2]
        await new.send(trade(3))
        assert await events.ids(1) == [3]
        assert not old.gone.is_set()
        await new.say({"result": None, "id": request["id"]})
        await gone(old)
        await new.send(trade(4))
        assert await events.ids(1) == [4]
        assert all(events.healthy)


async def test_an_old_connection_is_replaced(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with streaming(exchange.feed(rotate="50ms"), "BTCUSDT") as events:
        before = await exchange.peer()
        assert await before.confirm() == ["btcusdt@aggTrade"]
        for number in (1, 2):
            peer = await exchange.peer()
            assert await peer.confirm() == ["btcusdt@aggTrade"]
            await peer.send(trade(number))
            assert await events.ids(1) == [number]
            await gone(before)
            before = peer
        assert all(events.healthy)
    assert "connection 1.2: has taken over from connection 1" in caplog.text


async def test_the_new_one_waits_for_trades_that_the_old_one_has_yet_to_bring(exchange: Exchange) -> None:
    async with retiring(exchange) as (events, old):
        new = await exchange.peer()
        await new.confirm()
        await new.send(trade(4), trade(5), trade(2))
        assert await events.ids(1) == [2]
        await old.send(trade(2), trade(3))
        found: list[int] = []
        while 5 not in found:
            found += await events.ids(1)
        assert sorted(set(found)) == [2, 3, 4, 5]
        assert found.index(3) < found.index(4) < found.index(5)


async def test_a_quiet_market_does_not_keep_the_old_one(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.DATA_S", 0.1)
    async with retiring(exchange) as (events, old):
        new = await exchange.peer()
        await new.confirm()
        await gone(old)
        await new.send(trade(2))
        assert await events.ids(1) == [2]
        assert all(events.healthy)


async def test_one_that_cannot_take_over_leaves_the_old_one_alone(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        old = await exchange.peer()
        await old.confirm()
        exchange.upgrades = [503]
        await old.say(SHUTDOWN)
        rejected = await exchange.peer()
        await rejected.request()
        await rejected.ws.close(code=1011)
        new = await exchange.peer()
        await old.send(trade(1))
        assert await events.ids(1) == [1]
        assert not old.gone.is_set()
        await new.confirm()
        await new.send(trade(2))
        assert await events.ids(1) == [2]
        await gone(old)
        assert all(events.healthy)
    assert "cannot take over: refused with HTTP 503" in caplog.text
    assert "cannot take over: the connection ended (code 1011)" in caplog.text


async def test_one_that_brings_nothing_while_the_old_one_does_is_given_up(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.CATCH_UP_S", 0.2)
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.DATA_S", 0.1)
    async with retiring(exchange) as (events, old):
        mute = await exchange.peer()
        await mute.confirm()
        talking = asyncio.create_task(talk(old))
        await gone(mute)
        monkeypatch.undo()
        assert not old.gone.is_set()
        new = await exchange.peer()
        await new.confirm()
        await new.send(trade(2))
        await gone(old)
        talking.cancel()
        assert all(events.healthy)


async def test_an_end_of_the_old_one_is_no_loss_once_it_has_brought_what_was_sent_before_the_new_one(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.DATA_S", 60.0)
    async with retiring(exchange) as (events, old):
        new = await exchange.peer()
        await new.confirm()
        confirmed = (await events.next(quantd.Status)).ts
        while (await events.next(quantd.Status)).ts < confirmed + 500:
            pass
        await old.send(trade(2, E=NOW + 60_000))
        assert await events.ids(1) == [2]
        await old.ws.close()
        await new.send(trade(3))
        assert await events.ids(1) == [3]
        await events.next(quantd.Status)
        assert all(events.healthy)


async def test_an_end_of_the_old_one_is_a_loss_while_it_may_not_have_brought_all(exchange: Exchange) -> None:
    exchange.deaf = True
    async with retiring(exchange) as (events, old):
        await events.next(quantd.Status)
        new = await exchange.peer()
        await new.confirm()
        await new.send(trade(2))
        assert await events.ids(1) == [2]
        await old.ws.close()
        while (await events.next(quantd.Status)).healthy:
            pass
        await new.send(trade(3, E=NOW + 60_000))
        assert (await events.next(quantd.Status)).healthy


async def test_what_a_mute_one_may_not_have_brought_is_a_loss(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.handover.IDLE_S", 0.2)
    exchange.deaf = True
    async with retiring(exchange) as (events, old):
        new = await exchange.peer()
        await new.confirm()
        await new.send(trade(5))
        await gone(old)
        while (await events.next(quantd.Status)).healthy:
            pass
        assert await events.ids(1) == [5]
        await new.send(trade(6, E=NOW + 60_000))
        assert (await events.next(quantd.Status)).healthy
        assert events.healthy.count(False) == 1


async def test_an_end_of_the_old_one_before_that_is_a_loss(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with retiring(exchange) as (events, old):
        await events.next(quantd.Status)
        new = await exchange.peer()
        request = await new.request()
        await old.ws.close()
        while (await events.next(quantd.Status)).healthy:
            pass
        await new.say({"result": None, "id": request["id"]})
        await new.send(trade(5))
        assert await events.ids(1) == [5]
        assert (await events.next(quantd.Status)).healthy
    assert "BTCUSDT: trades missed: 3, ids 2 to 4" in caplog.text


async def test_symbols_change_on_both(exchange: Exchange) -> None:
    feed = exchange.feed()
    async with streaming(feed, "BTCUSDT"):
        old = await exchange.peer()
        await old.confirm()
        await old.say(SHUTDOWN)
        new = await exchange.peer()
        request = await new.request()
        feed.want(["BTCUSDT", "ETHUSDT"], {})
        assert await old.confirm() == ["ethusdt@aggTrade"]
        await new.say({"result": None, "id": request["id"]})
        assert await new.confirm() == ["ethusdt@aggTrade"]
        await new.send(trade(1))
        await gone(old)


async def test_the_end_of_the_stream_ends_both(exchange: Exchange) -> None:
    async with retiring(exchange) as (_, old):
        new = await exchange.peer()
        await new.request()
    await gone(old)
    await gone(new)
    assert [task.get_name() for task in asyncio.all_tasks() if "binance" in task.get_name()] == []
