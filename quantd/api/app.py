"""Builds the application of the API."""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quantd.api.access.gate import GATE, Gate
from quantd.api.access.limits import tell
from quantd.api.access.tickets import TICKETS, Tickets
from quantd.api.access.visits import VISITS, Visits, watched
from quantd.api.context import (
    BUDGET,
    DEFAULT_PATIENCE,
    FANOUT,
    METRICS,
    OPENAPI,
    PATIENCE,
    SERVICES,
    SETTINGS,
    SOCKETS,
    TYPED,
    Patience,
    Render,
)
from quantd.api.endpoint import NOWHERE, endpoint
from quantd.api.openapi import encoded
from quantd.api.openapi.complete import demand_complete
from quantd.api.route import Route
from quantd.api.server import cors, hosts
from quantd.api.server.errors import errors
from quantd.api.server.kept import KEPT, Kept
from quantd.api.server.safety import secure
from quantd.api.table import ROUTES
from quantd.api.ws.fanout import DEFAULT_LIMITS, Fanout, Limits
from quantd.api.ws.legacy import Sockets
from quantd.api.ws.v1 import limits as v1
from quantd.api.ws.v1.sockets import TypedSockets
from quantd.config.model import ApiSettings
from quantd.pool import BUDGET_S
from quantd.services.bundle import Services

_LARGEST_BODY = max(route.largest for route in ROUTES)


def no_metrics() -> tuple[bytes, str]:
    """Return the metrics of an application that has none."""
    return b"", "text/plain"


def make_app(
    services: Services,
    settings: ApiSettings,
    metrics: Render = no_metrics,
    limits: Limits = DEFAULT_LIMITS,
    patience: Patience = DEFAULT_PATIENCE,
    budget: float = BUDGET_S,
    topic_limits: v1.TopicLimits = v1.DEFAULT_LIMITS,
    gate: Gate | None = None,
) -> web.Application:
    """Return the application, ready for a `Runner`. `metrics` renders the body of `/metrics`; `limits` and `topic_limits` are those of the
    sockets, by default as in the settings; `budget` is the number of seconds that a request may take; without a `gate` there are no
    tokens."""
    app = web.Application(middlewares=[errors, _gate(settings)], client_max_size=_LARGEST_BODY)
    app[PATIENCE], app[BUDGET] = patience, budget
    app[KEPT] = Kept()
    app[GATE] = gate = gate or Gate(settings)
    app[VISITS], app[TICKETS] = Visits(), Tickets(gate.clock)
    app.cleanup_ctx.append(watched)
    fanout = Fanout(services.events, limits)
    app[SERVICES], app[SETTINGS], app[FANOUT], app[SOCKETS] = services, settings, fanout, Sockets(services, fanout, app[GATE].limits)
    app[TYPED] = TypedSockets(services, topic_limits, gate.limits)
    app[METRICS] = metrics
    describe: Callable[[], bytes] = partial(encoded, demand_complete(ROUTES))
    app[OPENAPI] = describe
    app.add_routes([_definition(route) for route in ROUTES])
    app.on_response_prepare.extend([cors.allow(settings.cors), secure, tell])
    app.on_shutdown.append(_close_sockets)
    return app


def _definition(route: Route) -> web.RouteDef:
    return (web.get if route.method == "GET" else partial(web.route, route.method))(_pattern(route.path), endpoint(route))


def _pattern(path: str) -> str:
    """Return a path as aiohttp matches it: a parameter at its end stands for no word that another path has there, so that `/alerts/clear`
    is never taken for the rule of that id."""
    head, _, last = path.rpartition("/")
    words = sorted({word for other in ROUTES for front, _, word in [other.path.rpartition("/")] if front == head and "{" not in word})
    return f"{head}/{last[:-1]}:(?!(?:{'|'.join(words)})$)[^{{}}/]+}}" if words and last.startswith("{") else path


def _gate(settings: ApiSettings) -> Middleware:
    """Return the middleware that checks each request, in one piece, since a layer of middleware costs more than a check."""
    check_host, preflight, check_origin = hosts.guard(settings), cors.preflight(settings.cors), cors.guard(settings.cors)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request)
        if (response := preflight(request)) is not None:
            return response
        check_origin(request)
        if request.match_info.http_exception is not None:
            request.app[GATE].admit(request, NOWHERE)
        return await handler(request)

    return middleware


async def _close_sockets(app: web.Application) -> None:
    await asyncio.gather(app[SOCKETS].close(), app[TYPED].close())
