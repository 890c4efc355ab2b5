"""The row that a line of a file becomes."""

import math
from collections.abc import Callable

import msgspec

import quantd

Row = tuple[int, str | None, quantd.Tick | quantd.Bar | quantd.Status]
"""The receive time (ms); the kind (`trade`, `aggTrade` or `tick` for what its id counts, `bar`, or None for a doubt); and the event."""
Trade = tuple[int, str, quantd.Tick]
"""A row of a trade."""
Parse = Callable[[bytes], Row | None]
"""Reads one line: returns None if it is valid but holds no event; raises one of BAD_LINE if it is invalid."""

BAD_LINE = (ValueError, LookupError, OverflowError, msgspec.DecodeError)
EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: a trade outside this range has an invalid time."""
TOO_MUCH = 1e12
"""The core refuses prices and quantities from this limit on."""
LARGEST_ID = 2**63 - 1


class Unpriced(ValueError):
    """A trade with an invalid price or quantity. Its row gives counters of trades the time, with a price that is not used."""

    def __init__(self, row: Row) -> None:
        super().__init__("no price or no quantity")
        self.row = row


def tick(kind: str, symbol: str, number: int, ts: int, recv: int, price: float, qty: float, buyer_maker: bool) -> Trade:
    """Return a tick. Raises ValueError for values that cannot be a trade."""
    if not (symbol and 0 <= number <= LARGEST_ID):
        raise ValueError("no symbol or no id")
    if not (EARLIEST < ts < LATEST and EARLIEST < recv < LATEST):
        raise ValueError("a time that is not of this century")
    if not (0 < price < TOO_MUCH and 0 < qty < TOO_MUCH):
        raise Unpriced((recv, kind, quantd.Tick(symbol.upper(), number, ts, recv, math.nan, 0.0, buyer_maker)))
    return recv, kind, quantd.Tick(symbol.upper(), number, ts, recv, price, qty, buyer_maker)
