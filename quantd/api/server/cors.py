"""Lets pages of known origins read the answers (CORS)."""

import re
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from aiohttp import web

from quantd.api.server.errors import Failure

METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
MAX_AGE = "600"
EXPOSED = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Truncated"
"""Headers of answers that scripts of these pages may read."""
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]*")


def preflight(origins: Collection[str]) -> Callable[[web.Request], web.Response | None]:
    """Return a function that answers the preflight request that a browser sends before a request to another origin; None to any other."""

    def answered(request: web.Request) -> web.Response | None:
        asks = "Origin" in request.headers and "Access-Control-Request-Method" in request.headers
        if request.method != "OPTIONS" or not asks:
            return None
        if request.headers["Origin"] not in origins:
            raise Failure(400, "Disallowed CORS origin")
        headers = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Max-Age": MAX_AGE}
        if asked := request.headers.get("Access-Control-Request-Headers"):
            headers["Access-Control-Allow-Headers"] = _names(asked)
        return web.Response(text="OK", headers=headers)

    return answered


def _names(asked: str) -> str:
    """Return the header names that a page asks for, without any that are invalid and must not be sent back."""
    if not _NAMES.fullmatch(asked):
        raise Failure(400, "Access-Control-Request-Headers does not name headers")
    return asked


def guard(origins: Collection[str]) -> Callable[[web.Request], None]:
    """Return a function that raises Failure for modifying requests, and sockets, from pages of other origins, because any page can reach
    the loopback interface."""

    def check(request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if not origin or origin in origins:
            return
        changes = request.method not in ("GET", "HEAD", "OPTIONS") or "upgrade" in request.headers.get("Connection", "").lower()
        own = _host(origin) == request.headers.get("Host")
        if changes and not own:
            raise Failure(403, f"Origin {origin} is not allowed: add it to api.cors")

    return check


def _host(origin: str) -> str:
    """Return host and port of an origin; an empty text for `null`. Raises Failure if it is not an address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        raise Failure(400, "Origin is not an origin, like http://localhost:8080") from None


def allow(origins: Collection[str]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal handler that adds the CORS headers to every response, including errors."""

    async def mark(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin and origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = EXPOSED

    return mark
