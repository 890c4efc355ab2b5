"""A control port to talk to, and clients that understand nothing of the data but ids."""

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


async def order(simulator: Simulator, kind: str, match: dict[str, Any] | None = None, **params: Any) -> None:
    """A fault that is over at once."""
    async with fault(simulator, kind, match, **params):
        pass


async def trades(ws: websockets.ClientConnection, n: int) -> list[dict[str, Any]]:
    return [json.loads(await ws.recv()) for _ in range(n)]


async def ids(ws: websockets.ClientConnection, n: int) -> list[int]:
    return [trade["a"] for trade in await trades(ws, n)]


async def until_clean(ws: websockets.ClientConnection, n: int = 20) -> None:
    """Returns when `n` frames in a row had consecutive ids."""
    run = [0]
    while len(run) < n:
        [identity] = await ids(ws, 1)
        run = [*run, identity] if identity == run[-1] + 1 else [identity]
