"""Puts the API together."""

from aiohttp import web

from quantd.api import alerts, analytics, backtest, cors, data, export, health, leadlag, stream
from quantd.api.context import DESK, FANOUT, SETTINGS, Render
from quantd.api.errors import errors
from quantd.api.fanout import DEFAULT_LIMITS, Fanout, Limits
from quantd.api.ws import Sockets
from quantd.config.model import ApiSettings
from quantd.flow.desk import Desk

_LARGEST_BODY = 256 * 1024
_SOCKETS = web.AppKey("sockets", Sockets)


def make_app(desk: Desk, settings: ApiSettings, metrics: Render | None = None, limits: Limits = DEFAULT_LIMITS) -> web.Application:
    """The application, ready for a runner. `metrics` renders what `/metrics` answers; `limits` are those of the sockets."""
    app = web.Application(middlewares=[cors.preflight(settings.cors), cors.guard(settings.cors), errors], client_max_size=_LARGEST_BODY)
    fanout = Fanout(desk.hub, limits)
    app[DESK], app[SETTINGS], app[FANOUT], app[_SOCKETS] = desk, settings, fanout, Sockets(desk, fanout)
    for module in (health, data, stream, analytics, leadlag, backtest, alerts, export):
        app.add_routes(module.ROUTES)
    app.add_routes([web.get(path, app[_SOCKETS].serve) for path in ("/ws", "/stream/ws")])
    if metrics:
        app.add_routes([health.metrics(metrics)])
    app.on_response_prepare.append(cors.allow(settings.cors))
    app.on_shutdown.append(_close_sockets)
    return app


async def _close_sockets(app: web.Application) -> None:
    await app[_SOCKETS].close()
