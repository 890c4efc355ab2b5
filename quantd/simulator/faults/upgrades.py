"""Faults of connecting: connections that fail, or are accepted late."""

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta

from quantd.simulator.faults.fault import FaultRun, HttpFault, World
from quantd.simulator.faults.spec import Natural


class Refuse(HttpFault, frozen=True, kw_only=True):
    """Refuses all connections: they are `refused`, left in a `blackhole`, accepted and then `close`d, or answered with a `status`.

    `refused` and `blackhole` shut the whole listener, `ws` or `rest`, and take no notice of the match.
    """

    mode: Literal["refused", "blackhole", "close", "status"]
    status: Annotated[int, Meta(ge=400, le=599)] = 503
    listener: Literal["ws", "rest"] = "ws"

    def begin(self, run: FaultRun, world: World) -> None:
        if self._shuts:
            world.prompt.append(world.spawn(world.listeners[self.listener].shut(run.id, silent=self.mode == "blackhole")))

    def end(self, run: FaultRun, world: World) -> None:
        if self._shuts:
            world.prompt.append(world.spawn(world.listeners[self.listener].reopen(run.id)))

    def at(self, listener: str) -> bool:
        return listener == self.listener and not self._shuts

    async def serve(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        if self.mode == "close" and request.transport is not None:
            request.transport.close()
        return web.Response(status=self.status, text="")

    @property
    def _shuts(self) -> bool:
        return self.mode in ("refused", "blackhole")


class SlowAccept(HttpFault, frozen=True, kw_only=True):
    """Answers the upgrade after `delay_ms`."""

    delay_ms: Natural = 5_000

    def at(self, listener: str) -> bool:
        return listener == "ws"

    async def serve(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.delay_ms / 1000)
        return await handler(request)
