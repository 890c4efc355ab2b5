"""Lets pages of known origins read the answers."""

from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
MAX_AGE = "600"


def preflight(origins: Collection[str]) -> Middleware:
    """Answers the question that a browser asks before it sends a request to another origin."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        asks = "Origin" in request.headers and "Access-Control-Request-Method" in request.headers
        if request.method != "OPTIONS" or not asks:
            return await handler(request)
        if request.headers["Origin"] not in origins:
            return web.json_response({"detail": "Disallowed CORS origin"}, status=400)
        headers = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Max-Age": MAX_AGE}
        if asked := request.headers.get("Access-Control-Request-Headers"):
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(text="OK", headers=headers)

    return middleware


def guard(origins: Collection[str]) -> Middleware:
    """Refuses what changes something, and sockets, from pages of other origins: any page can reach the loopback interface."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        changes = request.method not in ("GET", "HEAD", "OPTIONS") or "upgrade" in request.headers.get("Connection", "").lower()
        if origin and changes and origin not in origins and urlsplit(origin).netloc != request.host:
            return web.json_response({"detail": f"Origin {origin} is not allowed: add it to api.cors"}, status=403)
        return await handler(request)

    return middleware


def allow(origins: Collection[str]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Marks every response, errors too, for the origin that asked."""

    async def mark(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin and origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"

    return mark
