"""Limits the number of requests of a caller.

A `Meter` is the generic cell rate algorithm (GCRA): of each caller it knows one number, the time at which the caller's bucket is full.

    room = span - (full - now)      span: seconds in which an empty bucket fills
    a request moves `full` by 1 / rate seconds; it is refused, and moves nothing, if no room would be left

    full - now:   0 ········ span        "cheap";q=200;w=4      (`RateLimit-Policy`)
    tokens left:  burst ······· 0        "cheap";r=150;t=1      (`RateLimit`)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil

from aiohttp import web
from msgspec import Struct

from quantd.api.access.caller import Caller, Rate, shared
from quantd.api.access.places import Places
from quantd.api.access.proxies import is_local
from quantd.api.server.errors import Failure
from quantd.clock import Clock, SystemClock
from quantd.config.limits import LimitSettings, Quota, Quotas

_LATER_S = 60.0
_MOST_CALLERS = 50_000
_ROUNDING = 1e-9


class TooMany(Failure):
    """The caller has asked too often. It may ask again after some seconds."""

    def __init__(self, detail: str, again: float) -> None:
        super().__init__(429, detail, {"Retry-After": str(max(1, ceil(again)))})


class Meter:
    """A quota, and the callers that have used some of it. The callers that were seen least recently are forgotten, when there are many."""

    __slots__ = ("_clock", "_full", "_interval", "_most", "_older", "_quota", "_span", "name", "policy", "refused")

    def __init__(self, name: str, quota: Quota, clock: Clock, most: int = _MOST_CALLERS) -> None:
        self.name = name
        self.refused = 0
        """Number of requests that were refused."""
        self._quota = quota
        self._clock = clock
        self._most = most
        self._interval = 1 / quota.rate
        self._span = quota.burst * self._interval
        self._full: dict[str, float] = {}
        self._older: dict[str, float] = {}
        self.policy = f'"{name}";q={quota.burst};w={max(1, ceil(self._span))}'
        """Value of `RateLimit-Policy`."""

    @property
    def callers(self) -> int:
        """Number of callers that are known."""
        return len(self._full) + len(self._older)

    def take(self, key: str) -> float:
        """Count a request of a caller, and return the room that is left, in seconds. If there was none it is negative: the request is
        refused and not counted."""
        now = self._clock.monotonic()
        full = self._full.get(key)
        if full is None:
            full = self._older.pop(key, now)
        full = (full if full > now else now) + self._interval
        room = now + self._span - full
        if room < -_ROUNDING:
            return room
        self._full[key] = full
        if len(self._full) >= self._most:
            self._full, self._older = {}, self._full
        return room

    def lacks(self, key: str) -> float:
        """Return the seconds after which a caller may send a request; 0 if it may now. This counts nothing."""
        now = self._clock.monotonic()
        full = self._full.get(key, self._older.get(key, now))
        return max(0.0, full + self._interval - self._span - now - _ROUNDING)

    def left(self, room: float) -> str:
        """Return the value of `RateLimit`: the requests that may follow at once, and when all of the quota is there again; if none may
        follow, when one may."""
        more = int((room + _ROUNDING) * self._quota.rate)
        if more > 0:
            return f'"{self.name}";r={more};t={ceil(self._span - room)}'
        return f'"{self.name}";r=0;t={max(1, ceil(-room if room < 0 else self._interval - room))}'

    def refusal(self, room: float) -> TooMany:
        """Count a request that found no room, and return its error."""
        self.refused += 1
        quota = f"{self._quota.rate:g} a second and {self._quota.burst} at once"
        return TooMany(f"Too many requests: {self.name} has {quota}", -room)


class Standing(Struct, frozen=True):
    """A standing is what is left of a quota after a request."""

    meter: Meter
    key: str
    room: float

    def again(self) -> "Standing":
        """Count another request of the same caller and class."""
        return Standing(self.meter, self.key, self.meter.take(self.key))

    def headers(self) -> dict[str, str]:
        """Return the header lines that tell it, as in draft-ietf-httpapi-ratelimit-headers-11."""
        return {"RateLimit-Policy": self.meter.policy, "RateLimit": self.meter.left(self.room)}

    def lines(self) -> bytes:
        """Return the same as bytes."""
        return f"RateLimit-Policy: {self.meter.policy}\r\nRateLimit: {self.meter.left(self.room)}\r\n".encode()


STANDING = web.RequestKey("standing", Standing)
"""The standing of the caller, in requests of limited callers."""
_PLACE = web.RequestKey("place", str)


class CallerLimits:
    """The quotas of callers, and their places."""

    def __init__(self, settings: LimitSettings, clock: Clock | None = None) -> None:
        self.clock = clock = clock or SystemClock()
        self.settings = settings
        self.sockets = Places(settings.sockets)
        self.connections = Places(settings.address_connections)
        self._others = _meters(settings, clock)
        self._loopback = {} if settings.loopback is None else _meters(settings.loopback, clock)
        self._logins = Meter("logins", settings.logins, clock)

    def key(self, caller: Caller) -> str | None:
        """Return the key under which a caller is counted; None for one that is not limited."""
        return None if self.settings.loopback is None and _is_local(caller) else caller.account

    def key_of(self, address: str) -> str | None:
        """Return the key under which the connections of an address are counted; None if they are not limited."""
        return None if self.settings.loopback is None and is_local(address) else shared(f"ip:{address}")

    def counts(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Yield the number of requests, connections and sockets that were refused, by limit."""
        meters = [*self._others.values(), self._logins, *self._loopback.values()]
        for name in dict.fromkeys(meter.name for meter in meters):
            yield (name,), sum(meter.refused for meter in meters if meter.name == name)
        yield ("address_connections",), self.connections.refused
        yield ("sockets",), self.sockets.refused

    def take(self, caller: Caller, rate: Rate) -> Standing | None:
        """Count a request of a caller; None if it has no quota. The request must be refused if `room` is negative."""
        meters = self._loopback if _is_local(caller) else self._others
        meter = meters.get(rate)
        if meter is None:
            return None
        key = caller.account
        return Standing(meter, key, meter.take(key))

    def admit(self, request: web.Request, caller: Caller, rate: Rate) -> None:
        """Count a request, and note what is left in it. Raises TooMany."""
        standing = self.take(caller, rate)
        if standing is not None:
            request[STANDING] = standing
            if standing.room < 0:
                raise standing.meter.refusal(standing.room)

    def admit_socket(self, request: web.Request, caller: Caller, rate: Rate) -> None:
        """Count a request that becomes a socket, and take a place for that. Raises TooMany."""
        self.admit(request, caller, rate)
        key = self.key(caller)
        if not self.sockets.take(key):
            raise TooMany(f"Too many sockets: you have {self.sockets.most} already", _LATER_S)
        if key is not None:
            request[_PLACE] = key

    @contextmanager
    def socket_of(self, request: web.Request) -> Iterator[None]:
        """Give back the place of a socket after the block."""
        try:
            yield
        finally:
            self.sockets.leave(request.get(_PLACE))

    def admit_login(self, address: str) -> None:
        """Raise TooMany if too many authentications from an address have failed. Call this before a token is verified."""
        if again := self._logins.lacks(shared(f"ip:{address}")):
            self._logins.refused += 1
            raise TooMany("Too many failed authentications", again)

    def login_failed(self, address: str) -> None:
        """Count a failed authentication."""
        self._logins.take(shared(f"ip:{address}"))


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Tell a limited caller what is left of its quota: a signal handler."""
    if standing := request.get(STANDING):
        response.headers.update(standing.headers())


def _is_local(caller: Caller) -> bool:
    """Return whether the limits of loopback are those of a caller."""
    return caller.name is None and caller.is_direct


def _meters(quotas: Quotas, clock: Clock) -> Mapping[str, Meter]:
    return {name: Meter(name, getattr(quotas, name), clock) for name in Quotas.__struct_fields__}
