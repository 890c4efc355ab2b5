"""The recorded rows: what the store holds, and orders to delete from it."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from quantd.errors import QuantdError
from quantd.model import Bar, Tick
from quantd.pool import ANYBODY, Asker


class Unsupported(QuantdError):
    """Raised if there is no store, or the store cannot do what it is asked."""


class TooMany(QuantdError):
    """Raised if more rows are asked for than are answered at once."""


class Holdings(Struct, frozen=True):
    """What is recorded of trades, and the space that the whole record takes."""

    ticks: Mapping[str, int]
    """Number of recorded trades by symbol."""
    first: int | None
    """Time of the first recorded trade, ms; None without any."""
    last: int | None
    """Time of the last one, ms."""
    size: int
    """Size in bytes."""


class Database(Protocol):
    """The store of the daemon. Every method raises Unsupported, or StateUnusable if the store fails; those that read raise Busy, too."""

    async def holdings(self, asker: Asker = ANYBODY) -> Holdings:
        """Return what is recorded."""
        ...

    async def ticks(self, symbol: str, start: int | None, end: int | None, limit: int, asker: Asker = ANYBODY) -> list[Tick]:
        """Return the oldest `limit` recorded trades of start <= ts < end, by time."""
        ...

    async def bars(self, symbol: str, every: str, start: int | None, end: int | None, most: int, asker: Asker = ANYBODY) -> list[Bar]:
        """Return the recorded bars of start <= ts < end, ascending. Timeframes that are not recorded are merged from shorter ones. Raises
        TooMany if there are more than `most`."""
        ...

    async def remove(self, before: int | None) -> int:
        """Delete the rows of before a time (ms), or all. Return their number. What is in memory stays: windows, open bars, rules.
        A deletion goes on to its end also if its caller is cancelled."""
        ...

    async def compact(self) -> int:
        """Give the space of deleted rows back to the system. Return the size of the store in bytes."""
        ...
