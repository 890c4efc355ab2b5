"""The state of a symbol's trade stream over a connection."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

EARLY_MS = 1000


class Carrier(Protocol):
    """The part of a connection that the watch uses."""

    upto: int

    @property
    def name(self) -> str: ...
    @property
    def ready(self) -> bool: ...
    @property
    def brought(self) -> dict[str, int]:
        """Return the last trade id of each symbol that arrived."""
        ...

    @property
    def trades_of(self) -> Iterable[str]:
        """Return the symbols whose trades are wanted of this connection."""
        ...

    def retire(self, reason: str) -> None: ...


class StreamState(Struct, eq=False):
    """The last trade of a symbol that arrived over a connection, and when (s)."""

    carrier: Carrier
    begun_ms: int
    last: int | None
    heard: float
    checked: float
    newer: int = 0
    """The id of a trade that REST has reported and that has not arrived."""
    told: float = 0.0
    silent: bool = False

    def is_newer(self, number: int, ts: int) -> bool:
        """Return whether a trade of this id and ts (ms) should have arrived over the stream."""
        if self.last is None:
            return 0 < self.begun_ms < ts - EARLY_MS
        return number > self.last
