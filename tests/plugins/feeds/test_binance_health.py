"""What a feed tells of its connections, and that no fault of ours ends it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

import quantd
from quantd.clock import EventClock, SystemClock
from quantd_plugins.feeds.binance.upkeep import keep_up
from tests.plugins.feeds.binance_exchange import NOW, PATIENCE_S, Exchange, Watch, running, streaming, trade
from tests.plugins.feeds.test_binance_handover import SHUTDOWN
from tests.plugins.feeds.test_binance_silence import Line


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


async def test_a_feed_tells_how_its_connections_are(exchange: Exchange) -> None:
    clock = EventClock(NOW)
    feed = exchange.feed()
    assert feed.health() == quantd.FeedHealth()
    async with streaming(feed, "BTCUSDT", clock=clock) as events:
        peer = await exchange.peer()
        assert [each.state for each in feed.health().connections] in (["connecting"], ["subscribing"])
        await peer.confirm()
        await peer.ws.send_str("junk")
        await peer.send(trade(1))
        assert await events.ids(1) == [1]
        clock.advance_to(NOW + 7000)
        assert feed.health().connections == (quantd.ConnectionHealth("connection 1", "market", 1, "up", 7.0, skipped=1),)
        await peer.say(SHUTDOWN)
        later = await exchange.peer()
        request = await later.request()
        assert [each.state for each in feed.health().connections] == ["handing over"]
        await later.say({"result": None, "id": request["id"]})
        await later.send(trade(2))
        clock.advance_to(NOW + 17_000)
        await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)
        [told] = feed.health().connections
        assert (told.state, told.age, told.handovers, told.reconnects, told.skipped) == ("up", 10.0, 1, 0, 1)
        await later.ws.close()
        later = await exchange.peer()
        await later.request()
        [told] = feed.health().connections
        assert (told.state, told.reconnects) == ("subscribing", 1)
    assert feed.health().connections == ()


async def test_a_feed_tells_until_when_it_is_banned(exchange: Exchange) -> None:
    exchange.upgrades = [web.Response(status=418, headers={"Retry-After": "600"})]
    feed, refused = exchange.feed(), Watch("wants no connection")
    async with streaming(feed, "BTCUSDT", clock=EventClock(NOW)):
        await refused.wait()
        assert feed.health().banned_until == NOW + 600_000


async def test_a_feed_tells_what_is_silent() -> None:
    line = Line({"BTCUSDT": 0.1, "ETHUSDT": 0.1})
    line.dead = {"ETHUSDT"}
    await line.run(100)
    assert line.watch.silent_symbols(line) == ["ETHUSDT"]


class Faltering(SystemClock):
    """Fails so many times when armed."""

    def __init__(self) -> None:
        self.left = 0
        self.over = asyncio.Event()

    def monotonic(self) -> float:
        if self.left:
            self.left -= 1
            if not self.left:
                self.over.set()
            raise RuntimeError("no time")
        return super().monotonic()


async def serve(exchange: Exchange) -> None:
    """Confirm what is asked for, and send a trade each time."""
    number = 0
    while True:
        peer = await exchange.peers.get()
        await peer.confirm()
        number += 1
        await peer.send(trade(number))


async def test_no_fault_of_ours_ends_the_feed(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.upkeep.PAUSE_S", 0.05)
    clock = Faltering()
    serving = asyncio.create_task(serve(exchange))
    async with streaming(exchange.feed(), "BTCUSDT", clock=clock) as events:
        await events.next(quantd.Status)
        clock.left = 12
        await asyncio.wait_for(clock.over.wait(), PATIENCE_S)
        before = (await events.next(quantd.Status)).ts
        while (status := await events.next(quantd.Status)).ts <= before or not status.healthy:
            pass
    serving.cancel()
    assert "status: failed, and begins again" in caplog.text
    assert "RuntimeError: no time" in caplog.text


async def test_what_fails_is_begun_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.upkeep.PAUSE_S", 0.0)
    begun = 0
    again = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            again.set()
        raise ValueError("oh")

    task = keep_up("work", work)
    await asyncio.wait_for(again.wait(), PATIENCE_S)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert "work: failed, and begins again" in caplog.text
