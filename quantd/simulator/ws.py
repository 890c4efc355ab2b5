"""The WebSocket gateway: routes, upgrade, and the delivery of a stream's payloads to its receivers."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

from aiohttp import WSCloseCode, web

from quantd.simulator.clock import Clock
from quantd.simulator.connection import Connection, Rules, Upgrade
from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.fault import FrameFault
from quantd.simulator.faults.middleware import fault_middleware
from quantd.simulator.frames import combined, text_frames
from quantd.simulator.protocol import RefusedError, Session
from quantd.simulator.query import RestError
from quantd.simulator.rate_limits import RateLimits
from quantd.simulator.scenario import Limits
from quantd.simulator.streams import CATEGORIES

CLOSE_TIMEOUT_S = 2.0
_NUMBER = re.compile(r"\d+")  # ccxt puts the number of its connection there and subscribes by messages
BAD_PATH = '{"code":-1,"msg":"Illegal format ws or stream"}'


class Gateway:
    """All open connections. `answers` counts the answers to upgrades, by path and status."""

    def __init__(self, limits: Limits, clock: Clock, faults: ActiveFaults | None = None, rate_limits: RateLimits | None = None) -> None:
        self.connections: dict[Connection, None] = {}
        self.answers: Counter[tuple[str, int]] = Counter()
        self._faults = faults or ActiveFaults()
        self._rate_limits = rate_limits or RateLimits(limits, clock)
        self._rules = Rules(limits, clock, self._faults, self._rate_limits)
        self._opened = 0

    def app(self) -> web.Application:
        app = web.Application(middlewares=[fault_middleware(self._faults, "ws")])
        for prefix in ("", f"/{{route:{'|'.join(CATEGORIES)}}}"):
            app.router.add_get(f"{prefix}/ws", self._raw)
            app.router.add_get(f"{prefix}/ws/{{streams:.*}}", self._raw)
            app.router.add_get(f"{prefix}/stream", self._combined)
        app.on_response_prepare.append(self._count)
        app.on_shutdown.append(self._leave)
        return app

    def wanted(self, stream: str) -> bool:
        """Return whether any connection receives this stream now."""
        return any(connection.gets(stream) for connection in self.connections)

    def received(self) -> list[str]:
        """Return the streams that have a receiver now, in the order of subscription."""
        return list(dict.fromkeys(name for connection in self.connections for name in connection.session.streams if connection.gets(name)))

    def publish(self, stream: str, payloads: Sequence[bytes]) -> None:
        """Send payloads to every receiver. Each form, raw or combined, is encoded once."""
        encoded: dict[bool, bytes] = {}
        listeners = [each for each in self.connections if each.gets(stream)]
        if self._faults.of(FrameFault):
            for connection in listeners:
                connection.send_data(self._faults.treat(connection, stream, payloads))
            return
        for connection in listeners:
            form = connection.session.combined
            if form not in encoded:
                encoded[form] = text_frames(combined(stream, payloads) if form else payloads)
            connection.send_data(encoded[form])

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.match_info.get("streams", ""), as_combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.query.get("streams", ""), as_combined=True)

    async def _serve(self, request: web.Request, names: str, *, as_combined: bool) -> web.StreamResponse:
        try:
            self._rate_limits.admit(request.remote or "")
        except RestError as refusal:
            return refusal.response()
        ws = web.WebSocketResponse(timeout=CLOSE_TIMEOUT_S, autoping=False, compress=False)
        await ws.prepare(request)
        session = Session(combined=as_combined, max_streams=self._rules.limits.max_streams)
        connection = self._connection(request, ws, session)
        try:
            session.subscribe([name for name in names.split("/") if name and not _NUMBER.fullmatch(name)])
        except RefusedError:
            await connection.close(WSCloseCode.POLICY_VIOLATION, BAD_PATH)
            return ws
        self.connections[connection] = None
        try:
            await connection.serve()
        finally:
            del self.connections[connection]
        return ws

    async def _count(self, request: web.Request, response: web.StreamResponse) -> None:
        self.answers[request.path, response.status] += 1

    def _connection(self, request: web.Request, ws: web.WebSocketResponse, session: Session) -> Connection:
        assert request.transport is not None
        self._opened += 1
        upgrade = Upgrade(self._opened, request.path, request.match_info.get("route"), request.remote or "")
        return Connection(ws, request.transport, session, upgrade, self._rules)

    async def _leave(self, _: web.Application) -> None:
        await asyncio.gather(*(connection.close(WSCloseCode.GOING_AWAY) for connection in self.connections))
