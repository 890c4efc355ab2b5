"""Answers a request whose bytes are known, without reading it again.

A client that polls sends the same bytes each time. What the first of them was answered holds for all: the host, the origin and the query
are the same. So once an answer that is kept (`kept.py`) has been sent, an equal request costs a look-up by its bytes, one look whether the
answer is still good, and a write. If it is not, the request goes the long way, which finds a new answer.

The bytes hold the caller's token, but not its address, so they are known of each peer apart; and the gate is asked whether it would still
admit the caller, whose token may have ended.
"""

import re
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import web
from msgspec import Struct

from quantd.api.access.gate import Gate
from quantd.api.access.limits import STANDING, Standing
from quantd.api.server import paging
from quantd.api.server.kept import FIND, ONWARD, Body, names
from quantd.clock import Clock, SystemClock

_MOST, _LONGEST = 4_096, 4_096
"""Largest number of requests that are known, and of bytes of each."""
_OF_BODY = ("ETag", "Content-Length", "Content-Type", "Date", "RateLimit-Policy", "RateLimit", *paging.HEADERS)
_BEYOND_HEAD = re.compile(rb"\n(?:content-length|transfer-encoding|expect|upgrade)", re.IGNORECASE)
"""Headers of requests that do not end with their head."""


class Reply(Struct, frozen=True):
    """How to answer a request again: `admits` tells whether its caller may send it, `find` returns the body if it is still good, `standing`
    counts it if the caller is limited, `known` is the request's `If-None-Match`, `link` leads to the part
    that follows one that was cut, and `lines` are the header lines of every answer to it."""

    admits: Callable[[], bool]
    find: Callable[[], Body | None]
    standing: Standing | None
    known: str | None
    link: str | None
    lines: bytes


class Shortcut:
    """The known requests. The one that was learned longest ago is forgotten first."""

    def __init__(self, gate: Gate, clock: Clock | None = None) -> None:
        self.answered = 0
        """Number of requests that took the shortcut."""
        self._gate = gate
        self._clock = clock or SystemClock()
        self._replies: dict[tuple[str, bytes], Reply] = {}
        self._second = 0
        self._date = b""

    def learn(self, peer: str, data: bytes, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Take note of a request, the bytes `data` of the address `peer`, that has been answered, if its answer is one that is kept."""
        find = response.get(FIND)
        if find is None or request.version != (1, 1) or request.method != "GET" or len(data) > _LONGEST:
            return
        lines = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items() if name not in _OF_BODY)
        self._replies.pop((peer, data), None)
        while len(self._replies) >= _MOST:
            del self._replies[next(iter(self._replies))]
        admits, known = self._gate.again(request), request.headers.get("If-None-Match")
        self._replies[peer, data] = Reply(admits, find, request.get(STANDING), known, response.get(ONWARD), lines.encode())

    def answer(self, peer: str, data: bytes) -> tuple[bytes, bytes] | None:
        """Return head and body of the answer to the request with these bytes; None if it is not known, its caller not admitted now or has
        used up its quota, or the answer no longer good."""
        reply = self._replies.get((peer, data))
        body = reply.find() if reply and reply.admits() else None
        if reply is None or body is None:
            return None
        lines = reply.lines + paging.lines(reply.link, body.place)
        if reply.standing is not None:
            standing = reply.standing.again()
            if standing.room < 0:
                return None
            lines += standing.lines()
        self.answered += 1
        fixed = b"ETag: %b\r\nDate: %b\r\n%b\r\n" % (body.tag.encode(), self._now(), lines)
        if reply.known is not None and names(reply.known, body.tag):
            return b"HTTP/1.1 304 Not Modified\r\n" + fixed, b""
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b" % (len(body.data), fixed), body.data

    def _now(self) -> bytes:
        second = self._clock.now() // 1000
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date


def is_whole(data: bytes) -> bool:
    """Return whether these bytes are one request and nothing else: a head that ends with them, and no body.

    >>> [is_whole(f"GET / HTTP/1.1{end}".encode()) for end in ("\\r\\n\\r\\n", "\\r\\n", "\\r\\n\\r\\nGET", "\\n\\n\\r\\n\\r\\n")]
    [True, False, False, False]
    """
    if not data.startswith(b"GET ") or data.find(b"\r\n\r\n") != len(data) - 4 or data.count(b"\n") != data.count(b"\r\n"):
        return False
    return not _BEYOND_HEAD.search(data)
