"""Routes that become WebSockets."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from quantd.api.access.caller import caller
from quantd.api.access.gate import GATE
from quantd.api.context import SOCKETS, TYPED
from quantd.api.ws.pace import TOO_MANY

_GOODBYE_S = 2.0


async def legacy(request: web.Request) -> web.StreamResponse:
    """Serve the frames of the frontend: trades, tickers, alerts."""
    return await _placed(request, request.app[SOCKETS].serve)


async def typed(request: web.Request) -> web.StreamResponse:
    """Serve the typed topics."""
    return await _placed(request, request.app[TYPED].serve)


async def _placed(request: web.Request, serve: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Serve a socket if its caller has a place for one more; otherwise close it with a code, which a browser shows to its page."""
    limits = request.app[GATE].limits
    key = limits.key(caller(request))
    if not limits.sockets.take(key):
        return await _refused(request)
    try:
        return await serve(request)
    finally:
        limits.sockets.leave(key)


async def _refused(request: web.Request) -> web.StreamResponse:
    response = web.WebSocketResponse(compress=False, timeout=_GOODBYE_S)
    await response.prepare(request)
    await response.close(code=TOO_MANY, message=b"too many sockets of one caller", drain=False)
    return response
