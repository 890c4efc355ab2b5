"""Opens WebSocket connections, and says in plain words why one cannot be opened."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from itertools import chain, zip_longest

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.uri import WebSocketURI, parse_uri

from quantd.errors import QuantdError
from quantd.net.channel import Channel
from quantd.net.cutter import LARGEST
from quantd.net.errors import ADVICE, cause
from quantd.net.handshake import Handshake, NotUpgraded

CONNECT_S = 10.0
ADDRESS_S = 3.0
"""For one of several addresses of a host, of which some may lead nowhere from here."""
SAMPLE = 80
PLACES = {
    200: "no streams are served there: check the address",
    404: "nothing is served there: check the address and `routes`",
}
NO_ADVICE = "the exchange is not well, or the address is wrong"
CHECK = "check the network and the address"


class Refused(QuantdError):
    """There is no connection; the text says why, and what to do."""


class Rejected(Refused):
    """A server has answered, and not opened a WebSocket."""

    def __init__(self, text: str, status: int, headers: Mapping[str, str]) -> None:
        """Names of headers are in lower case."""
        super().__init__(text)
        self.status = status
        self.headers = headers


async def dial(url: str, advice: Mapping[int, str] = ADVICE) -> Channel:
    """An open connection. It is led nowhere else, whatever the answer says. Raises Refused, and its kind Rejected, whose text says what
    `advice` has for the status of the answer."""
    try:
        async with asyncio.timeout(CONNECT_S):
            return await _open(parse_uri(url))
    except NotUpgraded as answer:
        raise _rejected(answer, {**PLACES, **advice}) from None
    except TimeoutError:
        raise Refused(f"no answer within {CONNECT_S:.0f} s: {CHECK}") from None
    except (WebSocketException, OSError, ValueError) as error:
        raise Refused(f"cannot connect: {cause(error)}: {CHECK}") from None


def _rejected(answer: NotUpgraded, advice: Mapping[int, str]) -> Rejected:
    status, headers = answer.status, answer.headers
    if 300 <= status < 400:
        target = headers.get("location", "")[:SAMPLE]
        return Rejected(f"refused with HTTP {status}, which leads to {target!r}: nobody is followed: check the address", status, headers)
    return Rejected(f"refused with HTTP {status}: {advice.get(status, NO_ADVICE)}", status, headers)


async def _open(uri: WebSocketURI) -> Channel:
    handshake = await _reach(uri)
    try:
        return await handshake.channel
    except BaseException:
        handshake.abort()
        raise


async def _reach(uri: WebSocketURI) -> Handshake:
    """Under way at the first of the host's addresses that can be reached."""
    *first, last = await _addresses(uri.host, uri.port)
    for address in first:
        with suppress(OSError):
            async with asyncio.timeout(ADDRESS_S):
                return await _reach_at(address, uri)
    return await _reach_at(last, uri)


async def _reach_at(address: str, uri: WebSocketURI) -> Handshake:
    context, name = (_verified(), uri.host) if uri.secure else (None, None)
    loop = asyncio.get_running_loop()
    _, handshake = await loop.create_connection(
        lambda: Handshake(ClientProtocol(uri, max_size=LARGEST)), address, uri.port, ssl=context, server_hostname=name
    )
    return handshake


async def _addresses(host: str, port: int) -> list[str]:
    """Those of the preferred family and of others in turn."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    preferred = [str(to[0]) for family, *_, to in found if family == found[0][0]]
    others = [str(to[0]) for family, *_, to in found if family != found[0][0]]
    return [address for address in chain(*zip_longest(preferred, others)) if address]


@cache
def _verified() -> ssl.SSLContext:
    """Certificates are verified; HTTP/1.1 is what WebSockets begin with."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
