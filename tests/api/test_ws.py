"""Sockets on a real server: frames, subscriptions, holds, slow clients, goodbyes. `websockets` is the independent client."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import BaseTestServer
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from quantd.api.app import make_app
from quantd.api.context import FANOUT
from quantd.api.schema import requests
from quantd.api.ws.fanout import Limits
from quantd.api.ws.legacy import command
from quantd.config.model import ApiSettings
from quantd.model import BookBar, Ticker
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from tests.waiting import PATIENCE_S

from .serving import ApiServer

TICKER = Ticker("BTCUSDT", START, 101.0, 100.0, 102.0, 99.0, 1.0, 1.41, 5.0, 505.0)
TOO_SLOW = b"\x88\x0a" + (1013).to_bytes(2, "big") + b"too slow"
ALERT_KEYS = {"type", "id", "alert_id", "message", "metric", "pair", "actual_value", "threshold_value", "ts"}


def url(server: BaseTestServer, path: str = "/ws") -> str:
    return str(server.make_url(path)).replace("http", "ws", 1)


async def say(socket: ClientConnection, **words: Any) -> None:
    await socket.send(json.dumps(words))


async def hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a kind."""
    while True:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
        if frame["type"] == kind:
            return frame


async def settled(socket: ClientConnection) -> list[dict[str, Any]]:
    """What comes before the answer to a ping."""
    await say(socket, action="ping")
    found = []
    while (frame := json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)))["type"] != "pong":
        found.append(frame)
    return found


async def subscribe(socket: ClientConnection, *symbols: str) -> None:
    await say(socket, action="subscribe", symbols=symbols)
    await hear(socket, "subscription")


@pytest.fixture
async def socket(server: BaseTestServer) -> AsyncIterator[ClientConnection]:
    async with connect(url(server)) as client:
        await settled(client)
        yield client


@pytest.mark.parametrize("path", ["/ws", "/stream/ws"])
async def test_both_paths(server: BaseTestServer, path: str) -> None:
    async with connect(url(server, path)) as client:
        await say(client, action="ping")
        assert await hear(client, "pong") == {"type": "pong"}


async def test_a_trade_and_a_ticker(socket: ClientConnection, services: FakeServices) -> None:
    tick = fakes.ticks(1)[0]
    services.market.push([tick])
    trade = {"type": "trade", "symbol": "BTCUSDT", "price": tick.price, "qty": tick.qty, "ts": "2026-01-01T00:00:00.000Z"}
    assert await hear(socket, "trade") == trade
    services.market.push_tickers([TICKER])
    assert await hear(socket, "ticker") == {
        "type": "ticker",
        "symbol": "BTCUSDT",
        "priceChange": 1.0,
        "priceChangePercent": 1.41,
        "lastPrice": 101.0,
        "openPrice": 100.0,
        "highPrice": 102.0,
        "lowPrice": 99.0,
        "volume": 5.0,
        "quoteVolume": 505.0,
        "ts": "2026-01-01T00:00:00.000Z",
    }


async def test_each_firing_reaches_each_socket_once_and_no_resolution(
    server: BaseTestServer, socket: ClientConnection, services: FakeServices
) -> None:
    async with connect(url(server)) as other:
        await subscribe(other, "ETHUSDT")
        others: list[dict[str, Any]] = [{"state": "resolved"}, {"state": "withdrawn"}, {"state": "flapping"}, {"repeat": 1}]
        services.alerts.fire([fakes.alert(1), *(msgspec.structs.replace(fakes.alert(2), **other) for other in others)])
        for client in (socket, other):
            alerts = [frame for frame in await settled(client) if frame["type"] == "alert"]
            assert [(set(alert), alert["id"]) for alert in alerts] == [(ALERT_KEYS, "1")]


async def test_a_subscription_is_acknowledged_as_sent_and_holds_what_is_supported(socket: ClientConnection, services: FakeServices) -> None:
    await say(socket, action="subscribe", symbols=["btcusdt", "nope"])
    assert await hear(socket, "subscription") == {"type": "subscription", "status": "subscribed", "symbols": ["btcusdt", "nope"]}
    assert services.symbols.held == {"ws:1": {"BTCUSDT"}}
    await say(socket, action="unsubscribe", symbols=["btcusdt"])
    assert await hear(socket, "subscription") == {"type": "subscription", "status": "unsubscribed", "symbols": ["btcusdt"]}
    assert services.symbols.held == {}


async def test_a_subscriber_gets_its_symbols_only(socket: ClientConnection, services: FakeServices) -> None:
    services.market.push([*fakes.ticks(2), *fakes.ticks(2, symbol="ETHUSDT")])
    await hear(socket, "trade")
    await subscribe(socket, "ETHUSDT")
    services.market.push([*fakes.ticks(2), *fakes.ticks(2, symbol="ETHUSDT")])
    heard = [await hear(socket, "trade") for _ in range(2)]
    assert {frame["symbol"] for frame in [*heard, *await settled(socket)]} == {"ETHUSDT"}


async def test_who_unsubscribes_from_all_that_it_never_named_gets_the_rest(socket: ClientConnection, services: FakeServices) -> None:
    await say(socket, action="unsubscribe", symbols=["BTCUSDT"])
    await hear(socket, "subscription")
    services.market.push([*fakes.ticks(1), *fakes.ticks(1, symbol="ETHUSDT")])
    assert (await hear(socket, "trade"))["symbol"] == "ETHUSDT"


async def test_a_subscriber_sees_the_last_ticker_at_once(socket: ClientConnection, services: FakeServices) -> None:
    services.market.push_tickers([TICKER])
    await hear(socket, "ticker")
    await say(socket, action="subscribe", symbols=["BTCUSDT"])
    assert (await hear(socket, "ticker"))["lastPrice"] == 101.0


async def test_the_holds_of_a_socket_end_with_it(server: BaseTestServer, services: FakeServices) -> None:
    services.symbols.hold("pipeline", ["ETHUSDT"])
    async with connect(url(server)) as client:
        await subscribe(client, "BTCUSDT", "ETHUSDT")
    async with connect(url(server)) as later:
        await settled(later)
        assert services.symbols.held == {"pipeline": {"ETHUSDT"}}


async def test_one_stops_and_the_other_keeps_streaming(server: BaseTestServer, services: FakeServices) -> None:
    async with connect(url(server)) as stays:
        await subscribe(stays, "BTCUSDT")
        async with connect(url(server)) as goes:
            await subscribe(goes, "BTCUSDT")
            await say(goes, action="unsubscribe", symbols=["BTCUSDT"])
            await hear(goes, "subscription")
            assert services.symbols.active() == ["BTCUSDT"]
        services.market.push(fakes.ticks(1))
        assert (await hear(stays, "trade"))["symbol"] == "BTCUSDT"


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"action":"dance"}', '{"action":"subscribe"}', '{"action":"subscribe","symbols":[]}', "[" * 9999]
)
async def test_nonsense_is_ignored(socket: ClientConnection, text: str) -> None:
    await socket.send(text)
    await socket.send(b"\x00\xff")
    assert await settled(socket) == []


async def test_too_long_a_command_closes(socket: ClientConnection) -> None:
    await socket.send("x" * (64 * 1024 + 1))
    with pytest.raises(ConnectionClosed) as closed:
        await hear(socket, "pong")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_shutdown_says_goodbye(services: FakeServices) -> None:
    async with ApiServer(make_app(services, ApiSettings())) as server:
        client = await connect(url(server))
        await settled(client)
    await client.wait_closed()
    assert client.close_code == 1001


async def test_a_reader_that_stops_is_closed_and_the_others_get_everything(services: FakeServices) -> None:
    app = make_app(services, ApiSettings(), limits=Limits(flush=0.001, buffer=64 * 1024, patience=0.05))
    batch = fakes.ticks(500)
    async with ApiServer(app) as server, connect(url(server), max_queue=None) as healthy:
        reader, writer = await deaf(server)
        rounds = 0
        while len(app[FANOUT]) < 2:
            await settled(healthy)
        while len(app[FANOUT]) == 2:
            services.market.push(batch)
            rounds += 1
            for tick in batch:
                assert (await hear(healthy, "trade"))["price"] == tick.price
        assert rounds > 1
        heard = await reader.read()
        assert heard.startswith(b"HTTP/1.1 101")
        assert heard.endswith(TOO_SLOW)
        writer.close()


async def deaf(server: BaseTestServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that says hello and then reads only a little."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    hello = ("GET /ws HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    writer.write("\r\n".join([*hello, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]).encode())
    await writer.drain()
    return reader, writer


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ).map(json.dumps)
)
def test_a_command_is_understood_or_ignored(text: str) -> None:
    assert isinstance(command(text), requests.Command | None)


@given(st.sampled_from(["subscribe", "unsubscribe"]), st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_symbols_are_read_as_sent(action: str, symbols: list[str]) -> None:
    understood = command(json.dumps({"action": action, "symbols": symbols, "extra": 1}))
    assert isinstance(understood, requests.Subscribe | requests.Unsubscribe)
    assert understood.symbols == symbols


async def test_bars_of_the_book_go_to_who_wants_the_symbol(server: BaseTestServer, services: FakeServices) -> None:
    bar = BookBar("BTCUSDT", "1s", START, 0.1, 0.01, -0.25, 90_000.02, None, 7, 0, None, None, None, 1.0, "complete")
    async with connect(url(server)) as socket, connect(url(server)) as other:
        await subscribe(socket, "BTCUSDT")
        await subscribe(other, "ETHUSDT")
        services.market.push_books([bar])
        frame = await hear(socket, "book")
        assert (frame["symbol"], frame["every"], frame["ts"], frame["spread"]) == ("BTCUSDT", "1s", "2026-01-01T00:00:00.000Z", 0.1)
        assert [each["type"] for each in await settled(other)] == []
