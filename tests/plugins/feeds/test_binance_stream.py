"""The live stream, against a local server whose every word the test chooses."""

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from aiohttp import web

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.plugins.feeds.binance_exchange import MOST_TOGETHER, NOW, PATIENCE_S, Exchange, Peer, Watch, running, streaming, talk, trade


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


def said(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= level)


async def test_trades_are_asked_for_and_brought(exchange: Exchange) -> None:
    async with streaming(exchange.feed(tickers=True), "BTCUSDT") as events:
        peer = await exchange.peer()
        assert peer.path == "/market/stream"
        assert await peer.request() == {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "btcusdt@ticker"], "id": 1}
        await peer.say({"result": None, "id": 1})
        await peer.send(trade(1))
        tick = await events.next(quantd.Tick)
        assert msgspec.structs.replace(tick, recv=0) == quantd.Tick("BTCUSDT", 1, NOW - 4, 0, 85599.8, 0.012, True)
        assert tick.recv > NOW - 10**10


async def test_data_may_come_before_the_answer(exchange: Exchange) -> None:
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.send(trade(1), trade(2))
        await peer.confirm()
        await peer.send(trade(3))
        assert await events.ids(3) == [1, 2, 3]


async def test_junk_between_trades_is_skipped_and_told_once(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        for junk in ("", "<html>no</html>", "[]", "{}", '{"data":{"e":"kline"}}', "[" * 10_000, '{"result":null,"id":99}'):
            await peer.ws.send_str(junk)
        await peer.ws.send_bytes(b"\x00\x01")
        await peer.send(trade(1, p="NaN"), trade(2, a="x"), trade(3, T=0), trade(4))
        await peer.say({"id": None, "error": {"code": 3, "msg": "Invalid json"}})
        await peer.send(trade(5))
        assert await events.ids(2) == [4, 5]
    assert said(caplog, logging.WARNING).count("skipped") == 1
    assert "refused the ?: Invalid json (code 3)" in said(caplog)


async def test_a_refused_subscription_is_told(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with streaming(exchange.feed(), "NOSUCHUSDT") as events:
        peer = await exchange.peer()
        request = await peer.request()
        await peer.say({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": request["id"]})
        await peer.send(trade(1))
        assert await events.ids(1) == [1]
    assert "refused the SUBSCRIBE of nosuchusdt@aggTrade: Invalid request: invalid stream (code 2)" in said(caplog, logging.WARNING)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_any_end_is_a_disconnect(exchange: Exchange, caplog: pytest.LogCaptureFixture, code: int) -> None:
    caplog.set_level(logging.INFO)
    async with streaming(exchange.feed(), "BTCUSDT", "ETHUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1), trade(7, "ETHUSDT"))
        await peer.ws.close(code=code)
        peer = await exchange.peer()
        assert await peer.confirm() == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
        await peer.send(trade(5), trade(8, "ETHUSDT"))
        assert await events.ids(4) == [1, 7, 5, 8]
    assert f"the connection ended (code {code})" in said(caplog)
    assert "BTCUSDT: trades missed: 3, ids 2 to 4" in said(caplog)
    assert "ETHUSDT: trades missed: none, id 8 follows 7" in said(caplog)


async def test_refused_upgrades_are_told_and_tried_again(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    exchange.upgrades = [403, 451, web.Response(status=429, headers={"Retry-After": "0"}), 503]
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1))
        assert await events.ids(1) == [1]
    for status, advice in ((403, "firewall"), (451, "location"), (429, "too many requests"), (503, "not well")):
        assert f"/market/stream: refused with HTTP {status}" in said(caplog)
        assert advice in said(caplog)


async def test_an_upgrade_that_is_no_upgrade_leads_nowhere(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = f"{exchange.url}/fapi/v1/secret"
    exchange.upgrades = [
        web.Response(status=302, headers={"Location": elsewhere}),
        web.Response(text="<html>Hello</html>", content_type="text/html"),
        web.Response(status=404, text="<html>no</html>"),
    ]
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1))
        assert await events.ids(1) == [1]
    assert f"refused with HTTP 302, which leads to '{elsewhere}'" in said(caplog)
    assert "refused with HTTP 200: no streams are served there" in said(caplog)
    assert "refused with HTTP 404: nothing is served there" in said(caplog)
    assert not any("secret" in path for path in exchange.asked)


async def test_an_exchange_that_is_down_at_the_start_is_waited_for(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    feed, port = exchange.feed(), exchange.server.port
    await exchange.server.close()
    refused = Watch("cannot connect")
    async with streaming(feed, "BTCUSDT") as events:
        await refused.wait()
        later = Exchange(port)
        await later.server.start_server()
        peer = await later.peer()
        await peer.confirm()
        await peer.send(trade(1))
        assert await events.ids(1) == [1]
    await later.server.close()
    assert "check the network and the address" in said(caplog)


async def test_the_set_of_symbols_changes_while_streaming(exchange: Exchange) -> None:
    feed = exchange.feed()
    async with streaming(feed, "BTCUSDT", "ETHUSDT"):
        peer = await exchange.peer()
        await peer.confirm()
        feed.want(["BTCUSDT", "SOLUSDT"], {})
        first, second = await peer.request(), await peer.request()
        assert (first["method"], first["params"]) == ("UNSUBSCRIBE", ["ethusdt@aggTrade"])
        assert (second["method"], second["params"]) == ("SUBSCRIBE", ["solusdt@aggTrade"])
        await peer.ws.close()
        peer = await exchange.peer()
        assert await peer.confirm() == ["btcusdt@aggTrade", "solusdt@aggTrade"]


async def test_what_is_wanted_before_the_stream_counts(exchange: Exchange) -> None:
    feed = exchange.feed()
    feed.want(["ADAUSDT"], {})
    async with streaming(feed, "BTCUSDT"):
        peer = await exchange.peer()
        assert await peer.confirm() == ["adausdt@aggTrade"]


async def test_many_streams_are_spread_over_connections(exchange: Exchange) -> None:
    feed = exchange.feed(streams_per_connection=2)
    async with streaming(feed, "A", "B", "C", "D", "E"):
        peers = [await exchange.peer() for _ in range(3)]
        carried = [await peer.confirm() for peer in peers]
        assert sorted(carried) == [["a@aggTrade", "b@aggTrade"], ["c@aggTrade", "d@aggTrade"], ["e@aggTrade"]]
        feed.want(["A", "B", "C", "D"], {})
        [idle] = [peer for peer, streams in zip(peers, carried, strict=True) if streams == ["e@aggTrade"]]
        await asyncio.wait_for(idle.gone.wait(), PATIENCE_S)


async def test_one_message_asks_for_at_most_200_streams(exchange: Exchange) -> None:
    async with streaming(exchange.feed(streams_per_connection=500), *(f"S{number:03}" for number in range(450))):
        peer = await exchange.peer()
        assert [len(await peer.confirm()) for _ in range(3)] == [200, 200, 50]


async def test_a_quiet_market_is_known_to_be_quiet(exchange: Exchange) -> None:
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        times = []
        for _ in range(3):
            status = await events.next(quantd.Status)
            assert status.healthy
            times.append(status.ts)
        assert times == sorted(set(times))
        assert NOW - 1000 <= times[0] <= NOW + PATIENCE_S * 1000


async def test_nothing_is_known_to_be_complete_beyond_what_was_read(exchange: Exchange) -> None:
    exchange.deaf = True
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        for sent in (NOW - 9000, NOW - 5000):
            await peer.send(trade(NOW - sent, E=sent))
            assert (await events.next(quantd.Status)).ts == sent - 250


async def test_a_connection_that_does_not_answer_is_left(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    clock = EventClock(NOW)
    async with streaming(exchange.feed(), "BTCUSDT", clock=clock):
        peer = await exchange.peer()
        await peer.request()
        clock.advance_to(NOW + 11_000)
        peer = await exchange.peer()
        await peer.confirm()
    assert "no answer to a subscription within 10 s" in said(caplog)


async def test_connects_are_within_their_budget(exchange: Exchange) -> None:
    """Five at once, then one a second: far less often than the waits of 1 ms to 32 ms allow."""
    loop = asyncio.get_running_loop()
    async with streaming(exchange.feed(), "BTCUSDT"):
        began = loop.time()
        for _ in range(6):
            await (await exchange.peer()).ws.close()
        assert loop.time() - began > 0.9


async def test_a_loss_is_told_once_and_then_time_goes_on(exchange: Exchange) -> None:
    async with streaming(exchange.feed(), "A") as events:
        peer = await exchange.peer()
        await peer.confirm()
        before = await events.next(quantd.Status)
        assert before.healthy
        await peer.ws.close()
        for _ in range(2):
            await (await exchange.peer()).ws.close()
        await (await exchange.peer()).confirm()
        told = before
        while told.healthy:
            told = await events.next(quantd.Status)
        after = await events.next(quantd.Status)
        assert after.healthy
        assert before.ts <= told.ts < after.ts


async def test_each_connection_that_is_lost_is_told_though_another_one_is_still_down(exchange: Exchange) -> None:
    async with streaming(exchange.feed(streams_per_connection=1), "A", "B") as events:
        first, second = await exchange.peer(), await exchange.peer()
        await first.confirm()
        await second.confirm()
        await events.next(quantd.Status)
        await first.ws.close()
        while (await events.next(quantd.Status)).healthy:
            pass
        await second.send(trade(1, "B"))
        assert await events.ids(1) == [1]
        await (await exchange.peer()).request()
        await second.ws.close()
        assert not (await events.next(quantd.Status)).healthy
        assert events.healthy.count(False) == 2


async def test_until_the_answer_nothing_is_said_to_be_complete(exchange: Exchange) -> None:
    exchange.deaf = True
    async with streaming(exchange.feed(), "A") as events:
        peer = await exchange.peer()
        request = await peer.request()
        await peer.send(trade(1, "A", E=NOW - 9000))
        assert await events.ids(1) == [1]
        await _let_statuses_pass(3)
        await peer.say({"result": None, "id": request["id"]})
        await peer.send(trade(2, "A", E=NOW - 5000))
        assert (await events.next(quantd.Status)).ts == NOW - 5000 - 250


async def _let_statuses_pass(count: int) -> None:
    """As long as another feed needs to bring so many."""
    async with running() as elsewhere, streaming(elsewhere.feed(), "A") as events:
        await (await elsewhere.peer()).confirm()
        for _ in range(count):
            await events.next(quantd.Status)


async def test_pings_are_answered(exchange: Exchange) -> None:
    exchange.deaf = True
    async with streaming(exchange.feed(), "BTCUSDT"):
        peer = await exchange.peer()
        await peer.ws.ping(b"1795489443996")
        assert await asyncio.wait_for(peer.pongs.get(), PATIENCE_S) == b"1795489443996"


async def test_without_rest_the_time_comes_from_trades(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with streaming(exchange.feed(rest="http://127.0.0.1:1"), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        talking = asyncio.create_task(talk(peer))
        status = await events.next(quantd.Status)
        assert NOW - 1000 < status.ts < NOW + PATIENCE_S * 1000
        talking.cancel()


async def test_receipt_is_told_by_the_exchange_s_clock(exchange: Exchange) -> None:
    """Which is days or years from the host's."""
    feed = exchange.feed()
    async with streaming(feed, "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1))
        tick = await events.next(quantd.Tick)
        assert NOW <= tick.recv < NOW + PATIENCE_S * 1000
        told = feed.time()
        assert told is not None
        assert tick.recv <= told < NOW + PATIENCE_S * 1000


async def test_a_reader_that_is_not_drunk_from_stops_reading(exchange: Exchange) -> None:
    flood = 20_000
    async with aclosing(exchange.feed().stream(quantd.Subscription(("BTCUSDT",)))) as stream:
        first = asyncio.create_task(anext(stream))
        peer = await exchange.peer()
        await peer.confirm()
        sending = asyncio.create_task(send_all(peer, flood))
        got = [event.id for event in await first if isinstance(event, quantd.Tick)]
        while len(got) < flood:
            batch = await asyncio.wait_for(anext(stream), PATIENCE_S)
            assert len(batch) <= MOST_TOGETHER
            got += [event.id for event in batch if isinstance(event, quantd.Tick)]
        await sending
        assert got == list(range(1, flood + 1))


async def send_all(peer: Peer, count: int) -> None:
    for number in range(1, count + 1):
        await peer.send(trade(number))


@pytest.mark.parametrize("orderly", [True, False])
async def test_nothing_is_left_open(exchange: Exchange, orderly: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        feed = exchange.feed()
        stream = feed.stream(quantd.Subscription(("BTCUSDT",)))
        reading = asyncio.create_task(anext(stream))
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1))
        await reading
        await (stream.aclose() if orderly else feed.close())
        await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)
        del stream, feed
        gc.collect()
    assert [task.get_name() for task in asyncio.all_tasks() if "binance" in task.get_name()] == []
    assert [str(each.message) for each in caught if "nclosed" in str(each.message)] == []


def test_settings_are_checked() -> None:
    wrong: dict[str, Any]
    for wrong in ({"ws": "fstream.binance.com"}, {"streams_per_connection": 0}, {"routes": {"market": "x"}}, {"route": {}}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, BinanceFutures)
