"""Opens WebSocket connections, and says in plain words why one cannot be opened."""

import asyncio
from typing import TYPE_CHECKING

import quantd
from quantd_plugins.feeds.binance.bans import Bans

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, ClientWebSocketResponse

CONNECT_S = 10.0
HEARTBEAT_S = 15.0
CLOSE_S = 1.0
LARGEST_FRAME = 1 << 20
SAMPLE = 80
ADVICE = {
    200: "no streams are served there: check the address",
    403: "the exchange's firewall refuses us: wait, or connect from another address",
    404: "nothing is served there: check the address and `routes`",
    418: "the exchange has banned this address for asking too much: stop what else asks from here",
    429: "too many requests from this address: stop what else asks from here",
    451: "the exchange does not serve this location: connect from another one",
}
NO_ADVICE = "the exchange is not well, or the address is wrong"
CHECK = "check the network and the address"


class Refused(quantd.QuantdError):
    """There is no connection; the text says why, and what to do."""


def make_session() -> "ClientSession":
    """One that is led nowhere: whoever answers in the exchange's place must not send us to other hosts."""
    import aiohttp

    async def stay(request: "ClientRequest", handler: "ClientHandlerType") -> "ClientResponse":
        response = await handler(request)
        if 300 <= response.status < 400:
            target = response.headers.get("Location", "")[:SAMPLE]
            response.close()
            raise Refused(f"refused with HTTP {response.status}, which leads to {target!r}: nobody is followed: check the address")
        return response

    return aiohttp.ClientSession(middlewares=(stay,))


async def dial(session: "ClientSession", url: str, bans: Bans) -> "ClientWebSocketResponse[bool]":
    """An open connection. Raises Refused; a refusal that says for how long shuts the door for that long."""
    import aiohttp

    try:
        async with asyncio.timeout(CONNECT_S):
            return await session.ws_connect(
                url,
                decode_text=False,
                autoping=False,
                heartbeat=HEARTBEAT_S,
                max_msg_size=LARGEST_FRAME,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
    except aiohttp.WSServerHandshakeError as error:
        bans.take("ws", error.status, error.headers or {}, url)
        raise Refused(f"refused with HTTP {error.status}: {ADVICE.get(error.status, NO_ADVICE)}") from None
    except TimeoutError:
        raise Refused(f"no answer within {CONNECT_S:.0f} s: {CHECK}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Refused(f"cannot connect: {error}: {CHECK}") from None
