"""What handlers find in their application."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from msgspec import Struct

from quantd.api.fanout import Fanout
from quantd.config.model import ApiSettings
from quantd.pool import Asker
from quantd.services.bundle import Services

Render = Callable[[], tuple[bytes, str]]
"""Renders the metrics: the body and its content type."""


class Patience(Struct, frozen=True):
    """For how many seconds a client is waited for."""

    idle: float = 75.0
    """For a request, from the connection or the answer before to the end of its head. Proxies that keep connections do so for 60."""
    body: float = 30.0
    """For the body of a request, to its end."""
    linger: float = 5.0
    """For the rest of a body that no answer depends on."""
    write: float = 120.0
    """While it takes nothing of an answer. Who reads on, however slowly, may read as long as it takes."""


DEFAULT_PATIENCE = Patience()
SERVICES = web.AppKey("services", Services)
SETTINGS = web.AppKey("settings", ApiSettings)
FANOUT = web.AppKey("fanout", Fanout)
PATIENCE = web.AppKey("patience", Patience)
BUDGET = web.AppKey("budget", float)
_MANY = 500
_TOLD_S = 1e-5
"""Estimate: of a point."""


def services(request: web.Request) -> Services:
    """The services that answer this request."""
    return request.app[SERVICES]


async def told(request: web.Request, points: int, tell: Callable[[], web.Response]) -> web.Response:
    """The response that tells of so many points: made in a thread where that takes more than some milliseconds."""
    if points < _MANY:
        return tell()
    return await services(request).pool.aside(asker(request), _TOLD_S * points, tell)


def asker(request: web.Request) -> Asker:
    """Who asks, and until when an answer is of use; to be called before anything is waited for."""
    return Asker(request.remote or "", asyncio.get_running_loop().time() + request.app[BUDGET])
