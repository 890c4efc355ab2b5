"""Rejects requests for host names that are not the API's own.

A page can make its own name resolve to the loopback interface after it was loaded (DNS rebinding). The browser then takes this API for the
page's server, and neither CORS nor `Origin` protects the answers. `Host` still holds the page's name. An IP address in `Host` is safe: a
page has it as its origin only if it was loaded from that address.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from aiohttp import web

from quantd.api.server.errors import Failure
from quantd.config.addresses import is_ip, is_name
from quantd.config.model import ApiSettings

_FORM = re.compile(r"(?a)(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:@/]+))(?::[0-9]{0,5})?")


def guard(settings: ApiSettings) -> Callable[[web.Request], None]:
    """Return a function that raises Failure for requests for other hosts (421), including sockets, and for requests without exactly one
    valid host (400)."""
    known = _known(settings)

    @lru_cache(maxsize=256)
    def is_served(text: str) -> bool:
        host = host_of(text)
        return host is not None and (host in known or is_ip(host))

    def check(request: web.Request) -> None:
        for text in _named(request):
            if is_served(text):
                continue
            host = host_of(text)
            if host is None:
                raise Failure(400, "Host is not host or host:port")
            raise Failure(421, f"Host {host} is not served here: if it is this daemon's, add it to api.hosts")

    return check


def _known(settings: ApiSettings) -> frozenset[str]:
    listen, _, _ = settings.listen.rpartition(":")
    return frozenset(text.lower().strip("[]").removesuffix(".") for text in ("localhost", listen, *settings.hosts))


def _named(request: web.Request) -> list[str]:
    """Return the hosts that a request names, as sent: in `Host`, and in its target if that is an absolute URL."""
    named = request.headers.getall("Host", [])
    if len(named) > 1 or (not named and request.version >= (1, 1)):
        raise Failure(400, "Host is missing" if not named else "Host stands there twice")
    target = request.raw_path
    if not target.startswith(("/", "*")):
        named.append(target.partition("://")[2].partition("/")[0].partition("?")[0] if "://" in target else target)
    return named


def host_of(text: str) -> str | None:
    """Return the name or address of `host` or `host:port`, in lower case; None if it is neither.

    >>> host_of("LocalHost.:8000"), host_of("[::1]:8000"), host_of("127.0.0.1"), host_of("a b")
    ('localhost', '::1', '127.0.0.1', None)
    """
    match = _FORM.fullmatch(text)
    if not match:
        return None
    host = (match[1] or match[2]).lower().removesuffix(".")
    return host if is_ip(host) or (is_name(host) and not match[1]) else None
