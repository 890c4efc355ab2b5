"""The frames that are sent to sockets, told apart by `type`."""

from collections.abc import Mapping
from math import isfinite
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict

from quantd.api.schema import rows
from quantd.api.schema.kinds import Time
from quantd.api.schema.wire import Firing, Trade, encode, firing_fields
from quantd.model import Alert, BookBar, Gap, Metric, Tick, Ticker, Transition
from quantd.times import iso


class TradeFrame(Trade, frozen=True, gc=False, tag_field="type", tag="trade"):
    """A trade."""


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
    ts: Time


class AlertFrame(Firing, frozen=True, tag_field="type", tag="alert"):
    """A firing of a rule."""


class BookFrame(rows.BookRow, frozen=True, gc=False, tag_field="type", tag="book"):
    """A closed bar of the order book."""


class StateFrame(Struct, frozen=True, tag_field="type", tag="state"):
    """A change of a state of a pair; `was` is null for the first known state."""

    pair: str
    every: str
    ts: Time
    metric: str
    was: str | None
    now: str
    metrics: Mapping[str, Metric]


class GapFrame(Struct, frozen=True, tag_field="type", tag="gap"):
    """Missing trades of a symbol; `closed` is set when they are no longer missing."""

    symbol: str
    first_id: int
    last_id: int
    start: Time
    end: Time
    opened: Time
    closed: Time | None
    cause: str


class SubscriptionFrame(Struct, frozen=True, tag_field="type", tag="subscription"):
    """The answer to a subscribe or unsubscribe."""

    status: Literal["subscribed", "unsubscribed"]
    symbols: list[str]


class PongFrame(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping."""


class LaggedFrame(Struct, frozen=True, tag_field="type", tag="lagged"):
    """The number of frames that were dropped because the client was too slow."""

    dropped: int


Frame = TradeFrame | TickerFrame | AlertFrame | BookFrame | StateFrame | GapFrame | SubscriptionFrame | PongFrame | LaggedFrame
"""Every frame of the sockets."""


def trade_frame(tick: Tick) -> bytes | None:
    """Encode a trade as JSON; return None if one of its numbers is not finite."""
    if not isfinite(tick.price + tick.qty):
        return None
    return encode(TradeFrame(tick.symbol, tick.price, tick.qty, iso(tick.ts)))


def ticker_frame(ticker: Ticker) -> bytes | None:
    """Encode a ticker as JSON; return None if one of its numbers is not finite."""
    prices = (ticker.change, ticker.change_percent, ticker.last, ticker.open, ticker.high, ticker.low, ticker.volume, ticker.quote_volume)
    return encode(TickerFrame(ticker.symbol, *prices, iso(ticker.ts))) if isfinite(sum(prices)) else None


def alert_frame(alert: Alert) -> bytes:
    """Encode a firing as JSON."""
    return encode(AlertFrame(*firing_fields(alert)))


def book_frame(bar: BookBar) -> bytes:
    """Encode a closed book bar as JSON."""
    return encode(BookFrame(**asdict(rows.book(bar))))


def gap_frame(gap: Gap) -> bytes:
    """Encode a gap that was opened or closed as JSON."""
    start, end, opened = iso(gap.start), iso(gap.end), iso(gap.opened)
    closed = None if gap.closed is None else iso(gap.closed)
    return encode(GapFrame(gap.symbol, gap.first_id, gap.last_id, start, end, opened, closed, gap.cause))


def state_frame(change: Transition) -> bytes:
    """Encode a change of state as JSON."""
    return encode(StateFrame(change.pair, change.every, iso(change.ts), change.metric, change.was, change.now, change.metrics))
