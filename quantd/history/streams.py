"""The history's view of the running flow: the symbols that stream, their open bars, and the venue to ask for older bars."""

from collections.abc import Sequence
from typing import Protocol

from quantd.clock import Clock
from quantd.model import Bar, Tick
from quantd.plugin.base import Feed


class SymbolBars(Protocol):
    """A symbol whose bars are being made. `flow.symbol.SymbolStage` is one."""

    @property
    def symbol(self) -> str: ...

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of the bars that it makes and that are recorded."""
        ...

    @property
    def base(self) -> str:
        """The timeframe of the bars that are made from ticks."""
        ...

    @property
    def ready(self) -> bool:
        """Whether its bars have begun, which they do once its past has been read."""
        ...

    def is_event(self, every: str) -> bool:
        """Return whether bars of this `every` end with an event."""
        ...

    def forming(self, every: str) -> list[Bar]:
        """Return the open bars of one of its timeframes, oldest first."""
        ...

    def sketch(self, ticks: Sequence[Tick]) -> list[Bar]:
        """Return the open base bars that these trades alone would make, oldest first."""
        ...


class Venue(Protocol):
    """The venue of a symbol. `flow.feed.FeedFlow` is one."""

    @property
    def feed(self) -> Feed: ...

    @property
    def clock(self) -> Clock:
        """The venue's clock."""
        ...


class Streams(Protocol):
    """The symbols that stream now."""

    def symbol_bars(self, symbol: str) -> SymbolBars | None:
        """Return the maker of a symbol's bars; None for a symbol that does not stream."""
        ...

    def venue(self, symbol: str) -> Venue | None:
        """Return the venue of a symbol; None for a symbol that does not stream."""
        ...

    def waiting(self, symbol: str) -> Sequence[Tick]:
        """Return the trades of a symbol whose bars have not begun, by id."""
        ...
