"""The frames that sockets get; `type` tells them apart."""

from collections.abc import Mapping
from math import isfinite
from typing import Literal

from msgspec import Struct

from quantd.api.wire import Firing, Trade, book, encode, firing_fields
from quantd.model import Alert, BookBar, Gap, Metric, Tick, Ticker, Transition
from quantd.times import iso


class TradeFrame(Trade, frozen=True, gc=False, tag_field="type", tag="trade"):
    """A tick, as it comes."""


class TickerFrame(Struct, frozen=True, gc=False, tag_field="type", tag="ticker"):
    """The last 24 hours of a symbol."""

    symbol: str
    priceChange: float  # noqa: N815
    priceChangePercent: float  # noqa: N815
    lastPrice: float  # noqa: N815
    openPrice: float  # noqa: N815
    highPrice: float  # noqa: N815
    lowPrice: float  # noqa: N815
    volume: float
    quoteVolume: float  # noqa: N815
    ts: str


class AlertFrame(Firing, frozen=True, tag_field="type", tag="alert"):
    """A firing, as it happens."""


class StateFrame(Struct, frozen=True, tag_field="type", tag="state"):
    """A state of a pair has changed; `was` is null for the first that is known."""

    pair: str
    every: str
    ts: str
    metric: str
    was: str | None
    now: str
    metrics: Mapping[str, Metric]


class GapFrame(Struct, frozen=True, tag_field="type", tag="gap"):
    """Trades of a symbol have gone missing, or, with `closed`, are no longer."""

    symbol: str
    first_id: int
    last_id: int
    start: str
    end: str
    opened: str
    closed: str | None
    cause: str


class SubscriptionFrame(Struct, frozen=True, tag_field="type", tag="subscription"):
    """The answer to a subscribe or unsubscribe."""

    status: Literal["subscribed", "unsubscribed"]
    symbols: list[str]


class PongFrame(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping."""


class LaggedFrame(Struct, frozen=True, tag_field="type", tag="lagged"):
    """The client was too slow: this many frames were left out for it."""

    dropped: int


def trade_frame(tick: Tick) -> bytes | None:
    """JSON of a trade; None if a number in it is not finite."""
    if not isfinite(tick.price + tick.qty):
        return None
    return encode(TradeFrame(tick.symbol, tick.price, tick.qty, iso(tick.ts)))


def ticker_frame(ticker: Ticker) -> bytes | None:
    """JSON of a ticker; None if a number in it is not finite."""
    prices = (ticker.change, ticker.change_percent, ticker.last, ticker.open, ticker.high, ticker.low, ticker.volume, ticker.quote_volume)
    return encode(TickerFrame(ticker.symbol, *prices, iso(ticker.ts))) if isfinite(sum(prices)) else None


def alert_frame(alert: Alert) -> bytes:
    """JSON of a firing."""
    return encode(AlertFrame(*firing_fields(alert)))


def book_frame(bar: BookBar) -> bytes:
    """JSON of a book bar that has closed."""
    return encode({"type": "book"} | book(bar))


def gap_frame(gap: Gap) -> bytes:
    """JSON of a gap that opened or closed."""
    start, end, opened = iso(gap.start), iso(gap.end), iso(gap.opened)
    closed = None if gap.closed is None else iso(gap.closed)
    return encode(GapFrame(gap.symbol, gap.first_id, gap.last_id, start, end, opened, closed, gap.cause))


def state_frame(change: Transition) -> bytes:
    """JSON of a change of a state."""
    return encode(StateFrame(change.pair, change.every, iso(change.ts), change.metric, change.was, change.now, change.metrics))
