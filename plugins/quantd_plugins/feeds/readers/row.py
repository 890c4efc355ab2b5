"""What a line becomes."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

import quantd

Row = tuple[int, str, quantd.Tick | quantd.Bar]
"""When it became known (ms), what its id counts (`trade`, `aggTrade`, `tick`) or `bar`, and the event."""
Parse = Callable[[bytes], Row | None]
"""Reads one line: None if it is sound but holds no event; raises one of BAD_LINE if it is not sound."""

BAD_LINE = (ValueError, LookupError, OverflowError, msgspec.DecodeError)
MICROSECONDS = 10**14
"""Stamps from here on are in microseconds."""
EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: a trade outside is a wrong number, or seconds for milliseconds."""
"""Stamps from here on (the year 5138 in ms) are microseconds."""
LARGEST_ID = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tick(kind: str, symbol: str, number: int, ts: int, recv: int, price: float, qty: float, buyer_maker: bool) -> Row:
    """Raises ValueError for what cannot be a trade."""
    if not (0 < price < math.inf and 0 < qty < math.inf):
        raise ValueError("no price or no quantity")
    if not (symbol and 0 <= number <= LARGEST_ID):
        raise ValueError("no symbol or no id")
    if not (EARLIEST < ts < LATEST and EARLIEST < recv < LATEST):
        raise ValueError("a time that is not in milliseconds of this century")
    return recv, kind, quantd.Tick(symbol.upper(), number, ts, recv, price, qty, buyer_maker)


def milliseconds(stamp: float | str) -> int:
    """Of milliseconds, of microseconds, or of ISO-8601 text, which is UTC unless it says otherwise. Raises ValueError.

    >>> milliseconds(1723161256322000), milliseconds("1723161256322"), milliseconds("2024-08-08T23:54:16.322Z")
    (1723161256322, 1723161256322, 1723161256322)
    """
    if isinstance(stamp, str):
        stamp = _number(stamp)
    return int(stamp) if stamp < MICROSECONDS else int(stamp) // 1000


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)
