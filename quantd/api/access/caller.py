"""The sender of a request, and what it may do."""

from functools import lru_cache
from ipaddress import IPv6Network
from typing import Literal

from aiohttp import web
from msgspec import Struct

from quantd.tokens import RIGHTS, Right

Scope = Literal["public", "read", "write", "admin"]
"""What a route asks of its caller. Anybody may use `public` routes, which tell nothing of the daemon's data."""
Rate = Literal["cheap", "analytics", "write", "admin"]
"""The class of a route for rate limits."""
Scopes = frozenset[Scope]
PUBLIC: Scopes = frozenset({"public"})
_NETWORK = 64
"""Bits of the part of an IPv6 address that a network assigns; whoever has one address of it has all of them."""


def scopes_of(right: Right) -> Scopes:
    """Return what a right includes.

    >>> sorted(scopes_of("write"))
    ['public', 'read', 'write']
    """
    return frozenset({"public", *RIGHTS[: RIGHTS.index(right) + 1]})


class Caller(Struct, frozen=True):
    """The sender of a request."""

    address: str
    """Address of the client. Behind a trusted proxy it is the one that the proxy tells."""
    scopes: Scopes
    name: str | None = None
    """Name of its token, or `jwt:` and the subject of its JWT; None without one."""
    until: int | None = None
    """When its token ends, ms; None if it does not."""
    token: str | None = None
    """Id of its API token; None without one."""
    signed_by: str | None = None
    """Mark of the key of its JWT; None without one."""
    is_direct: bool = False
    """Whether it is on this host, and its request has come through no proxy that can be told."""

    @property
    def key(self) -> str:
        """Who it is for what it holds: a token, wherever it is used, or else an address."""
        return f"ip:{self.address}" if self.name is None else f"token:{self.name}"

    @property
    def account(self) -> str:
        """Who it is for limits: the same, but that addresses of one network count as one."""
        return shared(self.key)


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


CALLER = web.RequestKey("caller", Caller)


def caller(request: web.Request) -> Caller:
    """Return who sent a request that has been admitted."""
    return request[CALLER]
