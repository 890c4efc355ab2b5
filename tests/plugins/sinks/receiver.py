"""A local server that receives what sinks post, and answers as a test wants."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct


class Received(Struct):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Receiver(Struct):
    """The server: `answers` are given in turn, the last for ever."""

    url: str
    answers: list[web.Response | Exception]
    requests: list[Received]


@asynccontextmanager
async def receiver(*answers: web.Response | Exception) -> AsyncIterator[Receiver]:
    """Run a server on a free port of this host. An exception among the answers cuts the connection after the request was read."""
    made = Receiver("", list(answers) or [web.Response(status=204)], [])

    async def answer(request: web.Request) -> web.Response:
        made.requests.append(Received(request.path, dict(request.headers), await request.read()))
        now = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
        if isinstance(now, Exception):
            assert request.transport is not None
            request.transport.abort()
            raise now
        return web.Response(status=now.status, headers=now.headers, body=now.body)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{_port(runner.addresses)}"
    try:
        yield made
    finally:
        await runner.cleanup()


def _port(addresses: Sequence[Any]) -> int:
    return int(addresses[0][1])
