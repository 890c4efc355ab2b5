"""One WebSocket connection: kept up for ever, subscribed to what is wanted of it, its frames made into events."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

import quantd
from quantd_plugins.feeds.binance.backoff import Backoff, Budget
from quantd_plugins.feeds.binance.frames import UNREADABLE, AggTrade, Faults, Frame, decode
from quantd_plugins.feeds.binance.inbox import Inbox
from quantd_plugins.feeds.binance.timing import ExchangeClock, TurnClock

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse

log = logging.getLogger(__name__)

PACE_S = 0.25
"""Between two messages to the exchange, which cuts off who sends more than 10 a second."""
MOST_PARAMS = 200
CONNECT_S = 10.0
ANSWER_S = 10.0
HEARTBEAT_S = 15.0
CLOSE_S = 1.0
STEADY_S = 10.0
"""Data must have come for so long before a connection counts as working, and the waits between tries begin anew."""
SILENT_MS = 500
LARGEST_FRAME = 1 << 20
ADVICE = {
    403: "the exchange's firewall refuses us: wait, or connect from another address",
    418: "the exchange has banned this address for asking too much: stop what else asks from here",
    429: "too many requests from this address: stop what else asks from here",
    451: "the exchange does not serve this location: connect from another one",
}
NO_ADVICE = "the exchange is not well, or the address is wrong"


class Shared(Struct):
    """What all connections of a feed have in common."""

    url: str
    session: "ClientSession"
    events: Inbox
    clock: quantd.Clock
    turn: TurnClock
    exchange: ExchangeClock
    faults: Faults
    connects: Budget
    lost: Callable[[], Awaitable[None]]


class Connection:
    """Set `wanted` at any time; `run` does the rest."""

    def __init__(self, name: str, shared: Shared, backoff: Backoff) -> None:
        self.name = name
        self.wanted: frozenset[str] = frozenset()
        self.upto = 0
        """The exchange's clock (ms) up to which everything that it sent here has been read."""
        self._shared = shared
        self._backoff = backoff
        self._ids = itertools.count(1)
        self._up = False
        self._asked: set[str] = set()
        self._unanswered: dict[int, str] = {}
        self._asked_at = 0.0
        self._pinged = False
        self._data_since: float | None = None
        self._last: dict[str, int] = {}
        self._resumed: dict[str, int] = {}

    @property
    def ready(self) -> bool:
        """Whether all that is wanted has been asked for and confirmed."""
        return self._up and not self._unanswered and self._asked == self.wanted

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            await self._shared.connects.take()
            cause = await self._try()
            await self._shared.lost()
            delay = self._backoff.delay()
            log.warning("binance-futures: %s: %s: %s; next try in %.1f s", self.name, self._shared.url, cause, delay)
            await asyncio.sleep(delay)

    async def _try(self) -> str:
        """One life; why it ended. No fault in it may end the feed."""
        try:
            return await self._live()
        except Exception as error:
            log.exception("binance-futures: %s: failed", self.name)
            return f"failed: {error!r}"

    async def _live(self) -> str:
        import aiohttp

        try:
            async with asyncio.timeout(CONNECT_S):
                ws = await self._shared.session.ws_connect(
                    self._shared.url,
                    decode_text=False,
                    autoping=False,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=LARGEST_FRAME,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                )
        except aiohttp.WSServerHandshakeError as error:
            return f"refused with HTTP {error.status}: {ADVICE.get(error.status, NO_ADVICE)}"
        except TimeoutError:
            return f"no answer within {CONNECT_S:.0f} s: check the network and the address"
        except (aiohttp.ClientError, OSError) as error:
            return f"cannot connect: {error}: check the network and the address"
        try:
            return await self._serve(ws)
        except ConnectionError as error:
            return f"the connection broke: {error}"
        finally:
            await ws.close()

    async def _serve(self, ws: "ClientWebSocketResponse[bool]") -> str:
        self._begin()
        talk = asyncio.create_task(self._talk(ws), name=f"{self.name}-talk")
        try:
            error = await self._read(ws)
        finally:
            self._end()
            talk.cancel()
            await asyncio.wait([talk])
        if self._overdue():
            return f"no answer to a subscription within {ANSWER_S:.0f} s"
        return f"the connection ended (code {ws.close_code}{_because(error)})"

    def _begin(self) -> None:
        log.info("binance-futures: %s: connected to %s", self.name, self._shared.url)
        self._up = True
        self._asked.clear()
        self._unanswered.clear()
        self._pinged = False
        self._data_since = None
        self._resumed = dict(self._last)

    def _end(self) -> None:
        self._up = False
        self.upto = 0
        if self._data_since is not None and self._shared.clock.monotonic() - self._data_since >= STEADY_S:
            self._backoff.reset()

    async def _talk(self, ws: "ClientWebSocketResponse[bool]") -> None:
        """Say at most one thing in PACE_S: what to subscribe to, or a ping into the silence. Ends when an answer is overdue."""
        try:
            while not self._overdue():
                request = self._request()
                if request is not None:
                    await ws.send_str(request)
                elif not self._pinged:
                    await self._ping(ws)
                await asyncio.sleep(PACE_S)
            await ws.close()
        except ConnectionError:
            pass  # the reader sees it too

    async def _read(self, ws: "ClientWebSocketResponse[bool]") -> BaseException | None:
        """Hand on what comes until the end; the error, if that is why."""
        from aiohttp import WSMsgType

        events, receive = self._shared.events, ws.receive  # what iterating over `ws` awaits too, at twice the price
        text, ping, pong = WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG
        ends = WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED
        while True:
            message = await receive()
            if message.type is text:
                event = self._take(message.data)
                if event is None:
                    continue
                if events.full():
                    await events.put(event)
                else:
                    events.put_nowait(event)
            elif message.type is ping:
                await ws.pong(message.data)
            elif message.type is pong:
                self._ponged(message.data)
            elif message.type is WSMsgType.ERROR:
                error: BaseException = message.data
                return error
            elif message.type in ends:
                return ws.exception()
            else:
                self._shared.faults.add(self.name, message.data, "not text")

    def _take(self, data: bytes) -> quantd.Event | None:
        try:
            frame = decode(data)
        except UNREADABLE as error:
            self._shared.faults.add(self.name, data, error)
            return None
        payload = frame.data
        if payload is None:
            self._answered(frame, data)
            return None
        recv = self._shared.turn.now()
        self.upto = payload.sent
        if self._data_since is None:
            self._data_since = self._shared.clock.monotonic()
        if self._shared.exchange.by_rest is None:
            self._shared.exchange.observe(payload.sent, recv)
        if type(payload) is AggTrade:
            if payload.symbol in self._resumed:
                self._tell_missed(payload.symbol, payload.id)
            self._last[payload.symbol] = payload.id
        return payload.event(recv)

    def _tell_missed(self, symbol: str, first: int) -> None:
        last = self._resumed.pop(symbol)
        if first > last + 1:
            count = first - last - 1
            log.warning("binance-futures: %s: %s: trades missed: %d, ids %d to %d", self.name, symbol, count, last + 1, first - 1)
        else:
            log.info("binance-futures: %s: %s: trades missed: none, id %d follows %d", self.name, symbol, first, last)

    def _request(self) -> str | None:
        """The next message that brings what is asked for closer to what is wanted."""
        for method, streams in (("UNSUBSCRIBE", self._asked - self.wanted), ("SUBSCRIBE", self.wanted - self._asked)):
            if streams:
                return self._ask(method, sorted(streams)[:MOST_PARAMS])
        return None

    def _ask(self, method: str, streams: list[str]) -> str:
        self._asked.symmetric_difference_update(streams)
        number = next(self._ids)
        self._unanswered[number] = f"{method} of {_some(streams)}"
        self._asked_at = self._shared.clock.monotonic()
        return msgspec.json.encode({"method": method, "params": streams, "id": number}).decode()

    def _answered(self, frame: Frame, data: bytes) -> None:
        request = self._unanswered.pop(frame.id, None) if isinstance(frame.id, int) else None
        refusal = frame.refusal
        if refusal:
            log.error(
                "binance-futures: %s: the exchange refused the %s: %s (code %d)", self.name, request or "?", refusal.msg, refusal.code
            )
        elif request is None:
            self._shared.faults.add(self.name, data, "neither data nor an answer")

    def _overdue(self) -> bool:
        return bool(self._unanswered) and self._shared.clock.monotonic() - self._asked_at > ANSWER_S

    async def _ping(self, ws: "ClientWebSocketResponse[bool]") -> None:
        """Ask whether anything is under way: the pong, which carries the time of the asking, comes behind it."""
        now = self._shared.exchange.now()
        if now is not None and now - self.upto > SILENT_MS:
            self._pinged = True
            await ws.ping(str(now).encode())

    def _ponged(self, sent: bytes) -> None:
        self._pinged = False
        if sent.isdigit():
            self.upto = max(self.upto, int(sent))


def _some(streams: Iterable[str]) -> str:
    first, *others = streams
    return f"{first} and {len(others)} others" if others else first


def _because(error: BaseException | None) -> str:
    return f": {error!r}" if error else ""
