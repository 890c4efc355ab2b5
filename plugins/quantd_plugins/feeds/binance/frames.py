"""WebSocket messages of the exchange: trades, 24-hour tickers, those of book_frames.py, and answers to our requests.

Keys that are not named here are ignored: the exchange adds some several times a year.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from sys import intern

import msgspec
from msgspec import Struct

import quantd
from quantd.net import Texts
from quantd_plugins.feeds.binance.book_frames import BookTicker, DepthUpdate, MarkPriceUpdate
from quantd_plugins.feeds.binance.bounds import Change, Id, Milliseconds, Price, Size

log = logging.getLogger(__name__)

UNREADABLE = (ValueError, RecursionError)
"""The exceptions that decoding raises."""
QUIET_S = 60.0
SAMPLE = 120
USD_M = 1
"""The `st` of USDⓈ-M contracts; 2 is COIN-M, which shares the streams of all markets since 2026."""


class Trade(Struct, gc=False, tag="aggTrade", tag_field="e"):
    """Trades of one price and taker side within 100 ms, without the time of sending."""

    symbol: str = msgspec.field(name="s")
    id: Id = msgspec.field(name="a")
    price: Price = msgspec.field(name="p")
    qty: Size = msgspec.field(name="q")
    ts: Milliseconds = msgspec.field(name="T")
    buyer_maker: bool = msgspec.field(name="m")


class AggTrade(Trade, gc=False, tag="aggTrade", tag_field="e"):
    """A trade with the time at which the exchange sent it."""

    sent: Milliseconds = msgspec.field(name="E")

    def event(self, recv: int) -> quantd.Tick:
        """Return the message as quantd's noun. All ticks of a symbol share one name, since tens of thousands are kept in memory."""
        return quantd.Tick(intern(self.symbol), self.id, self.ts, recv, self.price, self.qty, self.buyer_maker)


class DayTicker(Struct, gc=False, tag="24hrTicker", tag_field="e"):
    """The last 24 hours of a symbol."""

    sent: Milliseconds = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    last: Price = msgspec.field(name="c")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    change: Change = msgspec.field(name="p")
    change_percent: Change = msgspec.field(name="P")
    volume: Size = msgspec.field(name="v")
    quote_volume: Size = msgspec.field(name="q")

    def event(self, recv: int) -> quantd.Ticker:
        """Return the message as quantd's noun."""
        day = self
        prices = (day.last, day.open, day.high, day.low, day.change, day.change_percent)
        return quantd.Ticker(day.symbol, day.sent, *prices, day.volume, day.quote_volume)


class Shutdown(Struct, gc=False, tag="serverShutdown", tag_field="e"):
    """The exchange will close this connection soon."""


class ContractInfo(Struct, gc=False, tag="contractInfo", tag_field="e"):
    """A symbol is listed, delisted or otherwise changed."""

    sent: Milliseconds = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    status: str = msgspec.field(name="cs")
    service: int = msgspec.field(name="st", default=USD_M)

    def event(self, recv: int) -> quantd.Listing | None:
        """Return the message as quantd's noun; None for a COIN-M contract, which the exchange reports here, too."""
        return quantd.Listing(self.symbol, self.sent, self.status) if self.service == USD_M else None


class Refusal(Struct):
    """The reason why a request failed."""

    code: int = 0
    msg: str = ""


class Frame(Struct, gc=False):
    """A combined frame, an event about the connection itself (wrapped or bare), or the answer to a request: its `id`, with an `error` that
    is wrapped or (older) bare.
    """

    data: AggTrade | DayTicker | BookTicker | DepthUpdate | MarkPriceUpdate | ContractInfo | Shutdown | None = None
    event: Shutdown | None = None
    e: str = ""
    id: int | str | None = None
    error: Refusal | None = None
    code: int | None = None
    msg: str = ""

    @property
    def shutdown(self) -> bool:
        """Return whether the exchange will close this connection soon."""
        return bool(self.event) or type(self.data) is Shutdown or self.e == "serverShutdown"

    @property
    def refusal(self) -> Refusal | None:
        """Return the error, whether it is wrapped or bare."""
        return Refusal(self.code, self.msg) if self.code is not None else self.error


class TradeFrame(Struct, gc=False):
    """A combined frame with a trade."""

    data: Trade


_decoder = msgspec.json.Decoder(Frame, strict=False)
_decode_trades = msgspec.json.Decoder(TradeFrame, strict=False).decode_lines
decode = _decoder.decode
"""Decodes a message, whose numbers are decimal strings. Raises one of UNREADABLE."""


UNREAD = Frame()
"""Stands for a message that cannot be read."""


def decode_trades(texts: Texts) -> tuple[list[Trade], int] | None:
    """Return the trade of each text, and the time (ms) at which the last one was sent, which is quicker than `decode_all`; None if one of
    the texts is anything else."""
    try:
        trades = [frame.data for frame in _decode_trades(texts.lines)]
        last = decode(texts[-1]).data
    except UNREADABLE:
        return None
    return (trades, last.sent) if isinstance(last, AggTrade) and len(trades) == len(texts) else None


def decode_all(texts: Texts, skip: Callable[[bytes, Exception], None]) -> list[Frame]:
    """Return a frame for each text, all decoded at once, which is quicker than one by one. A text that cannot be read is passed to `skip`
    with the reason, and UNREAD stands for it."""
    with suppress(*UNREADABLE):
        frames = _decoder.decode_lines(texts.lines)
        if len(frames) == len(texts):
            return frames
    return [_read(text, skip) for text in texts]


def _read(text: bytes, skip: Callable[[bytes, Exception], None]) -> Frame:
    try:
        return decode(text)
    except UNREADABLE as error:
        skip(text, error)
        return UNREAD


class Faults:
    """Counts unreadable messages, and logs them once a minute at most."""

    def __init__(self, clock: quantd.Clock) -> None:
        self.count = 0
        self._told = 0
        self._quiet_until = float("-inf")
        self._clock = clock

    def add(self, where: str, frame: bytes | str, reason: object) -> None:
        """Count an unreadable message, and keep it as a sample."""
        self.count += 1
        now = self._clock.monotonic()
        if now < self._quiet_until:
            return
        log.warning("binance-futures: %s: skipped %d frames, e.g. %r: %s", where, self.count - self._told, frame[:SAMPLE], reason)
        self._told = self.count
        self._quiet_until = now + QUIET_S
