"""Bars, trades, tickers and book bars of a symbol."""

from collections.abc import Sequence
from typing import Protocol

from quantd.model import Bar, BookBar, Tick, Ticker
from quantd.pool import ANYBODY, Asker


class Market(Protocol):
    """Market data by symbol. Times are ms."""

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        """Bars of start <= ts < end, ascending, the newest `limit` of them; the last one may be forming. Timeframes that are not
        recorded are merged on reading. Empty without data. ValueError for what is no timeframe, Busy if it is not answered in time."""
        ...

    def event_bars(self, symbol: str) -> list[str]:
        """The labels of the bars that it has beside those of time; `bars` takes them as `every`."""
        ...

    def books(self, symbol: str, every: str) -> Sequence[BookBar]:
        """The recent book bars, ascending; empty where no pipeline asks for quotes, or for none of that timeframe."""
        ...

    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000) -> list[Tick]:
        """The newest `limit` ticks in memory of start <= ts < end, ascending."""
        ...

    def tick_counts(self) -> dict[str, int]:
        """Ticks in memory by symbol, of symbols that have any."""
        ...

    def tick_capacity(self) -> int:
        """How many ticks of a symbol are in memory at most."""
        ...

    def last_tick(self, symbol: str) -> Tick | None:
        """The newest tick in memory."""
        ...

    def ticker(self, symbol: str) -> Ticker | None:
        """The newest 24 h ticker."""
        ...

    def clear_ticks(self, symbol: str | None) -> None:
        """Forget the ticks in memory of one symbol, or of all: what REST shows, never a pair's window."""
        ...
