"""Sessions of aiohttp for requests to one host, directly or through the proxy that the environment names for it."""

from typing import TYPE_CHECKING, Any

from quantd.net.proxies import proxy_for

if TYPE_CHECKING:
    from aiohttp import ClientSession


def http_session(url: str, **options: Any) -> "ClientSession":
    """A session for requests to the host of `url` alone, with aiohttp's options but `connector`. Raises ProxyFault where the environment
    names a proxy that cannot be used; requests raise ClientConnectionError where one fails, and what to do stands in its text."""
    import aiohttp

    proxy = proxy_for(url)
    return aiohttp.ClientSession(connector=proxy.connector() if proxy else None, **options)
