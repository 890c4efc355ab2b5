"""Subscribing with `since`: every frame once, or the hole by its numbers."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import BaseTestServer

from quantd.api.app import make_app
from quantd.api.ws.v1.limits import TopicLimits
from quantd.config.model import ApiSettings
from quantd.testing import fakes
from quantd.testing.services import FakeServices
from tests.api.serving import ApiServer

from .talking import talker

TRADES = "trade:BTCUSDT"


@pytest.fixture
async def server(services: FakeServices) -> AsyncIterator[BaseTestServer]:
    async with ApiServer(make_app(services, ApiSettings(), topic_limits=TopicLimits(frames=5))) as running:
        yield running


async def numbered(services: FakeServices, server: BaseTestServer, count: int) -> str:
    """Let there be this many frames of the trades; the epoch."""
    async with talker(server) as client:
        await client.begin(TRADES)
        for number in range(count):
            services.market.push([fakes.tick("BTCUSDT", number + 1)])
            assert (await client.hear())["seq"] == number + 1
        return client.epoch


async def test_what_was_missed_comes_and_nothing_else(server: BaseTestServer, services: FakeServices) -> None:
    epoch = await numbered(services, server, 4)
    async with talker(server) as client:
        answer = await client.subscribe(TRADES, since={"epoch": epoch, "seq": 2})
        assert (answer["seq"], answer["recovered"], answer["missed"]) == (4, True, None)
        assert [(await client.hear())["seq"] for _ in range(2)] == [3, 4]
        services.market.push([fakes.tick("BTCUSDT", 5)])
        assert (await client.hear())["seq"] == 5


async def test_who_has_all_gets_nothing(server: BaseTestServer, services: FakeServices) -> None:
    epoch = await numbered(services, server, 2)
    async with talker(server) as client:
        answer = await client.subscribe(TRADES, since={"epoch": epoch, "seq": 2})
        assert (answer["recovered"], answer["missed"]) == (True, None)
        services.market.push([fakes.tick("BTCUSDT", 5)])
        assert (await client.hear())["seq"] == 3


async def test_a_hole_is_named_and_what_is_left_follows(server: BaseTestServer, services: FakeServices) -> None:
    epoch = await numbered(services, server, 9)
    async with talker(server) as client:
        answer = await client.subscribe(TRADES, since={"epoch": epoch, "seq": 2})
        assert (answer["seq"], answer["recovered"], answer["missed"]) == (9, False, [3, 4])
        assert [(await client.hear())["seq"] for _ in range(5)] == [5, 6, 7, 8, 9]


async def test_another_epoch_is_a_hole_without_an_end_and_a_snapshot(server: BaseTestServer, services: FakeServices) -> None:
    await numbered(services, server, 2)
    async with talker(server) as client:
        answer = await client.subscribe(TRADES, since={"epoch": "earlier", "seq": 7})
        assert (answer["seq"], answer["recovered"], answer["missed"]) == (2, False, [8, None])
        snapshot = await client.hear()
        assert (snapshot["seq"], snapshot["snapshot"], snapshot["rows"][0]["id"]) == (2, True, 2)


async def test_a_frame_that_was_never_made_is_refused(server: BaseTestServer, services: FakeServices) -> None:
    epoch = await numbered(services, server, 2)
    async with talker(server) as client:
        error = await client.ask("subscribe", topic=TRADES, since={"epoch": epoch, "seq": 3}, id="a")
        assert (error["type"], error["code"], error["topic"], error["id"]) == ("error", "bad_since", TRADES, "a")
