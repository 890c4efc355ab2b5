"""Sessions of aiohttp for requests to one host, directly or through the proxy that the environment names for it."""

from typing import TYPE_CHECKING, Any

from quantd.net.proxies import proxy_for

if TYPE_CHECKING:
    from aiohttp import ClientSession


def http_session(url: str, **options: Any) -> "ClientSession":
    """Return a session for requests to the host of `url` only, with aiohttp's options except `connector`. Raises ProxyFault if the
    environment names a proxy that cannot be used. A request that fails raises ClientConnectionError, whose text says what to do.
    """
    import aiohttp

    proxy = proxy_for(url)
    return aiohttp.ClientSession(connector=proxy.connector() if proxy else None, **options)
