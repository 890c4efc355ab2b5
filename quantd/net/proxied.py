"""aiohttp requests through a proxy; imported only if there is one."""

from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionError
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError
from python_socks import parse_proxy_url

from quantd.net.errors import cause

if TYPE_CHECKING:
    from aiohttp import ClientRequest
    from aiohttp.connector import Connection

    from quantd.net.proxies import Proxy


class ProxiedConnector(ProxyConnector):
    """Connects through a proxy, and reports its faults with advice."""

    def __init__(self, proxy: "Proxy") -> None:
        """Create the connector; the proxy resolves host names."""
        kind, host, port, name, password = parse_proxy_url(proxy.url)
        super().__init__(host, port, kind, name, password, rdns=True)
        self._through = proxy

    async def connect(self, req: "ClientRequest", *args: Any, **options: Any) -> "Connection":
        try:
            return await super().connect(req, *args, **options)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            fault = self._through.fault(error.__cause__ or error, f"{req.url.host}:{req.url.port}")
            raise ClientConnectionError(str(fault)) from None
        except OSError as error:  # the error concerns the connection that the proxy made, or the proxy itself
            raise ClientConnectionError(f"{cause(error)}, through {self._through}") from None
