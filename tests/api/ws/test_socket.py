"""Commands, errors and ends of sockets on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer
from websockets.exceptions import ConnectionClosed

from quantd.api.access.caller import Caller, scopes_of
from quantd.api.access.gate import Gate
from quantd.api.app import make_app
from quantd.api.context import TYPED
from quantd.api.ws.v1.limits import TopicLimits
from quantd.config.limits import LimitSettings, Quota, Quotas
from quantd.config.model import ApiSettings
from quantd.testing import fakes
from quantd.testing.services import FakeServices
from tests.api.serving import ApiServer
from tests.waiting import PATIENCE_S, until

from .talking import Talker, talker

TRADES = "trade:BTCUSDT"


@pytest.fixture
async def client(server: BaseTestServer) -> AsyncIterator[Talker]:
    async with talker(server) as found:
        yield found


def serving(services: FakeServices, **limits: Any) -> ApiServer:
    return ApiServer(make_app(services, ApiSettings(), topic_limits=TopicLimits(**limits)))


async def test_a_ping_is_answered_with_its_id(client: Talker) -> None:
    assert await client.ask("ping", id="a") == {"type": "pong", "id": "a"}
    assert await client.ask("ping") == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        ("{", "bad_message", "a JSON object with an action"),
        ("[]", "bad_message", "a JSON object with an action"),
        ("{}", "bad_message", "a JSON object with an action"),
        (b"\xff", "bad_message", "a JSON object with an action"),
        ('{"topic":"alert"}', "bad_message", "action"),
        ('{"action":"subscribe"}', "bad_message", "topic"),
        ('{"action":"subscribe","topic":"alert","since":{"epoch":"a","seq":-1}}', "bad_message", "since.seq"),
        ('{"action":"dance"}', "unknown_action", "subscribe, unsubscribe, ping, auth"),
        ('{"action":"subscribe","topic":"dance"}', "unknown_topic", "trade:SYMBOL, bar:SYMBOL:EVERY"),
        ('{"action":"subscribe","topic":"trade"}', "unknown_topic", "trade:SYMBOL"),
        ('{"action":"subscribe","topic":"trade:NOPE"}', "unknown_topic", "BTCUSDT"),
        ('{"action":"subscribe","topic":"bar:BTCUSDT:7m"}', "unknown_topic", "1s, 1m"),
        ('{"action":"subscribe","topic":"pair:A-B:1m"}', "unknown_topic", "BTCUSDT-ETHUSDT"),
        ('{"action":"subscribe","topic":"book:BTCUSDT:1s"}', "unknown_topic", "there are none"),
        ('{"action":"unsubscribe","topic":"dance"}', "unknown_topic", "trade:SYMBOL"),
    ],
)
async def test_what_cannot_be_obeyed_is_answered_and_the_socket_stays(client: Talker, message: str | bytes, code: str, text: str) -> None:
    await client.socket.send(message)
    error = await client.hear()
    assert (error["type"], error["code"]) == ("error", code)
    assert text in error["text"]
    assert await client.ask("ping") == {"type": "pong"}


async def test_a_command_that_cannot_be_read_is_answered_with_its_id(client: Talker) -> None:
    assert (await client.ask("dance", id=12))["id"] == 12
    assert "id" not in await client.ask("dance", id="x" * 65)


async def test_a_command_that_is_too_long_ends_the_socket(client: Talker) -> None:
    await client.socket.send("x" * (64 * 1024 + 1))
    with pytest.raises(ConnectionClosed) as closed:
        await client.hear()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_an_unsubscribe_is_answered_and_ends_one_topic_of_one_client(
    server: BaseTestServer, client: Talker, services: FakeServices
) -> None:
    async with talker(server) as other:
        for each in (client, other):
            await each.begin(TRADES)
        await client.begin("alert")
        assert await client.ask("unsubscribe", topic="trade:btcusdt", id=1) == {"type": "unsubscribed", "topic": TRADES, "id": 1}
        assert await client.ask("unsubscribe", topic=TRADES) == {"type": "unsubscribed", "topic": TRADES}
        services.market.push(fakes.ticks(1))
        assert (await other.hear())["type"] == "trades"
        assert await client.settled() == []
        services.alerts.fire([fakes.alert()])
        assert (await client.hear())["type"] == "alerts"


async def test_a_socket_has_so_many_topics(services: FakeServices) -> None:
    settings = ApiSettings(limits=LimitSettings(subscriptions=2))
    async with ApiServer(make_app(services, settings)) as server, talker(server) as client:
        assert client.hello["limits"]["subscriptions"] == 2
        for topic in (TRADES, "alert", "alert"):
            await client.begin(topic)
        assert (await client.ask("subscribe", topic="health"))["code"] == "too_many_subscriptions"
        await client.ask("unsubscribe", topic="alert")
        await client.begin("health")


async def test_commands_that_come_too_fast_are_not_carried_out(services: FakeServices) -> None:
    limits = LimitSettings(commands=Quota(rate=0.001, burst=2), loopback=Quotas())
    async with ApiServer(make_app(services, ApiSettings(limits=limits))) as server, talker(server) as client:
        await client.begin("alert")
        await client.ask("ping")
        assert (await client.ask("subscribe", topic="health", id=3))["code"] == "too_fast"
        services.alerts.fire([fakes.alert()])
        assert (await client.hear())["type"] == "alerts"


class Reading(Gate):
    """Admits everybody to read."""

    def anonymous(self, request: web.BaseRequest) -> Caller:
        return Caller("127.0.0.1", scopes_of("read"))


async def test_the_log_needs_the_right_to_write(services: FakeServices) -> None:
    app = make_app(services, ApiSettings(), gate=Reading(ApiSettings()))
    async with ApiServer(app) as server, talker(server) as client:
        assert client.hello["scopes"] == ["read"]
        error = await client.ask("subscribe", topic="log")
        assert (error["code"], error["topic"]) == ("forbidden", "log")
        await client.begin("alert")


async def test_who_does_not_read_is_told_and_closed_and_holds_up_nobody(services: FakeServices) -> None:
    async with serving(services, buffer=20_000, patience=0.05) as server, talker(server) as quick, talker(server, max_queue=1) as slow:
        for each in (quick, slow):
            await each.begin(TRADES)
        seq = 0
        while len(server.app[TYPED]) > 1:
            services.market.push(fakes.ticks(400))
            frame = await quick.hear()
            assert frame["seq"] == seq + 1
            seq += 1
        await slow.to_the_end()
        assert (slow.socket.close_code, slow.socket.close_reason) == (1013, "too slow")


async def test_a_stop_closes_everybody(services: FakeServices) -> None:
    async with AsyncExitStack() as clients:
        async with serving(services) as server:
            talkers = [await clients.enter_async_context(talker(server)) for _ in range(200)]
            for each in talkers:
                await each.subscribe(TRADES)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(each.socket.wait_closed() for each in talkers))
        assert {each.socket.close_code for each in talkers} == {1001}
        assert services.symbols.held == {}


async def test_a_client_that_is_gone_leaves_nothing_behind(server: BaseTestServer, services: FakeServices) -> None:
    async with talker(server) as client:
        await client.begin("log")
    await until(lambda: not len(server.app[TYPED]))  # type: ignore[attr-defined]
    async with talker(server) as other:
        assert json.loads(json.dumps(await other.settled())) == []
