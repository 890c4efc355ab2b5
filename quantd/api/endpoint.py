"""Makes the handler of a route: it admits the caller, reads query or body, and calls what answers."""

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from quantd.api.access.gate import GATE
from quantd.api.access.greeting import GREETING, Greeting, is_upgrade
from quantd.api.route import Frames, Route
from quantd.api.server.kept import KEPT
from quantd.api.server.params import body, query


async def _nothing(request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


NOWHERE = Route("GET", "an unknown path", _nothing, None, None, None, (404, 405), "read", "cheap")
"""What paths and methods without a route ask of their callers: who may not read does not learn which there are."""


def endpoint(route: Route) -> Handler:
    """Return the aiohttp handler of a route."""
    answered = route.handler
    is_socket = isinstance(route.answer, Frames)

    async def admitted(request: web.Request) -> web.StreamResponse:
        if is_socket:
            request[GREETING] = Greeting(request, route)
        if not is_socket or not is_upgrade(request):
            request.app[GATE].admit(request, route)
        if (request.content_length or 0) > route.largest:
            raise web.HTTPRequestEntityTooLarge(route.largest)
        if route.query:
            return await answered(request, _query(request, route.query))
        if route.body:
            return await answered(request, await body(request, route.body, route.largest))
        return await answered(request)

    return admitted


def _query(request: web.Request, cls: type[Struct]) -> Struct:
    """Return the query as a struct, which is made once for all requests with the same text."""
    return request.app[KEPT].reading((cls, request.rel_url.raw_query_string), None, lambda: query(request, cls))
