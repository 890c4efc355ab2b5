"""The format of simple collectors: one JSON object a line, `{"symbol", "ts", "price", "size", "side"}` or a bare Binance payload."""

import math
import re
from typing import Any

import msgspec

from quantd_plugins.feeds.readers.frames import TRADE_MARK, parse_frame
from quantd_plugins.feeds.readers.row import Row, tick
from quantd_plugins.feeds.readers.stamps import milliseconds


class Collected(msgspec.Struct, gc=False):
    """A trade without an id; `qty` is another name for `size`. A value of any type in the keys that may hold the side does not make a
    line invalid.
    """

    symbol: str
    ts: int | float | str
    price: float
    size: float | None = None
    qty: float | None = None
    side: Any = None
    m: Any = None
    buyer_maker: Any = None
    is_buyer_maker: Any = None
    isBuyerMaker: Any = None  # noqa: N815


_decode = msgspec.json.Decoder(Collected, strict=False).decode
_TRUTH = {"true": True, "false": False, "1": True, "0": False}
_BY_SIDE = {"buy": False, "sell": True}
_is_frame = re.compile(rb'"e"\s*:').search


class NdjsonParser:
    """Reads a line. `unnumbered` holds the symbols so far whose trades have no ids; `sideless` counts trades without a taker side."""

    def __init__(self) -> None:
        self.sideless = 0
        self.unnumbered: set[str] = set()

    def __call__(self, line: bytes) -> Row | None:
        """Return the row of one trade. If the line has no side, the buyer counts as the taker."""
        if _is_frame(line):
            return parse_frame(line) if TRADE_MARK in line else None
        if line.isspace():
            return None
        trade = _decode(line)
        size = trade.qty if trade.size is None else trade.size
        ts, maker = milliseconds(trade.ts), _buyer_maker(trade)
        row = tick("tick", trade.symbol, 0, ts, ts, trade.price, math.nan if size is None else size, bool(maker))
        self.sideless += maker is None
        self.unnumbered.add(row[2].symbol)
        return row


def _buyer_maker(trade: Collected) -> bool | None:
    """Return whether the taker sold; None if the trade has no side."""
    for told in (trade.m, trade.buyer_maker, trade.is_buyer_maker, trade.isBuyerMaker):
        if (found := _TRUTH.get(str(told).lower())) is not None:
            return found
    return _BY_SIDE.get(str(trade.side).lower())
