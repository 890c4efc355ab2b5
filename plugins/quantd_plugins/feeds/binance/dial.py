"""Opens WebSocket connections, and says in plain words why one cannot be opened."""

import asyncio
import socket
import ssl
from contextlib import suppress
from functools import cache
from itertools import chain, zip_longest

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.uri import WebSocketURI, parse_uri

import quantd
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.cause import ADVICE, cause, shown
from quantd_plugins.feeds.binance.channel import Channel
from quantd_plugins.feeds.binance.cutter import LARGEST
from quantd_plugins.feeds.binance.handshake import Handshake, NotUpgraded

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


class Refused(quantd.QuantdError):
    """There is no connection; the text says why, and what to do."""


async def dial(url: str, bans: Bans) -> Channel:
    """An open connection. It is led nowhere else, whatever the answer says. Raises Refused; a refusal that says for how long shuts the
    door for that long."""
    try:
        async with asyncio.timeout(CONNECT_S):
            return await _open(parse_uri(url))
    except NotUpgraded as answer:
        raise _refused(answer, url, bans) from None
    except TimeoutError:
        raise Refused(f"no answer within {CONNECT_S:.0f} s: {CHECK}") from None
    except (WebSocketException, OSError, ValueError) as error:
        raise Refused(f"cannot connect: {cause(error)}: {CHECK}") from None


def _refused(answer: NotUpgraded, url: str, bans: Bans) -> Refused:
    status = answer.status
    if 300 <= status < 400:
        target = answer.headers.get("location", "")[:SAMPLE]
        return Refused(f"refused with HTTP {status}, which leads to {target!r}: nobody is followed: check the address")
    bans.take("ws", status, {"Retry-After": answer.headers.get("retry-after", "")}, shown(url))
    return Refused(f"refused with HTTP {status}: {(ADVICE | PLACES).get(status, NO_ADVICE)}")


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
