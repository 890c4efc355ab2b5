"""How the daemon, its feeds and the record of each symbol fare."""

from typing import Protocol

from msgspec import Struct

from quantd.model import Gap
from quantd.plugin.feed_health import FeedHealth
from quantd.supervision.troubles import Trouble


class FeedState(Struct, frozen=True):
    """How a feed fares."""

    name: str
    state: str
    """starting, warming, live or down."""
    last_tick: int | None
    ticks: int
    refused: int
    warm: int
    """How many of its `symbols` have their past."""
    symbols: int
    clock_offset: int | None = None
    """How far the venue's clock is ahead of this host's, ms; None where it is not known."""
    health: FeedHealth = FeedHealth()


class SymbolQuality(Struct, frozen=True):
    """How good what is known of a symbol is. Latencies are from the exchange's time of a trade to its receipt, ms."""

    symbol: str
    state: str
    """starting, warming, live, quiet (no trade for a minute), closed (nor will there be one: its market is closed) or down; unlisted where
    the exchange does not list it, delisted where it no longer does."""
    last_id: int | None
    last_tick: int | None
    """Its time, ms."""
    ticks: int
    duplicates: int
    refused: int
    missing: int
    """Trade ids that are missing now."""
    lost: int
    """Those of them that are not to be had."""
    repaired: int
    """Trades that were missing and came after all."""
    late: int
    """Trades that came too late for their bar."""
    latency_p50: float | None
    latency_p99: float | None
    gaps: list[Gap]
    """Those that are open, by id."""
    notes: list[str] = []
    """What else is to be known of its record: what of it was found broken in this run."""


class Status(Protocol):
    """What an operator asks first."""

    def now(self) -> int:
        """The daemon's clock, ms."""
        ...

    def feeds(self) -> list[FeedState]:
        """How each feed fares."""
        ...

    def quality(self) -> list[SymbolQuality]:
        """Of every symbol that streams."""
        ...

    def troubles(self) -> list[Trouble]:
        """What is wrong at present, oldest first."""
        ...
