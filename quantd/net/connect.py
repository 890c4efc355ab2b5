"""Opens WebSocket connections, and reports in plain words why one cannot be opened."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.uri import WebSocketURI, parse_uri

from quantd.errors import QuantdError
from quantd.net.errors import ADVICE, cause
from quantd.net.frames import LARGEST
from quantd.net.handshake import Handshake, NotUpgraded
from quantd.net.proxies import Proxy, ProxyFault, open_directly, proxy_for
from quantd.net.websocket import WebSocket

CONNECT_S = 10.0
SAMPLE = 80
PLACES = {
    200: "no streams are served there: check the address",
    404: "nothing is served there: check the address and `routes`",
}
NO_ADVICE = "the exchange is not well, or the address is wrong"
CHECK = "check the network and the address"


class Refused(QuantdError):
    """The connection could not be opened; the text says why, and what to do."""


class Rejected(Refused):
    """A server answered, but did not open a WebSocket."""

    def __init__(self, text: str, status: int, headers: Mapping[str, str]) -> None:
        """Create the error from the head of an answer, whose header names are in lower case."""
        super().__init__(text)
        self.status = status
        self.headers = headers


async def dial(url: str, advice: Mapping[int, str] = ADVICE) -> WebSocket:
    """Return an open connection, made through the proxy that the environment names for it, if any. Redirects are not followed. Raises
    Refused or its subclass Rejected, whose text contains the entry of `advice` for the status of the answer.
    """
    try:
        proxy = proxy_for(url)
    except ProxyFault as fault:
        raise Refused(f"cannot connect: {fault}") from None
    through = f" through {proxy}" if proxy else ""
    try:
        async with asyncio.timeout(CONNECT_S):
            return await _open(parse_uri(url), proxy)
    except NotUpgraded as answer:
        raise _rejected(answer, {**PLACES, **advice}) from None
    except ProxyFault as fault:
        raise Refused(f"cannot connect: {fault}") from None
    except TimeoutError:
        raise Refused(f"no answer{through} within {CONNECT_S:.0f} s: {CHECK}") from None
    except (WebSocketException, OSError, ValueError) as error:
        raise Refused(f"cannot connect{through}: {cause(error)}: {CHECK}") from None


def _rejected(answer: NotUpgraded, advice: Mapping[int, str]) -> Rejected:
    status, headers = answer.status, answer.headers
    if 300 <= status < 400:
        target = headers.get("location", "")[:SAMPLE]
        return Rejected(f"refused with HTTP {status}, which leads to {target!r}: nobody is followed: check the address", status, headers)
    return Rejected(f"refused with HTTP {status}: {advice.get(status, NO_ADVICE)}", status, headers)


async def _open(uri: WebSocketURI, proxy: Proxy | None) -> WebSocket:
    handshake = await _reach(uri, proxy)
    try:
        return await handshake.websocket
    except BaseException:
        handshake.abort()
        raise


async def _reach(uri: WebSocketURI, proxy: Proxy | None) -> Handshake:
    """Return a connect under way to the host, or to the first of its addresses that answers."""
    sock = await (proxy.open if proxy else open_directly)(uri.host, uri.port)
    context, name = (_verified(), uri.host) if uri.secure else (None, None)
    try:
        _, handshake = await asyncio.get_running_loop().create_connection(
            lambda: Handshake(ClientProtocol(uri, max_size=LARGEST)), sock=sock, ssl=context, server_hostname=name
        )
    except BaseException:
        sock.close()
        raise
    return handshake


@cache
def _verified() -> ssl.SSLContext:
    """Return a TLS context that verifies certificates and offers HTTP/1.1, with which WebSockets begin."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
