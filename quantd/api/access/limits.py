"""Limits the number of requests of a caller.

A `Meter` is the generic cell rate algorithm (GCRA): of each caller it knows one number, the time at which the caller's bucket is full.

    room = span - (full - now)      span: seconds in which an empty bucket fills
    a request moves `full` by 1 / rate seconds; it is refused, and moves nothing, if no room would be left

    full - now:   0 ········ span        "cheap";q=200;w=4      (`RateLimit-Policy`)
    tokens left:  burst ······· 0        "cheap";r=150;t=1      (`RateLimit`)
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Network
from math import ceil

from aiohttp import web
from msgspec import Struct

from quantd.api.access.caller import Caller, Rate
from quantd.api.access.places import Places
from quantd.api.access.proxies import is_local
from quantd.api.server.errors import Failure
from quantd.clock import Clock, SystemClock
from quantd.config.limits import LimitSettings, Quota, Quotas

_MOST_CALLERS = 50_000
_ROUNDING = 1e-9
_NETWORK = 64
"""Bits of the part of an IPv6 address that a network assigns; whoever has one address of it has all of them."""


class TooMany(Failure):
    """The caller has asked too often. It may ask again after some seconds."""

    def __init__(self, detail: str, again: float) -> None:
        super().__init__(429, detail, {"Retry-After": str(max(1, ceil(again)))})


class Meter:
    """A quota, and the callers that have used some of it. The callers that were seen least recently are forgotten, when there are many."""

    __slots__ = ("_clock", "_full", "_interval", "_most", "_name", "_older", "_quota", "_span", "policy")

    def __init__(self, name: str, quota: Quota, clock: Clock, most: int = _MOST_CALLERS) -> None:
        self._name = name
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
            return f'"{self._name}";r={more};t={ceil(self._span - room)}'
        return f'"{self._name}";r=0;t={max(1, ceil(-room if room < 0 else self._interval - room))}'

    def refusal(self, room: float) -> TooMany:
        """Return the error for a request that found no room."""
        quota = f"{self._quota.rate:g} a second and {self._quota.burst} at once"
        return TooMany(f"Too many requests: {self._name} has {quota}", -room)


class Standing(Struct, frozen=True):
    """What is left of a quota after a request."""

    meter: Meter
    room: float

    def headers(self) -> dict[str, str]:
        """Return the header lines that tell it, as in draft-ietf-httpapi-ratelimit-headers-11."""
        return {"RateLimit-Policy": self.meter.policy, "RateLimit": self.meter.left(self.room)}


STANDING = web.RequestKey("standing", Standing)
"""The standing of the caller, in requests of limited callers."""


class CallerLimits:
    """The quotas of callers, and their places."""

    def __init__(self, settings: LimitSettings, clock: Clock | None = None) -> None:
        self.clock = clock = clock or SystemClock()
        self.settings = settings
        self.sockets = Places(settings.sockets)
        self._others = _meters(settings, clock)
        self._loopback = {} if settings.loopback is None else _meters(settings.loopback, clock)
        self._logins = Meter("logins", settings.logins, clock)

    def key(self, caller: Caller) -> str | None:
        """Return the key under which a caller is counted; None for one that is not limited."""
        free = caller.name is None and self.settings.loopback is None and is_local(caller.address)
        return None if free else shared(caller.key)

    def take(self, caller: Caller, rate: Rate) -> Standing | None:
        """Count a request of a caller; None if it has no quota. The request must be refused if `room` is negative."""
        meters = self._loopback if caller.name is None and is_local(caller.address) else self._others
        meter = meters.get(rate)
        return None if meter is None else Standing(meter, meter.take(shared(caller.key)))

    def admit(self, request: web.Request, caller: Caller, rate: Rate) -> None:
        """Count a request, and note what is left in it. Raises TooMany."""
        standing = self.take(caller, rate)
        if standing is not None:
            request[STANDING] = standing
            if standing.room < 0:
                raise standing.meter.refusal(standing.room)

    def admit_login(self, address: str) -> None:
        """Raise TooMany if too many authentications from an address have failed. Call this before a token is verified."""
        if again := self._logins.lacks(shared(f"ip:{address}")):
            raise TooMany("Too many failed authentications", again)

    def login_failed(self, address: str) -> None:
        """Count a failed authentication."""
        self._logins.take(shared(f"ip:{address}"))


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Tell a limited caller what is left of its quota: a signal handler."""
    if standing := request.get(STANDING):
        response.headers.update(standing.headers())


def _meters(quotas: Quotas, clock: Clock) -> Mapping[str, Meter]:
    return {name: Meter(name, getattr(quotas, name), clock) for name in Quotas.__struct_fields__}


@lru_cache(maxsize=4096)
def shared(key: str) -> str:
    """Return the key under which a caller is counted: addresses of one IPv6 network count as one.

    >>> shared("ip:2001:db8::1") == shared("ip:2001:db8::2"), shared("ip:192.0.2.1"), shared("token:ip")
    (True, 'ip:192.0.2.1', 'token:ip')
    """
    kind, _, text = key.partition(":")
    if kind != "ip" or ":" not in text:
        return key
    try:
        return f"ip:{IPv6Network((text.partition('%')[0], _NETWORK), strict=False)}"
    except ValueError:
        return key
