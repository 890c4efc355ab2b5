"""Sends events to all sockets. Each event is encoded once, what sockets of the same symbols get is joined once, each socket gets one write
per flush, and a slow socket gets fewer frames."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from quantd.api.schema import frames, wire
from quantd.api.ws.audience import Audience, Wanted
from quantd.model import Alert, BookBar, Gap, Tick, Ticker, Transition
from quantd.services.events import Events, Listener, Topic

Kind = Literal["trade", "ticker", "book"]
Key = tuple[Kind, str]
"""Key of conflation: a slow client gets only the newest frame of each kind and symbol."""
_SHORT = [bytes([0x81, length]) for length in range(126)]


def text_frame(payload: bytes) -> bytes:
    """Return an unmasked, final text frame (RFC 6455, section 5.2).

    >>> text_frame(b"hello")
    b'\\x81\\x05hello'
    """
    length = len(payload)
    if length < 126:
        return _SHORT[length] + payload
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


class Limits(Struct, frozen=True):
    """Limits on the frequency of writes and on slow clients."""

    flush: float = 0.01
    """Minimum seconds between two writes."""
    buffer: int = 1 << 20
    """Number of unsent bytes from which a client counts as lagging."""
    patience: float = 10.0
    """Seconds that a client may lag before it is closed."""


DEFAULT_LIMITS = Limits()


class Chunk(Struct, frozen=True, gc=False):
    """The frames of one key in one flush."""

    data: bytes
    newest: bytes
    count: int


class Share(Struct, frozen=True, gc=False):
    """The part of a flush that clients of the same symbols get: the chunks by key, and all of their frames in one piece."""

    chunks: Mapping[Key, Chunk]
    data: bytes


def joined(chunks: Mapping[Key, Chunk]) -> Share:
    """Return these chunks as a share."""
    return Share(chunks, b"".join([chunk.data for chunk in chunks.values()]))


class Transport(Protocol):
    """The parts of an asyncio transport that the fan-out uses."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def is_closing(self) -> bool: ...


class Client:
    """One socket. It gets all symbols until it names some; while it lags, the newest frame of each key waits for it."""

    def __init__(self, transport: Transport, limits: Limits, expel: Callable[[], None]) -> None:
        self.wanted: Wanted = None
        """The symbols that it wants, None for all; see `Fanout.want`."""
        self.lagging_since: float | None = None
        self._transport = transport
        self._limits = limits
        self._expel = expel
        self._newest: dict[Key, bytes] = {}
        self._offered = 0

    def send(self, data: bytes) -> None:
        """Send complete frames, whatever the state of the client."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def offer(self, share: Share, now: float) -> int:
        """Send the client's share of a flush at `now` seconds, and return how many frames were dropped because it is slow."""
        if self.lagging_since is not None:
            return self._wait(share.chunks, now)
        transport = self._transport
        if share.data and not transport.is_closing():
            transport.write(share.data)
        if transport.get_write_buffer_size() > self._limits.buffer:
            self.lagging_since = now
        return 0

    def _wait(self, chunks: Mapping[Key, Chunk], now: float) -> int:
        for key, chunk in chunks.items():
            self._newest[key] = chunk.newest
            self._offered += chunk.count
        unsent = self._transport.get_write_buffer_size()
        if not unsent:
            return self._catch_up()
        if unsent <= self._limits.buffer or self.lagging_since is None:
            self.lagging_since = now
        if now - self.lagging_since > self._limits.patience:
            self._expel()
        return 0

    def _catch_up(self) -> int:
        dropped = self._offered - len(self._newest)
        lagged = [text_frame(wire.encode(frames.LaggedFrame(dropped)))] if dropped else []
        self.send(b"".join([*lagged, *self._newest.values()]))
        self._newest.clear()
        self._offered, self.lagging_since = 0, None
        return dropped


class Fanout:
    """Sends events to all sockets. It listens to events only while there is a socket."""

    def __init__(self, events: Events, limits: Limits) -> None:
        self.limits = limits
        self.dropped = 0
        """Number of frames that slow clients did not get, up to now."""
        self._events = events
        self._clients: Audience[Client] = Audience()
        self._unlisten: list[Callable[[], None]] = []
        self._ticks: dict[str, list[Tick]] = defaultdict(list)
        self._tickers: dict[str, list[Ticker]] = defaultdict(list)
        self._books: dict[str, list[BookBar]] = defaultdict(list)
        self._timer: asyncio.TimerHandle | None = None
        self._flushed = 0.0

    def __len__(self) -> int:
        return len(self._clients)

    def join(self, client: Client) -> None:
        """Send events to this client from now on."""
        if not self._clients:
            topics: dict[Topic, Listener] = {
                "ticks": self._on_ticks,
                "tickers": self._on_tickers,
                "alerts": self._on_alerts,
                "transitions": self._on_transitions,
                "gaps": self._on_gaps,
                "books": self._on_books,
            }
            self._unlisten = [self._events.listen(topic, listener) for topic, listener in topics.items()]
        self._clients.put(client, client.wanted)

    def want(self, client: Client, symbols: Iterable[str]) -> None:
        """Send the client events of these symbols only, from now on."""
        client.wanted = frozenset(symbols)
        if client in self._clients:
            self._clients.put(client, client.wanted)

    def leave(self, client: Client) -> None:
        """Stop sending events to this client."""
        self._clients.remove(client)
        if not self._clients:
            for unlisten in self._unlisten:
                unlisten()
            self._unlisten.clear()
            self._forget()

    def _on_ticks(self, ticks: Sequence[Tick]) -> None:
        for tick in ticks:
            self._ticks[tick.symbol].append(tick)
        self._flush_soon()

    def _on_tickers(self, tickers: Sequence[Ticker]) -> None:
        for ticker in tickers:
            self._tickers[ticker.symbol].append(ticker)
        self._flush_soon()

    def _on_alerts(self, alerts: Sequence[Alert]) -> None:
        self._send_all(map(frames.alert_frame, wire.firings(alerts)))

    def _on_transitions(self, changes: Sequence[Transition]) -> None:
        self._send_all(map(frames.state_frame, changes))

    def _on_gaps(self, gaps: Sequence[Gap]) -> None:
        self._send_all(map(frames.gap_frame, gaps))

    def _on_books(self, bars: Sequence[BookBar]) -> None:
        for bar in bars:
            self._books[bar.symbol].append(bar)
        self._flush_soon()

    def _send_all(self, payloads: Iterable[bytes]) -> None:
        """Send rare events to every socket at once."""
        data = b"".join(map(text_frame, payloads))
        for client in self._clients if data else ():
            client.send(data)

    def _flush_soon(self) -> None:
        """Flush at once, unless the last flush was less than `limits.flush` ago."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._flushed + self.limits.flush - loop.time()), self._flush)

    def _flush(self) -> None:
        now = self._flushed = asyncio.get_running_loop().time()
        chunks = self._chunks()
        self._forget()
        for clients, chosen in self._clients.shares(chunks):
            share = joined(chosen)
            for client in clients:
                self.dropped += client.offer(share, now)
        if any(client.lagging_since is not None for client in self._clients):
            self._flush_soon()

    def _forget(self) -> None:
        self._ticks.clear()
        self._tickers.clear()
        self._books.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _chunks(self) -> dict[Key, Chunk]:
        """Encode the waiting events that any client wants, once for all clients."""
        found: dict[Key, Chunk | None] = {}
        for symbol, ticks in self._ticks.items():
            if self._clients.wants(symbol):
                found["trade", symbol] = _chunk(map(frames.trade_frame, ticks))
        for symbol, tickers in self._tickers.items():
            if self._clients.wants(symbol):
                found["ticker", symbol] = _chunk(map(frames.ticker_frame, tickers))
        for symbol, bars in self._books.items():
            if self._clients.wants(symbol):
                found["book", symbol] = _chunk(map(frames.book_frame, bars))
        return {key: chunk for key, chunk in found.items() if chunk}


def _chunk(payloads: Iterable[bytes | None]) -> Chunk | None:
    encoded = [text_frame(payload) for payload in payloads if payload]
    return Chunk(b"".join(encoded), encoded[-1], len(encoded)) if encoded else None
