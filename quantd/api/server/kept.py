"""Keeps the bodies of answers for as long as what they depend on stays the same, and sends them with an entity tag, so that a client that
has a body already gets 304 and none.

    request ──▶ question, version ── kept at this version? ──▶ body ──▶ its tag in `If-None-Match`? ──▶ 304, else 200
                                       └ no ──▶ compute, encode once, keep ─┘

A version is taken before its answer is computed. Whatever changes meanwhile has another version, which no later request shares.
"""

from collections.abc import Callable, Hashable
from hashlib import sha256
from typing import Any, TypeVar

from aiohttp import web
from msgspec import Struct

from quantd.api.context import asker, services
from quantd.api.schema.wire import encode
from quantd.api.server.paging import cut

MOST_BYTES = 32 * 1024 * 1024
"""Largest number of bytes of all bodies that are kept. The one that was sent longest ago is dropped first."""
_MOST_READINGS = 1_024
_MANY, _COST_S = 2_000, 1e-6
"""Number of rows from which on they are encoded in a thread, and the estimated seconds per row."""
T = TypeVar("T")


class Body(Struct, frozen=True):
    """The body of an answer; `tag` is its entity tag, which names these bytes. `place` is where the next part begins, if it was cut."""

    data: bytes
    tag: str
    place: str | None = None


class Kept:
    """Bodies by question, each at one version, and questions by the query that asks them."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._size = 0
        self._bodies: dict[Hashable, tuple[Hashable, Body]] = {}
        self._readings: dict[Hashable, tuple[Any, Any]] = {}

    @property
    def size(self) -> int:
        """Number of bytes of all bodies."""
        return self._size

    def find(self, question: Hashable, version: Hashable | None) -> Body | None:
        """Return the body of a question at a version; None if it is not kept, or the version not known."""
        known = self._bodies.get(question)
        if known is None or version is None or known[0] != version:
            return None
        self._bodies[question] = self._bodies.pop(question)
        return known[1]

    def keep(self, question: Hashable, version: Hashable | None, data: bytes, place: str | None = None) -> Body:
        """Keep a body, unless its version is not known, and return it with its tag."""
        body = Body(data, f'"{sha256(data).hexdigest()[:32]}"', place)
        if version is not None:
            self._drop(question)
            self._bodies[question] = version, body
            self._size += len(data)
            while self._size > self._most:
                self._drop(next(iter(self._bodies)))
        return body

    def _drop(self, question: Hashable) -> None:
        if known := self._bodies.pop(question, None):
            self._size -= len(known[1].data)

    def reading(self, query: Hashable, basis: Any, read: Callable[[], T]) -> T:
        """Return what `read` makes of a query. What it made of an equal query is returned again while `basis` stays the same."""
        known = self._readings.get(query)
        if known is None or known[0] != basis:
            known = basis, read()
            while len(self._readings) >= _MOST_READINGS:
                del self._readings[next(iter(self._readings))]
            self._readings[query] = known
        return known[1]


KEPT = web.AppKey("kept", Kept)
ONWARD: web.ResponseKey[str | None] = web.ResponseKey("onward", str)
Find = Callable[[], Body | None]
"""Returns a body if it is still good, without waiting for anything."""
FIND: web.ResponseKey[Find] = web.ResponseKey("find", Callable)  # type: ignore[arg-type]


async def encoded(
    request: web.Request, question: Hashable, version: Hashable | None, rows: int, tell: Callable[[], Any], place: str | None = None
) -> Body:
    """Encode the answer to a question with this many rows, unless an equal request has, and keep the body. `place` is where the next part
    begins, if the answer is cut."""
    kept = request.app[KEPT]
    if body := kept.find(question, version):
        return body
    if rows < _MANY:
        return kept.keep(question, version, encode(tell()), place)
    topic = None if version is None else ("body", question)
    data = await services(request).pool.aside(asker(request), _COST_S * rows, lambda: encode(tell()), topic=topic, state=version)
    return kept.find(question, version) or kept.keep(question, version, data, place)


def send(request: web.Request, body: Body, find: Find, link: str | None = None) -> web.Response:
    """Return the response with a body, or 304 to a client that has it. An equal request may get what `find` returns then. `link` leads to
    the next part, but for its place."""
    headers = {"ETag": body.tag, "Cache-Control": "no-cache"} | cut(link, body.place)
    known = request.headers.get("If-None-Match")
    if known is not None and names(known, body.tag):
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(body=body.data, headers=headers, content_type="application/json")
    response[FIND] = find
    response[ONWARD] = link
    return response


def names(known: str, tag: str) -> bool:
    """Return whether a value of `If-None-Match` names a tag.

    >>> names('"a", W/"b"', '"b"'), names("*", '"b"'), names('"bb"', '"b"')
    (True, True, False)
    """
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in known.split(","))
