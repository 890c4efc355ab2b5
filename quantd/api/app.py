"""Builds the application of the API."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quantd.api import alerts, analytics, backtest, cors, data, export, health, hosts, leadlag, stream
from quantd.api.context import BUDGET, DEFAULT_PATIENCE, FANOUT, PATIENCE, SERVICES, SETTINGS, Patience, Render
from quantd.api.errors import errors
from quantd.api.fanout import DEFAULT_LIMITS, Fanout, Limits
from quantd.api.kept import KEPT, Kept
from quantd.api.ws import Sockets
from quantd.config.model import ApiSettings
from quantd.pool import BUDGET_S
from quantd.services.bundle import Services

_LARGEST_BODY = 256 * 1024
_SOCKETS = web.AppKey("sockets", Sockets)


def make_app(
    services: Services,
    settings: ApiSettings,
    metrics: Render | None = None,
    limits: Limits = DEFAULT_LIMITS,
    patience: Patience = DEFAULT_PATIENCE,
    budget: float = BUDGET_S,
) -> web.Application:
    """Return the application, ready for a `Runner`. `metrics` renders the body of `/metrics`; `limits` are those of the sockets; `budget`
    is the number of seconds that a request may take."""
    app = web.Application(middlewares=[errors, _gate(settings)], client_max_size=_LARGEST_BODY)
    app[PATIENCE], app[BUDGET] = patience, budget
    app[KEPT] = Kept()
    fanout = Fanout(services.events, limits)
    app[SERVICES], app[SETTINGS], app[FANOUT], app[_SOCKETS] = services, settings, fanout, Sockets(services, fanout)
    for module in (health, data, stream, analytics, leadlag, backtest, alerts, export):
        app.add_routes(module.ROUTES)
    app.add_routes([web.get(path, app[_SOCKETS].serve) for path in ("/ws", "/stream/ws")])
    if metrics:
        app.add_routes([health.metrics(metrics)])
    app.on_response_prepare.append(cors.allow(settings.cors))
    app.on_shutdown.append(_close_sockets)
    return app


def _gate(settings: ApiSettings) -> Middleware:
    """Return the middleware that checks each request, in one piece, since a layer of middleware costs more than a check."""
    check_host, preflight, check_origin = hosts.guard(settings), cors.preflight(settings.cors), cors.guard(settings.cors)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request)
        if (response := preflight(request)) is not None:
            return response
        check_origin(request)
        return await handler(request)

    return middleware


async def _close_sockets(app: web.Application) -> None:
    await app[_SOCKETS].close()
