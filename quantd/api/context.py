"""The objects that handlers find in their application."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from msgspec import Struct

from quantd.api.access.caller import caller
from quantd.api.ws.fanout import Fanout
from quantd.api.ws.legacy import Sockets
from quantd.api.ws.v1.sockets import TypedSockets
from quantd.config.model import ApiSettings
from quantd.pool import Asker
from quantd.services.bundle import Services

Render = Callable[[], tuple[bytes, str]]
"""A function that renders the metrics: the body and its content type."""


class Patience(Struct, frozen=True):
    """Number of seconds for which the server waits for a client."""

    idle: float = 75.0
    """Timeout for the head of a request, counted from the connection or from the previous answer. Proxies keep connections for 60 s."""
    body: float = 30.0
    """Timeout for the end of a request's body."""
    linger: float = 5.0
    """Timeout for the rest of a body on which no answer depends."""
    write: float = 120.0
    """Timeout while the client reads nothing of an answer. A slow reader may take as long as it needs."""


DEFAULT_PATIENCE = Patience()
SERVICES = web.AppKey("services", Services)
SETTINGS = web.AppKey("settings", ApiSettings)
FANOUT = web.AppKey("fanout", Fanout)
SOCKETS = web.AppKey("sockets", Sockets)
TYPED = web.AppKey("typed", TypedSockets)
METRICS: web.AppKey[Render] = web.AppKey("metrics", Callable)  # type: ignore[arg-type]
OPENAPI: web.AppKey[Callable[[], bytes]] = web.AppKey("openapi", Callable)  # type: ignore[arg-type]
PATIENCE = web.AppKey("patience", Patience)
BUDGET = web.AppKey("budget", float)
_MANY = 500
_COST_S = 1e-5
"""Estimated seconds per point of an answer."""


def services(request: web.Request) -> Services:
    """Return the services that answer this request."""
    return request.app[SERVICES]


async def respond(request: web.Request, points: int, tell: Callable[[], web.Response]) -> web.Response:
    """Make the response for this many points, in a thread if that takes more than some milliseconds."""
    if points < _MANY:
        return tell()
    return await services(request).pool.aside(asker(request), _COST_S * points, tell)


def asker(request: web.Request) -> Asker:
    """Return who asks, and the time until which an answer is useful. Call this before the first await."""
    return Asker(caller(request).account, asyncio.get_running_loop().time() + request.app[BUDGET])
