"""Bars, trades, tickers and book bars of a symbol."""

from collections.abc import Hashable, Sequence
from typing import Protocol

from quantd.model import Bar, BookBar, Tick, Ticker
from quantd.pool import ANYBODY, Asker


class Market(Protocol):
    """Market data by symbol. Times are ms."""

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        """Return the newest `limit` bars of start <= ts < end, ascending; the last one may be forming. Timeframes that are not recorded are
        merged on reading. Empty without data. Raises ValueError if `every` is no timeframe, and Busy if the answer takes too long."""
        ...

    def version(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None
    ) -> Hashable | None:
        """Return what the answer of `bars` depends on. Answers at equal versions are equal. None as long as something is to be
        fetched first, or the symbol is warming up."""
        ...

    async def prepare(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> None:
        """Fetch what `bars` needs and is not there. Afterwards `version` is known, unless that has failed. Raises Busy."""
        ...

    def event_bars(self, symbol: str) -> list[str]:
        """Return the labels of a symbol's event bars, which `bars` accepts as `every`."""
        ...

    def timeframes(self, symbol: str) -> list[str]:
        """Return the timeframes at which a symbol's bars are made, and the labels of its event bars; empty if it does not stream."""
        ...

    def newest_bar(self, symbol: str, every: str) -> Bar | None:
        """Return the newest closed bar in memory."""
        ...

    def book_timeframes(self, symbol: str) -> list[str]:
        """Return the timeframes at which a symbol's book bars are made; empty if no pipeline asks for quotes."""
        ...

    def books(self, symbol: str, every: str) -> Sequence[BookBar]:
        """Return the recent book bars, ascending; empty if no pipeline asks for quotes, or for this timeframe."""
        ...

    def ticks(
        self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000, before_id: int | None = None
    ) -> list[Tick]:
        """Return the newest `limit` ticks in memory of start <= ts < end, in the order of receipt; with `before_id`, those with smaller
        ids, by id."""
        ...

    def tick_counts(self) -> dict[str, int]:
        """Return the number of ticks in memory by symbol, for symbols that have any."""
        ...

    def tick_capacity(self) -> int:
        """Return the largest number of ticks of a symbol in memory."""
        ...

    def last_tick(self, symbol: str) -> Tick | None:
        """Return the newest tick in memory."""
        ...

    def ticker(self, symbol: str) -> Ticker | None:
        """Return the newest 24 h ticker."""
        ...

    def clear_ticks(self, symbol: str | None) -> None:
        """Delete the ticks of one symbol, or of all, that REST shows. A pair's window is not affected."""
        ...
