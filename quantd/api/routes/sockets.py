"""Routes that become WebSockets."""

from aiohttp import web

from quantd.api.access.gate import GATE
from quantd.api.context import SOCKETS, TYPED


async def legacy(request: web.Request) -> web.StreamResponse:
    """Serve the frames of the frontend: trades, tickers, alerts."""
    with request.app[GATE].limits.socket_of(request):
        return await request.app[SOCKETS].serve(request)


async def typed(request: web.Request) -> web.StreamResponse:
    """Serve the typed topics."""
    with request.app[GATE].limits.socket_of(request):
        return await request.app[TYPED].serve(request)
