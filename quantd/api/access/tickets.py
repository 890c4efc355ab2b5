"""Tickets: what a browser puts into the address of a socket in place of a token, since logs and histories keep addresses."""

import secrets
from collections.abc import Callable
from hashlib import sha256

from aiohttp import web
from msgspec import Struct

from quantd.api.access.caller import Caller
from quantd.clock import Clock

LIFE_S = 30
_MOST, _MOST_EACH = 10_000, 100


class _Ticket(Struct, frozen=True):
    caller: Caller
    account: str
    until: float
    """Until when it is good (s, monotonic)."""


class Tickets:
    """The tickets that have not been used, each good for one socket within half a minute."""

    def __init__(self, clock: Clock, make: Callable[[], str] = secrets.token_urlsafe) -> None:
        self._clock = clock
        self._make = make
        self._open: dict[bytes, _Ticket] = {}

    def issue(self, caller: Caller) -> str:
        """Return a ticket that stands for a caller. Of many, the caller's oldest are forgotten, or the oldest of all."""
        self._drop_old()
        account = caller.account
        own = [key for key, ticket in self._open.items() if ticket.account == account]
        crowd, most = (own, _MOST_EACH) if len(own) >= _MOST_EACH else (list(self._open), _MOST)
        for key in crowd[: max(0, len(crowd) + 1 - most)]:
            del self._open[key]
        text = self._make()
        self._open[_key(text)] = _Ticket(caller, account, self._clock.monotonic() + LIFE_S)
        return text

    def redeem(self, text: str) -> Caller | None:
        """Return who a ticket stands for, and forget it; None if it is not known or too old."""
        self._drop_old()
        found = self._open.pop(_key(text), None)
        return found.caller if found else None

    def _drop_old(self) -> None:
        now = self._clock.monotonic()
        while self._open and (first := next(iter(self._open))) and self._open[first].until <= now:
            del self._open[first]


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


TICKETS = web.AppKey("tickets", Tickets)
