"""A control port to talk to, and clients that understand nothing of the data but ids."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import websockets

from tests.simulator.support import Simulator

BTC, ETH = "btcusdt@aggTrade", "ethusdt@aggTrade"


async def ask(simulator: Simulator, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body of a request to the control port."""
    async with aiohttp.ClientSession() as session, session.request(method, simulator.ctl + path, json=body) as response:
        return response.status, await response.json()


@asynccontextmanager
async def fault(simulator: Simulator, kind: str, match: dict[str, Any] | None = None, **params: Any) -> AsyncIterator[str]:
    """A fault that lasts as long as the block."""
    status, body = await ask(simulator, "POST", "/fault", {"kind": kind, "match": match or {}, "params": params})
    assert status == 200, body
    try:
        yield body["id"]
    finally:
        await ask(simulator, "DELETE", f"/fault/{body['id']}")


async def until_struck(simulator: Simulator, name: str) -> None:
    """Returns when the fault has met its first event."""
    while not any(row["id"] == name and row["struck"] for row in (await ask(simulator, "GET", "/faults"))[1]):
        pass


async def order(simulator: Simulator, kind: str, match: dict[str, Any] | None = None, **params: Any) -> None:
    """A fault that is over at once."""
    async with fault(simulator, kind, match, **params):
        pass


async def trades(ws: websockets.ClientConnection, n: int) -> list[dict[str, Any]]:
    return [json.loads(await ws.recv()) for _ in range(n)]


async def ids(ws: websockets.ClientConnection, n: int) -> list[int]:
    return [trade["a"] for trade in await trades(ws, n)]


@asynccontextmanager
async def tailed(ws: websockets.ClientConnection) -> AsyncIterator[list[int]]:
    """Ids as they come, the first one already there."""
    got = await ids(ws, 1)

    async def read() -> None:
        async for message in ws:
            got.append(json.loads(message)["a"])

    task = asyncio.create_task(read())
    yield got
    task.cancel()


async def until_behind(got: list[int], ahead: websockets.ClientConnection, n: int = 20) -> int:
    """Returns when `ahead` is `n` trades ahead of what has come; its id."""
    while (identity := (await ids(ahead, 1))[0]) < got[-1] + n:
        pass
    return identity


async def until_level(got: list[int], ahead: websockets.ClientConnection, identity: int) -> None:
    """Returns when trades from `identity` on have come."""
    while got[-1] < identity:
        await ids(ahead, 1)


async def until_clean(ws: websockets.ClientConnection, n: int = 20) -> None:
    """Returns when `n` frames in a row had consecutive ids."""
    run = [0]
    while len(run) < n:
        [identity] = await ids(ws, 1)
        run = [*run, identity] if identity == run[-1] + 1 else [identity]
