"""Selects the proxy for a host from the environment, and connects through it.

HTTPS_PROXY applies to https and wss, HTTP_PROXY to http and ws, and ALL_PROXY to both if the specific variable is not set; the names
may be in lower case. The value is http://host:port for a proxy that supports CONNECT, or socks5://host:port, each with name:password@
before the host if the proxy requires them. NO_PROXY names hosts, including their subdomains, that are connected directly. This host
itself is never reached through a proxy. A proxy resolves host names itself.
"""

import asyncio
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from aiohappyeyeballs import start_connection
from msgspec import Struct

from quantd.errors import QuantdError
from quantd.net.errors import cause, shown

if TYPE_CHECKING:
    from aiohttp import BaseConnector

NEXT_ADDRESS_S = 0.25
"""Seconds after which the next address of a host is tried, too; the first that answers is used (RFC 8305)."""
PORTS = {"http": 80, "socks5": 1080}
AUTHENTICATION = 407


class ProxyFault(QuantdError):
    """A proxy cannot be used; the text names the proxy and its variable, and says what to do."""


async def open_directly(host: str, port: int) -> socket.socket:
    """Return a socket connected to the first address of the host that answers. Raises OSError."""
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, interleave=1)


class Direct:
    """Opens the connection to the proxy itself, with the interface that python-socks requires."""

    async def connect(self, dest_host: str, dest_port: int, **_: object) -> socket.socket:
        """Return a connected socket."""
        return await open_directly(dest_host, dest_port)


class Proxy(Struct, frozen=True):
    """A proxy, and the environment variable that names it."""

    url: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {shown(self.url)} ({self.variable})"

    async def open(self, host: str, port: int) -> socket.socket:
        """Return a socket connected to that host. Raises ProxyFault."""
        from python_socks import ProxyError
        from python_socks.async_.asyncio import Proxy as Asked

        try:
            forward: Any = Direct()
            return await Asked.from_url(self.url, rdns=True, forward=forward).connect(host, port)
        except (ProxyError, OSError) as error:
            raise self.fault(error, f"{host}:{port}") from None

    def connector(self) -> "BaseConnector":
        """Return a connector for an aiohttp client. If the proxy fails, requests raise ClientConnectionError with the text of a
        ProxyFault.
        """
        from quantd.net.proxied import ProxiedConnector

        return ProxiedConnector(self)

    def fault(self, error: BaseException, target: str) -> ProxyFault:
        """Return the error for a failed connection to `target`, with advice."""
        code, said = getattr(error, "error_code", None), str(error)
        if isinstance(error, OSError):
            return ProxyFault(f"{self} cannot be reached: {cause(error)}: check {self.variable}, and that the proxy runs")
        if code == AUTHENTICATION or "uthentication" in said:
            return ProxyFault(f"{self} {self._wants_login()} ({said})")
        if code is None:
            return ProxyFault(f"{self} does not answer as such a proxy does ({said or 'it hung up'}): check {self.variable}")
        return ProxyFault(f"{self} refuses to connect to {target} ({said}): have the proxy allow it, or name the host in NO_PROXY")

    def _wants_login(self) -> str:
        parts = urlsplit(self.url)
        if parts.username is not None:
            return f"does not accept the name and password that stand in {self.variable}: correct them"
        return f"wants a name and password: write {parts.scheme}://name:password@{parts.hostname}:{parts.port} into {self.variable}"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for requests to an address (http, https, ws, wss); None for a direct connection. Raises ProxyFault if the value of
    the variable is invalid.
    """
    parts, named = urlsplit(url), getproxies_environment()
    scheme = "https" if parts.scheme in ("https", "wss") else "http"
    kind = next((kind for kind in (scheme, "all") if named.get(kind)), None)
    if kind is None or not parts.hostname or _is_this_host(parts.hostname) or _is_excepted(parts, named):
        return None
    return _parsed(named[kind], f"{kind.upper()}_PROXY")


def _parsed(text: str, variable: str) -> Proxy:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url.replace("socks5h://", "socks5://", 1))
        usual = PORTS[parts.scheme]
        port = parts.port or usual
        assert parts.hostname
    except (ValueError, KeyError, AssertionError):
        raise ProxyFault(f"{variable}: {shown(url)!r} is no proxy that can be used: write http://host:port or socks5://host:port") from None
    return Proxy(f"{parts.scheme}://{_login(parts)}{_bracketed(parts.hostname)}:{port}", variable)


def _login(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    return f"{parts.username}:{parts.password or ''}@"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_excepted(parts: SplitResult, named: dict[str, str]) -> bool:
    """Return whether NO_PROXY names the host, with or without the port."""
    where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return bool(proxy_bypass_environment(where, named))


def _is_this_host(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
