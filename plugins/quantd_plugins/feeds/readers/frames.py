"""Binance WebSocket frames, as captured: `<receive time in ns> <json>` a line, combined or bare."""

import math

import msgspec

from quantd_plugins.feeds.readers.row import Row, tick

TRADE_MARK = b'rade"'
"""A text in every trade and aggTrade frame and in hardly any other: searching for it is much cheaper than decoding."""


class Payload(msgspec.Struct, gc=False):
    """The keys of a trade; all have defaults, since other frames lack them."""

    event: str = msgspec.field(default="", name="e")
    symbol: str = msgspec.field(default="", name="s")
    ts: int = msgspec.field(default=0, name="T")
    price: float = msgspec.field(default=math.nan, name="p")
    qty: float = msgspec.field(default=math.nan, name="q")
    buyer_maker: bool = msgspec.field(default=False, name="m")
    trade_id: int = msgspec.field(default=0, name="t")
    agg_trade_id: int = msgspec.field(default=0, name="a")


class Frame(Payload, gc=False):
    """A bare payload, or a combined frame around one."""

    data: Payload | None = None


_decode = msgspec.json.Decoder(Frame, strict=False).decode


def parse_frame(text: bytes, recv: int | None = None) -> Row | None:
    """Return the row of a `trade` or `aggTrade` frame; without a receive time the trade's own time is used."""
    frame = _decode(text)
    trade = frame.data or frame
    if trade.event == "aggTrade":
        number = trade.agg_trade_id
    elif trade.event == "trade":
        number = trade.trade_id
    else:
        return None
    if trade.price == 0 or trade.qty == 0:  # such frames of futures report the insurance fund and auto-deleveraging
        return None
    ts = trade.ts
    return tick(trade.event, trade.symbol, number, ts, ts if recv is None else recv, trade.price, trade.qty, trade.buyer_maker)


def parse_capture(line: bytes) -> Row | None:
    """Return the row of a line of a capture."""
    if TRADE_MARK not in line:
        return None
    recv, _, text = line.partition(b" ")
    return parse_frame(text, int(recv) // 1_000_000)
