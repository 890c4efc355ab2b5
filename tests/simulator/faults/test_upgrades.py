"""Upgrades that fail or are slow, as a client sees them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import websockets

from tests.simulator.support import Simulator, call

from .support import BTC, ETH, fault, ids


async def test_a_shut_listener_refuses_and_spares_who_is_inside(faulty: Simulator) -> None:
    async with faulty.connect(f"/market/ws/{BTC}") as inside:
        async with fault(faulty, "refuse", mode="refused"):
            await until(ConnectionRefusedError, connected, faulty)
            await ids(inside, 10)
        await until(None, connected, faulty)


async def test_a_black_hole_does_not_answer(faulty: Simulator) -> None:
    host, port = faulty.ws.removeprefix("ws://").split(":")
    async with fault(faulty, "refuse", mode="blackhole"):
        await until(TimeoutError, asyncio.to_thread, knock, host, int(port))
    await until(None, connected, faulty)


async def test_accepted_and_closed(faulty: Simulator) -> None:
    async with fault(faulty, "refuse", mode="close"):
        with pytest.raises((websockets.InvalidMessage, ConnectionError)):
            await faulty.connect("/market/ws")


@pytest.mark.parametrize("status", [403, 429, 451, 502, 503])
async def test_a_status_instead_of_an_upgrade(faulty: Simulator, status: int) -> None:
    async with fault(faulty, "refuse", {"stream": BTC}, mode="status", status=status):
        with pytest.raises(websockets.InvalidStatus, match=str(status)):
            await faulty.connect(f"/market/ws/{BTC}")
        async with faulty.connect(f"/market/ws/{ETH}") as spared:
            await ids(spared, 1)


async def test_a_shut_rest_listener(faulty: Simulator) -> None:
    async with fault(faulty, "refuse", mode="refused", listener="rest"):
        await until(aiohttp.ClientConnectorError, asked, faulty)


async def test_a_slow_accept(faulty: Simulator) -> None:
    async with fault(faulty, "slow_accept", {"symbol": "BTCUSDT"}, delay_ms=60_000):
        slow = asyncio.ensure_future(faulty.connect(f"/market/ws/{BTC}").__aenter__())
        async with faulty.connect("/market/ws") as quick:
            await call(quick, "LIST_SUBSCRIPTIONS")
        assert not slow.done()
        slow.cancel()
    async with fault(faulty, "slow_accept", delay_ms=20):
        await connected(faulty)


async def until(error: type[Exception] | None, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    """Tries until it ends with this error, or well: whoever waits at a listener while it is shut or opened is cut off in other ways."""
    while True:
        try:
            await work(*arguments)
            ended = None
        except (OSError, websockets.InvalidMessage, aiohttp.ClientError) as problem:
            ended = problem
        if (ended is None) if error is None else isinstance(ended, error):
            return


def knock(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=0.1).close()


async def asked(simulator: Simulator) -> None:
    async with aiohttp.ClientSession(simulator.rest) as session, session.get("/fapi/v1/ping"):
        pass


async def connected(simulator: Simulator) -> None:
    async with simulator.connect("/market/ws"):
        pass
