"""Limits and their punishment; each client comes from an address of its own, so that nobody else is banned."""

import json
from typing import Any

import aiohttp
import pytest
import websockets

from quantd.simulator.query import RestError
from quantd.simulator.rate_limits import MINUTE_MS, RateLimits
from quantd.simulator.scenario import Limits

from .support import EPOCH, ManualClock, Simulator

START = EPOCH // MINUTE_MS * MINUTE_MS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 15_500)


def refusal(rate_limits: RateLimits, weight: int = 1, client: str = "a") -> tuple[int, int | None] | None:
    """Status and Retry-After of a request that is refused."""
    try:
        rate_limits.charge(client, weight)
    except RestError as error:
        return error.status, error.retry_after
    return None


def test_the_weight_is_refused_until_the_minute_ends(clock: ManualClock) -> None:
    rate_limits = RateLimits(Limits(weight_per_minute=100), clock)
    assert refusal(rate_limits, 100) is None
    assert refusal(rate_limits) == (429, 45)
    assert refusal(rate_limits, client="b") is None
    assert rate_limits.used("a") == 101
    clock.now = START + MINUTE_MS
    assert (rate_limits.used("a"), refusal(rate_limits)) == (0, None)
    assert rate_limits.charged == {"a": 102, "b": 1}
    assert [(each.client, each.limit) for each in rate_limits.violations] == [("a", "weight")]


def test_who_goes_on_is_banned_and_each_ban_doubles(clock: ManualClock) -> None:
    rate_limits = RateLimits(Limits(weight_per_minute=1, refusals_to_ban=3, ban_most_s=500), clock)
    for seconds in (120, 240, 480, 500):
        assert refusal(rate_limits) is None
        assert [refusal(rate_limits) for _ in range(3)] == [(429, 45), (429, 45), (418, seconds)]
        clock.now += seconds * 1000 - 1
        assert refusal(rate_limits) == (418, 1)
        clock.now = (clock.now // MINUTE_MS + 1) * MINUTE_MS + 15_500
    assert [each.detail for each in rate_limits.violations if each.limit == "ban"] == [f"for {n} s" for n in (120, 240, 480, 500)]


def test_connections_count_within_five_minutes(clock: ManualClock) -> None:
    rate_limits = RateLimits(Limits(connections_per_5min=2), clock)
    rate_limits.admit("a")
    clock.now += 200_000
    rate_limits.admit("a")
    with pytest.raises(RestError, match="Too many connections"):
        rate_limits.admit("a")
    rate_limits.admit("b")
    clock.now += 300_000
    rate_limits.admit("a")


def test_five_closes_in_ten_minutes_are_a_ban(clock: ManualClock) -> None:
    rate_limits = RateLimits(Limits(), clock)
    for _ in range(4):
        rate_limits.talked_too_much("a")
        clock.now += 1_000
    rate_limits.check_ban("a")
    rate_limits.talked_too_much("a")
    with pytest.raises(RestError, match="banned until"):
        rate_limits.admit("a")


async def test_the_weight_over_http(strict: Simulator) -> None:
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(strict.rest, connector=connector) as session:
        answers = [await trades(session)]
        while answers[-1][0] != 418:
            answers.append(await trades(session))
    assert {status for status, _, _ in answers} == {200, 429, 418}
    limited, banned = answers[-2:]
    assert int(limited[1]["X-MBX-USED-WEIGHT-1M"]) > 2400
    assert 1 <= int(limited[1]["Retry-After"]) <= 60
    assert 100 <= int(banned[1]["Retry-After"]) <= 120
    assert (limited[2]["code"], banned[2]["code"]) == (-1003, -1003)
    with pytest.raises(websockets.InvalidStatus, match="418"):
        await websockets.connect(f"{strict.ws}/market/ws", local_addr=("127.0.0.2", 0))
    async with strict.connect("/market/ws"):
        pass
    assert {"weight", "ban"} == {each["limit"] for each in await violations(strict, "127.0.0.2")}


async def trades(session: aiohttp.ClientSession) -> tuple[int, Any, Any]:
    async with session.get("/fapi/v1/aggTrades", params={"symbol": "BTCUSDT", "limit": 1}) as response:
        return response.status, response.headers, await response.json()


async def test_too_many_messages_and_streams_are_noted(strict: Simulator) -> None:
    async with websockets.connect(f"{strict.ws}/market/ws", local_addr=("127.0.0.3", 0)) as ws:
        names = [f"s{i}usdt@aggTrade" for i in range(4)]
        await ws.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
        for i in range(11):
            await ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": i}))
        await ws.wait_closed()
    assert {"streams", "messages"} == {each["limit"] for each in await violations(strict, "127.0.0.3")}


async def violations(simulator: Simulator, client: str) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{simulator.ctl}/violations") as response:
        return [each for each in await response.json() if each["client"] == client]


async def test_the_barrier_and_the_state(demo: Simulator) -> None:
    async with demo.connect("/market/ws/btcusdt@aggTrade") as ws, aiohttp.ClientSession(demo.ctl) as session:
        await ws.recv()
        async with session.post("/barrier") as response:
            assert (await response.json())["connections"] >= 1
        async with session.get("/state") as response:
            state = await response.json()
    assert state["now"] > state["epoch"]
    assert state["connections"] >= 1
    assert state["symbols"]["BTCUSDT"]["next_id"] - 1 in demo.rows("BTCUSDT")
