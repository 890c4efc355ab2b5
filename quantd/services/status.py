"""The state of the daemon, its feeds and the record of each symbol."""

from typing import Protocol

from msgspec import Struct

from quantd.flow.warm_line import Warming
from quantd.model import Gap
from quantd.plugin.feed_health import FeedHealth
from quantd.supervision.troubles import Trouble


class FeedState(Struct, frozen=True):
    """The state of a feed."""

    name: str
    state: str
    """One of starting, warming, live and down."""
    last_tick: int | None
    ticks: int
    refused: int
    warm: int
    """Number of its `symbols` that have their past."""
    symbols: int
    clock_offset: int | None = None
    """How far the venue's clock is ahead of this host's, ms; None if it is not known."""
    health: FeedHealth = FeedHealth()
    warm_left_s: float | None = None
    """Estimated time until all symbols have their past, s; None if none is being read."""

    @property
    def progress(self) -> str:
        """The state in words, with the progress of the warm-up."""
        return self.state + (f" {Warming(self.warm, self.symbols, self.warm_left_s)}" if self.state == "warming" else "")


class SymbolQuality(Struct, frozen=True):
    """The quality of a symbol's data. Latencies are from the exchange's time of a trade to its receipt, ms."""

    symbol: str
    state: str
    """One of starting, warming, live, quiet (no trade for a minute), closed (the market is closed, so no trade is expected), down, unlisted
    (the exchange does not list the symbol) and delisted (it no longer does)."""
    last_id: int | None
    last_tick: int | None
    """Time of the last tick, ms."""
    ticks: int
    duplicates: int
    refused: int
    missing: int
    """Number of trade ids that are missing now."""
    lost: int
    """Number of the missing ids that nobody has."""
    repaired: int
    """Number of missing trades that arrived after all."""
    late: int
    """Number of trades that came too late for their bar."""
    latency_p50: float | None
    latency_p99: float | None
    gaps: list[Gap]
    """The open gaps, ordered by id."""
    notes: list[str] = []
    """Further notes on the record: what was found broken in this run."""


class Status(Protocol):
    """The state of the daemon for its operator."""

    def now(self) -> int:
        """Return the daemon's time, ms."""
        ...

    def feeds(self) -> list[FeedState]:
        """Return the state of each feed."""
        ...

    def quality(self) -> list[SymbolQuality]:
        """Return the quality of every symbol that streams."""
        ...

    def troubles(self) -> list[Trouble]:
        """Return the present troubles, oldest first."""
        ...
