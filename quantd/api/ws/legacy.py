"""WebSockets: the commands of clients, and the lifetime of connections."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from quantd.api.access.greeting import GREETING
from quantd.api.access.limits import CallerLimits
from quantd.api.access.visits import Visit
from quantd.api.schema import frames, requests, wire
from quantd.api.schema.topics import Authenticate
from quantd.api.ws.fanout import Client, Fanout, text_frame
from quantd.api.ws.pace import TOO_MANY, Pace
from quantd.services.bundle import Services

_HEARTBEAT = 30.0
"""Seconds between the server's pings; a socket that does not answer within half of that is closed."""
_GOODBYE = 2.0
"""Seconds that a client has to answer a close frame."""
_LONGEST_COMMAND = 64 * 1024
_decoder = msgspec.json.Decoder(requests.Command)


def command(text: str) -> requests.Command | None:
    """Parse a client's message; return None for messages that are ignored.

    >>> command('{"action": "subscribe", "symbols": ["BTCUSDT"]}')
    Subscribe(symbols=['BTCUSDT'])
    >>> command('{"action": "dance"}'), command("[")
    (None, None)
    """
    try:
        found = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, (requests.Ping, Authenticate)) or found.symbols else None


class TooManySubscriptions(Exception):
    """A socket wants more symbols than it may."""


class Socket:
    """One client. It holds the symbols that it subscribed to until it disconnects."""

    def __init__(
        self,
        services: Services,
        fanout: Fanout,
        holder: str,
        visit: Visit,
        response: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        pace: Pace,
    ) -> None:
        self._visit = visit
        self._symbols, self._market = services.symbols, services.market
        self._fanout = fanout
        self._holder = holder
        self._response = response
        self._transport = transport
        self._pace = pace
        self._client = Client(transport, fanout.limits, self._expel)
        self._expelling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the client until either side closes."""
        self._fanout.join(self._client)
        try:
            with self._visit.of(self), suppress(ConnectionError):
                await self._listen()
        except TooManySubscriptions:
            await self.close(TOO_MANY, f"more than {self._pace.subscriptions} subscriptions")
        finally:
            await self.close(WSCloseCode.OK)
            if self._expelling:
                await self._expelling

    def tell(self, frame: msgspec.Struct) -> None:
        """Send a frame, whatever waits to be sent."""
        self._client.send(text_frame(wire.encode(frame)))

    async def close(self, code: int, why: str = "") -> None:
        """Close the socket. It leaves the fan-out first, because nothing may be sent after the close frame."""
        self._fanout.leave(self._client)
        self._symbols.release(self._holder)
        await self._response.close(code=code, message=why.encode(), drain=False)

    def _expel(self) -> None:
        self._fanout.leave(self._client)
        self._expelling = asyncio.create_task(self._expelled())

    async def _expelled(self) -> None:
        """Close the socket and abort its connection. Otherwise unread bytes would be kept for as long as the client keeps the
        connection."""
        await self.close(WSCloseCode.TRY_AGAIN_LATER, "too slow")
        asyncio.get_running_loop().call_later(_GOODBYE, self._transport.abort)

    async def _listen(self) -> None:
        async for message in self._response:
            await self._pace.turn()
            if message.type is WSMsgType.TEXT and (asked := command(message.data)):
                await self._obey(asked)

    async def _obey(self, asked: requests.Command) -> None:
        match asked:
            case requests.Subscribe(symbols=symbols):
                self._subscribe(symbols)
                await self._reply(frames.SubscriptionFrame("subscribed", symbols))
                self._show_tickers(symbols)
            case requests.Unsubscribe(symbols=symbols):
                self._unsubscribe(symbols)
                await self._reply(frames.SubscriptionFrame("unsubscribed", symbols))
            case requests.Ping():
                await self._reply(frames.PongFrame())
            case Authenticate(token=token):
                self._visit.renew(token)

    def _subscribe(self, symbols: Iterable[str]) -> None:
        """Subscribe to symbols. Unknown symbols are acknowledged and otherwise ignored. Raises TooManySubscriptions."""
        known = self._known(symbols)
        wanted = {*(self._client.wanted or ()), *known}
        if len(wanted) > self._pace.subscriptions:
            raise TooManySubscriptions
        self._fanout.want(self._client, wanted)
        self._symbols.hold(self._holder, known)

    def _unsubscribe(self, symbols: Iterable[str]) -> None:
        wanted = frozenset(self._symbols.supported()) if self._client.wanted is None else self._client.wanted
        known = self._known(symbols)
        self._fanout.want(self._client, wanted.difference(known))
        self._symbols.release(self._holder, known)

    def _known(self, symbols: Iterable[str]) -> list[str]:
        supported = set(self._symbols.supported())
        return [symbol for symbol in dict.fromkeys(map(str.upper, symbols)) if symbol in supported]

    def _show_tickers(self, symbols: Iterable[str]) -> None:
        """Send the current 24-hour tickers, because the next ticker event may be seconds away."""
        tickers = [ticker for symbol in self._known(symbols) if (ticker := self._market.ticker(symbol))]
        shown = [text_frame(payload) for ticker in tickers if (payload := frames.ticker_frame(ticker))]
        self._client.send(b"".join(shown))

    async def _reply(self, frame: msgspec.Struct) -> None:
        """Send a reply. This waits for a client that asks faster than it reads."""
        await self._response.send_frame(wire.encode(frame), WSMsgType.TEXT)


class Sockets:
    """All sockets of the application."""

    def __init__(self, services: Services, fanout: Fanout, limits: CallerLimits) -> None:
        self._services = services
        self._fanout = fanout
        self._limits = limits
        self._open: set[Socket] = set()
        self._served = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Handle `/ws`."""
        greeting = request[GREETING]
        response = web.WebSocketResponse(
            compress=False,
            heartbeat=_HEARTBEAT,
            timeout=_GOODBYE,
            max_msg_size=_LONGEST_COMMAND,
            autoclose=False,
            protocols=greeting.protocols,
        )
        await response.prepare(request)
        if request.transport is not None and (visit := await greeting.welcome(response)):
            self._served += 1
            pace = Pace(self._limits, visit.caller)
            socket = Socket(self._services, self._fanout, f"ws:{self._served}", visit, response, request.transport, pace)
            self._open.add(socket)
            try:
                await socket.run()
            finally:
                self._open.discard(socket)
        return response

    async def close(self) -> None:
        """Close the sockets of all clients."""
        await asyncio.gather(*(socket.close(WSCloseCode.GOING_AWAY, "quantd stops") for socket in list(self._open)))
