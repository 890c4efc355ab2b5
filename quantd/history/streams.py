"""What the history needs of the running flow: the symbols that stream, their open bars, and the venue to ask for older ones."""

from collections.abc import Sequence
from typing import Protocol

from quantd.clock import Clock
from quantd.model import Bar, Tick
from quantd.plugin.base import Feed


class SymbolBars(Protocol):
    """A symbol of which bars are made. `flow.symbol.SymbolStage` is one."""

    @property
    def symbol(self) -> str: ...

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of the bars that it makes and that are recorded."""
        ...

    @property
    def base(self) -> str:
        """The timeframe of the bars that its ticks make."""
        ...

    @property
    def ready(self) -> bool:
        """Whether its bars have begun: they do not before its past is there."""
        ...

    def is_event(self, every: str) -> bool:
        """Whether bars of this `every` end with an event."""
        ...

    def forming(self, every: str) -> list[Bar]:
        """The open bars of one of its timeframes, oldest first."""
        ...

    def sketch(self, ticks: Sequence[Tick]) -> list[Bar]:
        """What the open bars of the base timeframe would be of these trades alone, oldest first."""
        ...


class Venue(Protocol):
    """Where a symbol is traded. `flow.feed.FeedFlow` is one."""

    @property
    def feed(self) -> Feed: ...

    @property
    def clock(self) -> Clock:
        """The time by the venue's own clock."""
        ...


class Streams(Protocol):
    """The symbols that stream now."""

    def symbol_bars(self, symbol: str) -> SymbolBars | None:
        """What makes the bars of a symbol; None for one that does not stream."""
        ...

    def venue(self, symbol: str) -> Venue | None:
        """Where a symbol is traded; None for one that does not stream."""
        ...

    def waiting(self, symbol: str) -> Sequence[Tick]:
        """The trades of a symbol whose bars have not begun, by id."""
        ...
