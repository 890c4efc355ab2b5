"""Watches the sockets that are open, each of which has the right to be so for as long as its caller has.

token ends in 30 s ──▶ `expiring` ──▶ another token? ──▶ `accepted`
                                       └ no, and it has ended ──▶ closed with 4401
token revoked ──▶ `revoked` ──▶ closed with 4401
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

from aiohttp import web
from msgspec import Struct

from quantd.api.access.caller import Caller
from quantd.api.access.gate import BadToken, Gate
from quantd.api.route import Route
from quantd.api.schema.topics import Auth
from quantd.api.server.errors import Failure
from quantd.times import iso

UNAUTHORIZED, FORBIDDEN, TOO_LATE = 4401, 4403, 4408
"""Codes with which a socket is closed: no valid token; a token without the scope; no token in time."""
_WARNED_MS = 30_000
_LOOK_EVERY_S = 0.5
_LONGEST_WHY = 123
_log = logging.getLogger("quantd.access")


class Socket(Protocol):
    """An open socket."""

    def tell(self, frame: Struct) -> None:
        """Send a frame."""
        ...

    async def close(self, code: int, why: str = "") -> None:
        """Close the socket, after which nothing is sent."""
        ...


class Visit:
    """A caller on a socket."""

    def __init__(self, gate: Gate, visits: "Visits", found: Caller, route: Route) -> None:
        self.caller = found
        self._gate = gate
        self._visits = visits
        self._route = route
        self._socket: Socket | None = None
        self._warned = False

    @contextmanager
    def of(self, socket: Socket) -> Iterator[None]:
        """Close the socket if its caller's right ends within the block."""
        self._socket = socket
        with self._visits.having(self):
            self.look()
            yield

    def look(self) -> None:
        """Warn the caller, or close its socket, if its token ends."""
        why, until = self._gate.ended(self.caller), self.caller.until
        if why:
            self.end(why)
        elif until is not None and until - self._gate.clock.now() <= _WARNED_MS and not self._warned:
            self._warned = True
            self._tell(Auth(state="expiring", until=iso(until)))

    def end(self, why: str) -> None:
        """Close the socket, since the caller's token has ended."""
        if why == "revoked":
            self._tell(Auth(state="revoked"))
        self._gate.refusals.note(self.caller.name or self.caller.address, "expired", f"its socket is closed: {why}")
        self._close(UNAUTHORIZED, f"The token is {why}" if self.caller.name else "A token is needed")

    def fail(self) -> None:
        """Close the socket, of which nothing else is sure to work."""
        self._close(UNAUTHORIZED, "The token cannot be checked")

    def renew(self, text: str) -> None:
        """Take another token in place of the caller's. A socket with one that is not valid is closed."""
        try:
            found = self._gate.known(text, self.caller.address) if self._gate.knows_tokens else self.caller
            self._gate.permit(found, self._route)
        except BadToken as error:
            self._gate.refuse(error)
            self._close(UNAUTHORIZED, f"The token is not valid: {error}")
        except Failure as error:
            self._close(code_of(error), error.detail)
        else:
            self.caller, self._warned = found, False
            self._tell(accepted(found))
            self.look()

    def _tell(self, frame: Struct) -> None:
        if self._socket:
            self._socket.tell(frame)

    def _close(self, code: int, why: str) -> None:
        if self._socket:
            self._visits.close(self._socket, code, why)
            self._socket = None


class Visits:
    """All of them."""

    def __init__(self) -> None:
        self._open: set[Visit] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def having(self, visit: Visit) -> Iterator[None]:
        """Watch a visit within the block."""
        self._open.add(visit)
        try:
            yield
        finally:
            self._open.discard(visit)

    def close(self, socket: Socket, code: int, why: str) -> None:
        """Close a socket, which takes as long as its client does to answer."""
        task = asyncio.create_task(socket.close(code, reason(why)))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def watch(self) -> None:
        """Look after the visits twice a second."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for visit in list(self._open):
                try:
                    visit.look()
                except Exception:
                    _log.exception("a socket cannot be looked after, and is closed")
                    visit.fail()


def accepted(found: Caller) -> Auth:
    """Return the frame for a caller whose token is accepted."""
    return Auth(state="accepted", until=None if found.until is None else iso(found.until))


def code_of(error: Failure) -> int:
    """Return the code that stands for a status of HTTP."""
    return 4000 + error.status


def reason(text: str) -> str:
    """Return a text that fits into a close frame.

    >>> len(reason("ö" * 100).encode())
    122
    """
    return text.encode()[:_LONGEST_WHY].decode(errors="ignore")


async def watched(app: web.Application) -> AsyncIterator[None]:
    """Watch the visits of an application while it runs."""
    task = asyncio.create_task(app[VISITS].watch())
    yield
    task.cancel()


VISITS = web.AppKey("visits", Visits)
