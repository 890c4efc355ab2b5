"""One WebSocket connection from the upgrade to its end: it subscribes to the wanted streams, and turns frames into events."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from sys import intern

from msgspec import Struct
from websockets.frames import Opcode

import quantd
from quantd.net import Attempts, BoundedQueue, Message, Refused, Texts, WebSocket, cause, shown
from quantd_plugins.feeds.binance.arrivals import Arrivals
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.book_frames import BookTicker, DepthUpdate, MarkPriceUpdate
from quantd_plugins.feeds.binance.books import Books
from quantd_plugins.feeds.binance.dial import dial
from quantd_plugins.feeds.binance.frames import UNREAD, AggTrade, ContractInfo, DayTicker, Faults, Frame, decode_all, decode_trades
from quantd_plugins.feeds.binance.routes import Route
from quantd_plugins.feeds.binance.subscriptions import ANSWER_S, Subscriptions
from quantd_plugins.feeds.binance.timing import ExchangeClock, TurnClock
from quantd_plugins.feeds.binance.trade_columns import MANY, stretches

log = logging.getLogger(__name__)

PACE_S = 0.25
"""Seconds between two messages to the exchange, which closes connections that send more than 10 a second."""
STEADY_S = 10.0
"""Seconds for which data must have arrived before a connection counts as working, and the waits between tries start again with the
shortest.
"""
SILENT_MS = 500
TRADES = "@aggTrade"

DATA = AggTrade, DayTicker, BookTicker, DepthUpdate, MarkPriceUpdate, ContractInfo
OF_CHANNELS = BookTicker, DepthUpdate, MarkPriceUpdate


class Shared(Struct):
    """The objects that all connections of a feed share."""

    events: BoundedQueue[quantd.Event]
    clock: quantd.Clock
    turn: TurnClock
    exchange: ExchangeClock
    faults: Faults
    bans: Bans
    attempts: Attempts
    books: Books
    lost: Callable[[Route, int], None]
    """Reports that data of a route sent after a time (ms) may be missing."""
    record: Callable[[int, bytes], None] | None = None
    """Takes each raw frame and its receive time (ms)."""


class Connection:
    """Carries the streams in `wanted`, which may change at any time. With an `elder`, from which it takes over, its trades and book
    changes wait until those before them have arrived over either connection.
    """

    def __init__(
        self, name: str, url: str, shared: Shared, wanted: Callable[[], frozenset[str]], elder: "Connection | None" = None
    ) -> None:
        self.name = name
        self.url = url
        self.arrivals: Arrivals = Arrivals(name, shared.books, elder.arrivals if elder else None)
        self.upto = 0
        """The exchange time (ms) up to which all data sent over this connection have been read."""
        self.channel_frames = 0
        """Number of quotes, mark prices and book changes that arrived."""
        self.retiring = asyncio.Event()
        self.reason = ""
        self.skipped = 0
        """Frames that could not be read."""
        self.up_since: float | None = None
        self.data_since: float | None = None
        self._shared = shared
        self._wanted = wanted
        self.subscriptions = Subscriptions(name, wanted, shared.clock)
        self._up = False
        self._pinged = False

    @property
    def ready(self) -> bool:
        """Return whether all wanted streams are confirmed, except those that the exchange refuses."""
        return self._up and self.subscriptions.settled

    @property
    def brought(self) -> dict[str, int]:
        """Return the last trade id of each symbol that arrived."""
        return self.arrivals.brought

    @property
    def trades_of(self) -> list[str]:
        """Return the symbols whose trades are wanted of this connection."""
        return [name.removesuffix(TRADES).upper() for name in self._wanted() if name.endswith(TRADES)]

    @property
    def steady(self) -> bool:
        """Return whether data have arrived for long enough to call the connection working, now or in the past."""
        return self.data_since is not None and self._shared.clock.monotonic() - self.data_since >= STEADY_S

    def retire(self, reason: str) -> None:
        """Request another connection that takes over from this one."""
        if not self.retiring.is_set():
            self.reason = reason
            self.retiring.set()

    def resume(self, known: Mapping[str, int]) -> None:
        """Note that no other connection carries the streams now; `known` holds the last trade ids that others brought."""
        self.arrivals.resume(known)

    async def take_over(self) -> None:
        """Pass on the events that waited for the elder."""
        for event in self.arrivals.released():
            await self._shared.events.put(event)

    async def live(self) -> str:
        """Run from the upgrade to the end, and return the reason for the end. No fault in it may end the feed."""
        try:
            return await self._live()
        except Exception as error:
            log.exception("binance-futures: %s: failed", self.name)
            return f"failed: {cause(error)}"
        finally:
            self._up = False

    async def _live(self) -> str:
        try:
            websocket = await dial(self.url, self._shared.bans)
        except Refused as refusal:
            return str(refusal)
        try:
            return await self._serve(websocket)
        finally:
            websocket.close()

    async def _serve(self, websocket: WebSocket) -> str:
        log.info("binance-futures: %s: connected to %s", self.name, shown(self.url))
        self._up = True
        self.up_since = self._shared.clock.monotonic()
        talk = asyncio.create_task(self._talk(websocket), name=f"{self.name}-talk")
        try:
            await websocket.run(partial(self._hear, websocket))
        finally:
            self._up = False
            talk.cancel()
            await asyncio.wait([talk])
        if self.subscriptions.overdue:
            return f"no answer to a subscription within {ANSWER_S:.0f} s"
        return f"the connection ended (code {websocket.code}{_because(websocket)})"

    async def _talk(self, websocket: WebSocket) -> None:
        """Send at most one message in PACE_S: a subscription, or a ping during silence. Return when an answer is overdue."""
        try:
            while not self.subscriptions.overdue:
                request = self.subscriptions.request()
                if request is not None:
                    websocket.send_text(request)
                elif not self._pinged:
                    self._ping(websocket)
                await asyncio.sleep(PACE_S)
        except Exception:
            log.exception("binance-futures: %s: cannot go on asking", self.name)
        websocket.close()

    def _hear(self, websocket: WebSocket, message: Message) -> None:
        """Pass on a message without waiting; while the queue is full, reading is paused."""
        if isinstance(message, Texts):
            queue = self._shared.events
            for events in self._take(message):
                queue.add(events)
            if queue.full() and not websocket.paused:
                websocket.pause()
                queue.when_emptied(websocket.resume)
        elif message.opcode is Opcode.PONG:
            self._ponged(bytes(message.data))
        elif message.opcode is Opcode.BINARY:
            self._skip(bytes(message.data), "not text")

    def _take(self, texts: Texts) -> Iterator[Sequence[quantd.Event]]:
        """Yield the events of frames that arrived together, in one or more batches. Many successive trades are a batch of columns."""
        recv = self._shared.turn.now()
        if self._shared.record:
            for text in texts:
                self._shared.record(recv, text)
        if len(texts) >= MANY and self.arrivals.flow and (only_trades := decode_trades(texts)):
            self._note(only_trades[1])
            yield self.arrivals.place_trades(only_trades[0], recv)
            return
        frames = decode_all(texts, self._skip)
        sent = next((frame.data.sent for frame in reversed(frames) if isinstance(frame.data, DATA)), None)
        if sent is not None:
            self._note(sent)
        at = 0
        for start, trades in stretches(frames) if self.arrivals.flow else ():
            yield self._events(frames[at:start], texts[at:start], recv)
            yield self.arrivals.place_trades(trades, recv)
            at = start + len(trades)
        yield self._events(frames[at:], texts[at:], recv)

    def _events(self, frames: list[Frame], texts: Sequence[bytes], recv: int) -> list[quantd.Event]:
        """Return the events of frames, one by one."""
        tick, trade = quantd.Tick, AggTrade
        made = [
            tick(intern(data.symbol), data.id, data.ts, recv, data.price, data.qty, data.buyer_maker)
            if type(data := frame.data) is trade
            else self._take_other(frame, text, recv)
            for frame, text in zip(frames, texts, strict=True)
        ]
        return self.arrivals.place([event for event in made if event is not None])

    def _take_other(self, frame: Frame, text: bytes, recv: int) -> quantd.Event | None:
        """Return the events of a frame that is not a trade."""
        data = frame.data
        if isinstance(data, DATA):
            self.channel_frames += isinstance(data, OF_CHANNELS)
            return self.arrivals.take_changes(data, recv) if isinstance(data, DepthUpdate) else data.event(recv)
        if frame is not UNREAD:
            self._take_answer(frame, text)
        return None

    def _note(self, sent: int) -> None:
        """Note that data arrived that the exchange sent at `sent` (ms), and all data before."""
        self.upto = sent
        if self.data_since is None:
            self.data_since = self._shared.clock.monotonic()
            self._shared.attempts.succeed()
        self._shared.exchange.observe(sent)

    def _skip(self, data: bytes, reason: object) -> None:
        self.skipped += 1
        self._shared.faults.add(self.name, data, reason)

    def _take_answer(self, frame: Frame, data: bytes) -> None:
        """Process an answer, or a message about the connection itself."""
        if frame.shutdown:
            self.retire("the exchange will close it")
            return
        if not self.subscriptions.answer(frame):
            self._skip(data, "neither data nor an answer")

    def _ping(self, websocket: WebSocket) -> None:
        """Send a ping that carries the time: its pong arrives after all data under way."""
        now = self._shared.exchange.now()
        if now is not None and now - self.upto > SILENT_MS:
            self._pinged = True
            websocket.send_ping(str(now).encode())

    def _ponged(self, sent: bytes) -> None:
        self._pinged = False
        if sent.isdigit():
            self.upto = max(self.upto, int(sent))


def _because(websocket: WebSocket) -> str:
    reason = f", {websocket.reason!r}" if websocket.reason else ""
    return f"{reason}: {cause(websocket.error)}" if websocket.error else reason
