"""What a line becomes."""

import math
from collections.abc import Callable

import msgspec

import quantd

Row = tuple[int, str | None, quantd.Tick | quantd.Bar | quantd.Status]
"""When it became known (ms); what its id counts (`trade`, `aggTrade`, `tick`), `bar`, or None for a doubt; and the event."""
Trade = tuple[int, str, quantd.Tick]
"""A row of a trade."""
Parse = Callable[[bytes], Row | None]
"""Reads one line: None if it is sound but holds no event; raises one of BAD_LINE if it is not sound."""

BAD_LINE = (ValueError, LookupError, OverflowError, msgspec.DecodeError)
EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: a trade outside has a wrong number for its time."""
TOO_MUCH = 1e12
"""Prices and quantities from here on are refused by the core."""
LARGEST_ID = 2**63 - 1


class Unpriced(ValueError):
    """A trade whose price or quantity is none. Its row tells those who count trades when it was, with a price that nobody takes."""

    def __init__(self, row: Row) -> None:
        super().__init__("no price or no quantity")
        self.row = row


def tick(kind: str, symbol: str, number: int, ts: int, recv: int, price: float, qty: float, buyer_maker: bool) -> Trade:
    """Raises ValueError for what cannot be a trade."""
    if not (symbol and 0 <= number <= LARGEST_ID):
        raise ValueError("no symbol or no id")
    if not (EARLIEST < ts < LATEST and EARLIEST < recv < LATEST):
        raise ValueError("a time that is not of this century")
    if not (0 < price < TOO_MUCH and 0 < qty < TOO_MUCH):
        raise Unpriced((recv, kind, quantd.Tick(symbol.upper(), number, ts, recv, math.nan, 0.0, buyer_maker)))
    return recv, kind, quantd.Tick(symbol.upper(), number, ts, recv, price, qty, buyer_maker)
