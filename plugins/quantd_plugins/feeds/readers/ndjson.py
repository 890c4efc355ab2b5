"""What simple collectors write: one JSON object a line, `{"symbol", "ts", "price", "size"}` or a bare Binance payload."""

import re

import msgspec

from quantd_plugins.feeds.readers.frames import TRADE_MARK, parse_frame
from quantd_plugins.feeds.readers.row import Row, milliseconds, tick


class Collected(msgspec.Struct, gc=False):
    """A trade without an id; `qty` is another name for `size`."""

    symbol: str
    ts: int | float | str
    price: float
    size: float | None = None
    qty: float | None = None


_decode = msgspec.json.Decoder(Collected, strict=False).decode
_is_frame = re.compile(rb'"e"\s*:').search


def parse_ndjson(line: bytes) -> Row | None:
    """One trade. Who was the maker is not known of a collected one: False."""
    if _is_frame(line):
        return parse_frame(line) if TRADE_MARK in line else None
    if line.isspace():
        return None
    trade = _decode(line)
    size = trade.qty if trade.size is None else trade.size
    if size is None:
        raise ValueError("no size")
    ts = milliseconds(trade.ts)
    return tick("tick", trade.symbol, 0, ts, ts, trade.price, size, False)
