"""All sockets of `/api/v1/ws`."""

import asyncio
from importlib.metadata import version

from aiohttp import WSCloseCode, WSMsgType, web

from quantd.api.access.caller import Caller
from quantd.api.access.greeting import GREETING
from quantd.api.access.limits import CallerLimits
from quantd.api.schema import topics as frames
from quantd.api.schema.wire import encode
from quantd.api.ws.pace import Pace
from quantd.api.ws.v1.board import Board
from quantd.api.ws.v1.limits import TopicLimits
from quantd.api.ws.v1.socket import GOODBYE_S, Socket
from quantd.services.bundle import Services
from quantd.times import iso

_HEARTBEAT_S = 30.0
"""Seconds between the server's pings; a socket that does not answer within half of that is closed."""
_PROMISED_S = 60
"""Time for which a topic's frames are kept as a rule: at the most frequent flush, it makes fewer than `TopicLimits.frames` in it."""


class TypedSockets:
    """The sockets and their board."""

    def __init__(self, services: Services, limits: TopicLimits, of_callers: CallerLimits) -> None:
        self.board = Board(services, limits)
        self._services = services
        self._of_callers = of_callers
        self._version = version("quantd")
        self._open: set[Socket] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Handle `/api/v1/ws`."""
        greeting = request[GREETING]
        response = web.WebSocketResponse(
            protocols=greeting.protocols,
            compress=False,
            heartbeat=_HEARTBEAT_S,
            timeout=GOODBYE_S,
            max_msg_size=self.board.limits.message_bytes,
            autoclose=False,
        )
        await response.prepare(request)
        if request.transport is not None and (visit := await greeting.welcome(response)):
            await response.send_frame(encode(self._hello(visit.caller)), WSMsgType.TEXT)
            pace = Pace(self._of_callers, visit.caller)
            socket = Socket(self._services, self.board, visit, response, request.transport, pace)
            self._open.add(socket)
            try:
                await socket.run()
            finally:
                self._open.discard(socket)
        return response

    async def close(self) -> None:
        """Close the sockets of all clients, and end the topics."""
        await asyncio.gather(*(socket.close(WSCloseCode.GOING_AWAY, "quantd stops") for socket in list(self._open)))
        self.board.close()

    def _hello(self, who: Caller) -> frames.Hello:
        limits = self.board.limits
        return frames.Hello(
            version=frames.VERSION,
            quantd=self._version,
            epoch=self.board.epoch,
            ts=iso(self._services.status.now()),
            limits=frames.Limits(self._of_callers.settings.subscriptions, limits.message_bytes, limits.frames, _PROMISED_S),
            caller=who.name,
            scopes=sorted(who.scopes - {"public"}),
        )
