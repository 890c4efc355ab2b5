"""Messages of the exchange about quotes, order books and mark prices, by WebSocket and REST.

Keys that are not named here are ignored: the exchange adds some several times a year.
"""

import msgspec
from msgspec import Struct

import quantd
from quantd_plugins.feeds.binance.bounds import Id, Milliseconds, Price, Size

Levels = tuple[tuple[Price, Size], ...]
LARGEST_RATE = 1e3


class BookTicker(Struct, gc=False, tag="bookTicker", tag_field="e"):
    """The best bid and ask, sent at each change."""

    sent: Milliseconds = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    id: Id = msgspec.field(name="u")
    ts: Milliseconds = msgspec.field(name="T")
    bid: Price = msgspec.field(name="b")
    bid_qty: Size = msgspec.field(name="B")
    ask: Price = msgspec.field(name="a")
    ask_qty: Size = msgspec.field(name="A")

    def event(self, recv: int) -> quantd.Quote:
        """Return the message as quantd's noun."""
        return quantd.Quote(self.symbol, self.ts, recv, self.id, self.bid, self.bid_qty, self.ask, self.ask_qty)


class DepthUpdate(Struct, gc=False, tag="depthUpdate", tag_field="e"):
    """Changes of a book (`depth`) or its best levels (`depth5`, `depth10`, `depth20`); the payload does not distinguish them."""

    sent: Milliseconds = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    ts: Milliseconds = msgspec.field(name="T")
    first_id: Id = msgspec.field(name="U")
    id: Id = msgspec.field(name="u")
    previous_id: Id = msgspec.field(name="pu")
    """The `id` of the previous event on this stream."""
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")

    def event(self, recv: int) -> quantd.Depth:
        """Return the message as quantd's noun, if it holds the best levels rather than changes."""
        return quantd.Depth(self.symbol, self.ts, recv, self.id, self.bids, self.asks)


class MarkPriceUpdate(Struct, gc=False, tag="markPriceUpdate", tag_field="e"):
    """Mark price, index price and funding. Delivery contracts have no funding: their rate is empty, and its time is 0."""

    sent: Milliseconds = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    mark: Price = msgspec.field(name="p")
    index: Price = msgspec.field(name="i")
    rate: float | str = msgspec.field(name="r")
    funding: int = msgspec.field(name="T")

    def event(self, recv: int) -> quantd.Mark:
        """Return the message as quantd's noun."""
        rate = _rate(self.rate)
        funding = self.funding if rate is not None and 0 < self.funding < 10**14 else None
        return quantd.Mark(self.symbol, self.sent, recv, self.mark, self.index, rate, funding)


class DepthSnapshot(Struct, gc=False):
    """The answer of GET /fapi/v1/depth: a book down to the requested limit."""

    id: Id = msgspec.field(name="lastUpdateId")
    ts: Milliseconds = msgspec.field(name="T")
    bids: Levels
    asks: Levels


decode_snapshot = msgspec.json.Decoder(DepthSnapshot, strict=False).decode
"""Decodes a message, whose numbers are decimal strings. Raises one of frames.UNREADABLE."""


def _rate(text: float | str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if abs(rate) < LARGEST_RATE else None
