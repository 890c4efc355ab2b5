"""Of a host with several addresses the first that answers is taken, though others lead nowhere."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestServer

from quantd.net import Refused, dial, http_session, proxies
from tests.unit.net.far_end import PATIENCE_S, listening

LIVE, DEAD = "127.0.0.1", "127.0.0.2"
VENUE = "venue.test"


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of VENUE, in the order in which the resolver tells them."""
    told, resolve = list[str](), asyncio.BaseEventLoop.getaddrinfo

    async def getaddrinfo(loop: asyncio.BaseEventLoop, host: str, port: int, **options: Any) -> Any:
        names = told if host == VENUE else [host]
        return [found for name in names for found in await resolve(loop, name, port, **options)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return told


@pytest.fixture
def hole(unused_tcp_port: int) -> Iterator[int]:
    """A port of DEAD at which nothing ever answers: the kernel drops what comes, for nobody accepts what has come before."""
    with socket.socket() as listener:
        listener.bind((DEAD, unused_tcp_port))
        listener.listen(0)
        queued = [socket.socket() for _ in range(4)]
        for each in queued:
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect((DEAD, unused_tcp_port))
        with closing(socket.socket()) as probe:
            probe.settimeout(0.2)
            with pytest.raises(TimeoutError):
                probe.connect((DEAD, unused_tcp_port))
        yield unused_tcp_port
        for each in queued:
            each.close()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "all_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("order", [(DEAD, LIVE), (LIVE, DEAD), (DEAD, DEAD, LIVE)])
async def test_a_stream_reaches_the_one_that_lives(addresses: list[str], hole: int, order: tuple[str, ...]) -> None:
    addresses[:] = order
    async with listening(port=hole) as end:
        dialled = asyncio.create_task(dial(end.url(VENUE)))
        await (await end.far()).upgrade()
        (await dialled).close()


@pytest.mark.parametrize("order", [(DEAD, LIVE), (LIVE, DEAD)])
async def test_a_request_reaches_the_one_that_lives(addresses: list[str], hole: int, order: tuple[str, ...]) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    addresses[:] = order
    app = web.Application()
    app.router.add_get("/", hello)
    url = f"http://{VENUE}:{hole}/"
    async with TestServer(app, host=LIVE, port=hole), http_session(url, timeout=ClientTimeout(PATIENCE_S)) as session:
        assert await (await session.get(url)).text() == "hello"


async def test_what_refuses_is_passed_over_at_once(addresses: list[str], unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "NEXT_ADDRESS_S", PATIENCE_S)
    addresses[:] = [DEAD, LIVE]
    async with listening(port=unused_tcp_port) as end:
        dialled = asyncio.create_task(dial(end.url(VENUE)))
        await (await end.far()).upgrade()
        (await dialled).close()


async def test_where_none_lives_that_is_told(addresses: list[str], unused_tcp_port: int) -> None:
    addresses[:] = [DEAD, LIVE]
    with pytest.raises(Refused, match="cannot connect: connection refused: check the network"):
        await dial(f"ws://{VENUE}:{unused_tcp_port}/")
