"""What has been heard of a symbol's trades over a connection."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

EARLY_MS = 1000


class Carrier(Protocol):
    """A connection, as seen from here."""

    upto: int

    @property
    def name(self) -> str: ...
    @property
    def ready(self) -> bool: ...
    @property
    def brought(self) -> dict[str, int]:
        """The last trade id that came of each symbol."""
        ...

    @property
    def trades_of(self) -> Iterable[str]:
        """The symbols whose trades are wanted of it."""
        ...

    def retire(self, reason: str) -> None: ...


class StreamState(Struct, eq=False):
    """What has been heard of a symbol over a connection, and when (s)."""

    carrier: Carrier
    begun_ms: int
    last: int | None
    heard: float
    checked: float
    newer: int = 0
    """A trade that REST has told of and that has not come."""
    told: float = 0.0
    silent: bool = False

    def is_newer(self, number: int, ts: int) -> bool:
        """Whether a trade of this id and ts (ms) should have come over the stream."""
        if self.last is None:
            return 0 < self.begun_ms < ts - EARLY_MS
        return number > self.last
