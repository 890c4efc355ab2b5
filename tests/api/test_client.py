"""The Python client against an API that asks for tokens."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quantd.client import Forbidden, Refused, Unauthorized
from quantd.client.client import Client
from quantd.client.connection import Address
from quantd.config.model import ApiSettings
from quantd.testing import fakes
from tests.waiting import PATIENCE_S, until

from .tokens import Guarded, guarded


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, ApiSettings()) as running:
        running.token("admin")
        yield running


def client_of(api: Guarded, token: str | None) -> Client:
    return Client(Address(f"http://127.0.0.1:{api.server.port}", token, patience_s=PATIENCE_S, shortest_wait_s=0.01, longest_wait_s=0.1))


@pytest.mark.parametrize("token", [None, "quantd_none_such"])
async def test_without_a_valid_token_there_is_nothing(api: Guarded, token: str | None) -> None:
    async with client_of(api, token) as client, asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unauthorized, match="QUANTD_TOKEN"):
            await client.symbols()
        with pytest.raises(Unauthorized):
            await anext(client.health())


async def test_a_token_that_may_read_may_not_write(api: Guarded) -> None:
    async with client_of(api, api.token("read")) as client, asyncio.timeout(PATIENCE_S):
        assert "BTCUSDT" in await client.symbols()
        assert (await anext(client.health())).status
        with pytest.raises(Forbidden):
            await client.add_rule("price", "BTCUSDT", ">", 1.0)
        with pytest.raises(Forbidden, match="write"):
            await anext(client.log())


async def test_one_that_may_write_makes_and_deletes_rules(api: Guarded) -> None:
    async with client_of(api, api.token("write")) as client, asyncio.timeout(PATIENCE_S):
        rule = await client.add_rule("price", "BTCUSDT", ">", 1.0)
        assert [each.id for each in await client.rules()] == [rule.id]
        await client.delete_rule(rule.id)
        assert await client.rules() == []
        with pytest.raises(Refused, match="404") as refused:
            await client.delete_rule(rule.id)
        assert refused.value.status == 404
        with pytest.raises(Refused, match="value"):
            await client.add_rule("price", "BTCUSDT", ">", float("nan"))


async def test_one_that_may_write_makes_rules_in_the_full_grammar(api: Guarded) -> None:
    async with client_of(api, api.token("write")) as client, asyncio.timeout(PATIENCE_S):
        made = await client.make_rule("BTCUSDT-ETHUSDT", "abs(zscore) > 2", every="5m")
        assert (made.of, made.when, made.every, made.state.phase) == ("BTCUSDT-ETHUSDT", "abs(zscore) > 2", "5m", "inactive")
        assert await client.all_rules() == [made] == [await client.find_rule(made.id)]
        await client.drop_rule(made.id)
        with pytest.raises(Refused, match="404"):
            await client.find_rule(made.id)


async def test_a_token_that_is_revoked_ends_the_stream(api: Guarded) -> None:
    async with client_of(api, api.token("read")) as client, asyncio.timeout(PATIENCE_S):
        stream = client.trades("BTCUSDT")
        following = asyncio.create_task(anext(stream))
        await until(lambda: client.is_connected)
        api.services.events.publish("ticks", fakes.ticks(1))
        await following
        api.revoke("read")
        with pytest.raises(Unauthorized, match="revoked"):
            await anext(stream)


async def test_the_log_tells_that_a_token_ends_soon(api: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "quantd.client")
    async with client_of(api, api.token("read", days=1)) as client, asyncio.timeout(PATIENCE_S):
        stream = client.trades("BTCUSDT")
        following = asyncio.create_task(anext(stream))
        await until(lambda: client.is_connected)
        api.clock.go_on(86_400.0 - 30.0)
        await until(lambda: "the token ends at" in caplog.text)
        api.clock.go_on(60.0)
        with pytest.raises(Unauthorized):
            await following
