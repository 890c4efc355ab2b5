"""What makes a connection come back, and what ends it."""

import asyncio

import pytest

from quantd.client import ClientError, Forbidden, Refused, TooMany, Unauthorized, Unreachable
from quantd.client.client import Client
from quantd.client.connection import Address
from tests.waiting import PATIENCE_S, until

from .model import EVERY, SYMBOL, TOPIC, Model, bar, ts


@pytest.mark.parametrize(("code", "error"), [(4401, Unauthorized), (4408, Unauthorized), (4403, Forbidden), (4429, TooMany)])
async def test_a_close_that_says_what_is_wrong_is_an_error(code: int, error: type[ClientError]) -> None:
    model = Model()
    model.close_code = code
    async with model.serving(patience_s=0.0) as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(error, match="as told"):
            await anext(client.bars(SYMBOL, EVERY))


async def test_a_daemon_that_has_enough_says_of_what() -> None:
    model = Model()
    model.close_code = 4429
    async with model.serving(patience_s=0.0) as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(TooMany, match=f"^{client.address.url}: as told$"):
            await anext(client.bars(SYMBOL, EVERY))


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (403, Forbidden), (404, Refused), (429, TooMany)])
async def test_an_upgrade_that_is_refused_is_an_error(status: int, error: type[ClientError]) -> None:
    model = Model()
    model.refusal = status
    async with model.serving(patience_s=0.0) as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(error, match="not today"):
            await anext(client.bars(SYMBOL, EVERY))


@pytest.mark.parametrize("code", [1001, 1011, 1013, 4429])
async def test_another_close_is_followed_by_another_try(code: int) -> None:
    model = Model()
    await model.publish(bar(1))
    model.close_code = code
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        following = asyncio.create_task(anext(client.bars(SYMBOL, EVERY, since=ts(0))))
        await until(lambda: model.connects > 2)
        model.close_code = None
        assert await following == bar(1)


async def test_a_token_that_ends_in_mid_stream_is_an_error_behind_what_came_before() -> None:
    model = Model()
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        stream = client.bars(SYMBOL, EVERY, since=ts(0))
        following = asyncio.create_task(anext(stream))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        await model.end(4401)
        assert await following == bar(1)
        with pytest.raises(Unauthorized):
            await anext(stream)


async def test_an_unknown_topic_is_an_error_of_its_stream_alone() -> None:
    model = Model()
    await model.publish(bar(1))
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        good, bad = client.bars(SYMBOL, EVERY, since=ts(0)), client.bars("NONESUCH", EVERY)
        with pytest.raises(Refused, match="no such topic"):
            await anext(bad)
        assert await anext(good) == bar(1)


async def test_a_topic_that_a_new_daemon_does_not_know_yet_is_asked_for_again() -> None:
    model = Model()
    await model.publish(bar(1))
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        stream = client.bars(SYMBOL, EVERY, since=ts(0))
        assert await anext(stream) == bar(1)
        following, commands = asyncio.create_task(anext(stream)), len(model.asked)
        model.topic = ""
        await model.restart()
        await until(lambda: len(model.asked) > commands + 2)
        model.topic = TOPIC
        await model.publish(bar(2))
        assert await following == bar(2)


@pytest.mark.parametrize(("code", "error"), [("forbidden", Forbidden), ("too_many_subscriptions", TooMany), ("unknown_topic", Refused)])
async def test_a_topic_that_is_refused_is_an_error(code: str, error: type[ClientError]) -> None:
    model = Model()
    model.topic, model.code = "", code
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(error, match="no such topic"):
            await anext(client.bars(SYMBOL, EVERY))


async def test_a_daemon_that_was_never_reached_is_waited_for_so_long() -> None:
    async with Client(Address("http://127.0.0.1:9", patience_s=0.0)) as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 cannot be reached: .*is the daemon running"):
            await anext(client.bars(SYMBOL, EVERY))
        with pytest.raises(Unreachable, match="is the daemon running"):
            await client.symbols()


async def test_a_client_that_is_closed_ends_its_streams() -> None:
    model = Model()
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        following = asyncio.create_task(anext(client.bars(SYMBOL, EVERY)))
        await until(lambda: model.followers)
        await client.close()
        with pytest.raises(ClientError, match="closed"):
            await following


async def test_a_stream_that_is_closed_ends() -> None:
    model = Model()
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        stream = client.bars(SYMBOL, EVERY)
        await stream.aclose()
        assert [item async for item in stream] == []


async def test_a_server_that_is_no_quantd_is_an_error() -> None:
    model = Model()
    model.greeting = {"type": "welcome"}
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(ClientError, match="is no quantd"):
            await anext(client.bars(SYMBOL, EVERY))
    model.greeting = {"type": "hello", "version": 2, "epoch": "e"}
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(ClientError, match="speaks version 2"):
            await anext(client.bars(SYMBOL, EVERY))
    model.greeting = {"type": "auth", "state": "needed", "within_s": 5}
    async with model.serving() as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unauthorized, match="QUANTD_TOKEN"):
            await anext(client.bars(SYMBOL, EVERY))
