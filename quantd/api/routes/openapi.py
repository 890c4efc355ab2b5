"""The route that describes all routes."""

import asyncio

from aiohttp import web

from quantd.api.context import OPENAPI
from quantd.api.server.kept import KEPT, Body, send


async def described(request: web.Request) -> web.Response:
    """Describe every route of the API as an OpenAPI 3.1 document."""
    kept = request.app[KEPT]

    def find() -> Body | None:
        return kept.find("openapi", "")

    body = find() or kept.keep("openapi", "", await asyncio.to_thread(request.app[OPENAPI]))
    return send(request, body, find)
