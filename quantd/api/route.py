"""A route is a row of the table in `table.py`, from which the router, the validation of requests, the authorisation, the rate limits,
the OpenAPI document and the test of docs/api.md are made.

Every field but the size of a body is required, so that a route without a scope or a class of rate cannot be written: the API does not
start.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from aiohttp import web
from msgspec import Struct

from quantd.api.access.caller import Rate, Scope

Handler: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
"""Takes the request, and, if the route has a query or a body, that as a struct."""


class Media(Struct, frozen=True):
    """An answer that is no struct in JSON, by its content type."""

    type: str


class Frames(Struct, frozen=True):
    """The answer of a route that becomes a WebSocket."""


ASSET = Media("text/*")
CSV = Media("text/csv")
NDJSON = Media("application/x-ndjson")
HTML = Media("text/html")
JSON = Media("application/json")
SVG = Media("image/svg+xml")
TEXT = Media("text/plain")


class Route(Struct, frozen=True):
    """A method of a path, and all that is to be known about it."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    query: type[Struct] | None
    body: type[Struct] | None
    answer: Any
    """Type of the JSON body of a success; `Media` for another one, a tuple if there is a choice, `Frames` for a socket."""
    errors: tuple[int, ...]
    """Statuses of its failures, besides those of `COMMON`."""
    scope: Scope
    rate: Rate
    largest: int = 16 * 1024
    """Largest number of bytes of a body, also of one that the route does not read."""


COMMON = (400, 401, 403, 413, 415, 421, 429, 503)
"""Statuses that any route may answer: a request that is not HTTP, the wrong token, origin or host, a body that is too large or encoded, too
many requests, a busy daemon."""
