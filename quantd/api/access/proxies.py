"""Finds the address of the client of a request, which is not its peer's behind a proxy.

A proxy appends the address of its own peer to what it was told. So of the addresses that stand there, those of trusted proxies at the end
are true, and so is the one before them; whatever stands further left is what somebody claims.

    X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2      peer 10.0.0.1; trusted 10.0.0.0/8
                     claimed  the client   a trusted proxy

The headers give no right: a request that has any of them is never taken for one of this host.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

_Address = IPv4Address | IPv6Address
_MOST_HOPS = 32
_OF_PROXIES = ("x-forwarded", "forwarded", "x-real-ip", "via")
_FORWARDED = re.compile(r'([;,]|^)\s*(?:([^=;,\s]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"\s]*))?\s*')
_PORT = re.compile(r"(?:\[([^\]]+)\]|([^:]+))(?::\w+)?")


class Proxies:
    """The proxies that are trusted."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks: Sequence[IPv4Network | IPv6Network] = [ip_network(each) for each in trusted]

    def client(self, request: web.BaseRequest) -> str:
        """Return the address of the client of a request; an empty text if the peer has gone."""
        peer = request.remote or ""
        if not self._networks or not self.trusts(peer):
            return peer
        told = request.headers.getall("X-Forwarded-For", []), request.headers.getall("Forwarded", [])
        found = {self._last(peer, read(",".join(lines))) for read, lines in zip((_listed, _forwarded), told, strict=True) if lines}
        return found.pop() if len(found) == 1 else peer  # a proxy writes one of the headers: if both differ, one is a client's

    def _last(self, peer: str, hops: list[str]) -> str:
        """Return the last address that no trusted proxy has, or the first of those that are known."""
        client = peer
        for hop in reversed(hops[-_MOST_HOPS:]):
            found = _address(hop)
            if found is None:
                break
            client = str(found)
            if not self.trusts(client):
                break
        return client

    def trusts(self, address: str) -> bool:
        """Return whether an address is that of a trusted proxy."""
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)


def is_forwarded(request: web.BaseRequest) -> bool:
    """Return whether a request says that it comes through a proxy."""
    return any(name[0] in "XxFfVv" and name.lower().startswith(_OF_PROXIES) for name in request.headers)


@lru_cache(maxsize=256)
def is_local(address: str) -> bool:
    """Return whether an address is of this machine's loopback interface.

    >>> is_local("127.0.0.1"), is_local("::ffff:127.0.0.1"), is_local("10.0.0.1"), is_local("")
    (True, True, False, False)
    """
    found = _address(address)
    return found is not None and found.is_loopback


def _address(text: str) -> _Address | None:
    """Return the address in a text, which may have a port; None if it is none."""
    match = _PORT.fullmatch(text)
    try:
        found = ip_address((match[1] or match[2]) if match else text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _listed(text: str) -> list[str]:
    """Return the addresses of `X-Forwarded-For`."""
    return [each.strip() for each in text.split(",")]


def _forwarded(text: str) -> list[str]:
    """Return the addresses of `Forwarded` (RFC 7239), one for each proxy; an empty text for one that tells none, or is not valid.

    >>> _forwarded('for=192.0.2.1;proto=http, for="[2001:db8::1]:80", by=10.0.0.1')
    ['192.0.2.1', '[2001:db8::1]:80', '']
    """
    hops, at = [""], 0
    while at < len(text):
        match = _FORWARDED.match(text, at)
        if match is None or match.end() == at:
            return [""]
        at = match.end()
        if match[1] == ",":
            hops.append("")
        if (match[2] or "").lower() == "for":
            hops[-1] = match[3].strip('"')
    return hops
