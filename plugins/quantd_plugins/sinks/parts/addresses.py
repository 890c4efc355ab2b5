"""The guard against requests to addresses inside: a webhook may reach the public internet only, unless its config allows more.

A name is looked up by the connection itself, and the very address that it is about to connect to is judged. A name whose address changes
between a check and the connection, or an unusual notation of an address, does not get past it.
"""

import ipaddress
import socket
from typing import Any

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses of this network stand for the IPv4 address in their last four bytes (RFC 6052)."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Inside(OSError):
    """Raised instead of a connection to an address that is not of the public internet."""


def is_public(host: str) -> bool:
    """Return whether an IP address is one of the public internet. An address that holds an IPv4 address is judged by that.

    >>> [is_public(host) for host in ("93.184.216.34", "169.254.169.254", "::ffff:10.0.0.1", "224.0.0.1", "100.64.0.1")]
    [True, False, False, False, False]
    """
    address = _embedded(ipaddress.ip_address(host.partition("%")[0]))
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for: mapped, 6to4, or translated."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """Return a socket for a connection to a public address; raises Inside for another. This is aiohttp's `socket_factory`."""
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise Inside(f"{address[0]} is not an address of the public internet: set `private: true` if it is meant")
    return socket.socket(family, kind, protocol)
