"""Market data of a running flow."""

from collections.abc import Hashable

import numpy as np

from quantd.history.live_bars import LiveBars
from quantd.history.recent_ticks import TICKS
from quantd.model import Bar, BookBar, Tick, Ticker
from quantd.pool import ANYBODY, Asker
from quantd.runtime.runtime import Runtime
from quantd.services.live.lookup import stage_of
from quantd.services.market import Market


class LiveMarket(Market):
    """Reads market data from the history and from the open bars."""

    def __init__(self, runtime: Runtime, bars: LiveBars) -> None:
        self._runtime = runtime
        self._history = runtime.outputs.history
        self._bars = bars

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        return await self._bars.bars(symbol, every, start, end, limit, asker)

    def version(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None
    ) -> Hashable | None:
        return self._bars.version(symbol, every, start, end, limit)

    async def prepare(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> None:
        await self._bars.prepare(symbol, every, start, end, limit, asker)

    def event_bars(self, symbol: str) -> list[str]:
        stage = stage_of(self._runtime, symbol)
        return [each.label for each in stage.events] if stage else []

    def timeframes(self, symbol: str) -> list[str]:
        stage = stage_of(self._runtime, symbol)
        return [*stage.every, *(each.label for each in stage.events)] if stage else []

    def newest_bar(self, symbol: str, every: str) -> Bar | None:
        bars = self._history.recent_bars(symbol, every)
        return bars[-1] if len(bars) else None

    def book_timeframes(self, symbol: str) -> list[str]:
        stage = stage_of(self._runtime, symbol)
        return list(stage.every) if stage and stage.book else []

    def books(self, symbol: str, every: str) -> list[BookBar]:
        return self._history.books(symbol, every)

    def ticks(
        self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000, before_id: int | None = None
    ) -> list[Tick]:
        if before_id is None:
            return list(self._history.ticks(symbol, start, end, limit))
        found = self._history.ticks(symbol, start, end)
        ids = found.rows["id"]
        older = np.flatnonzero(ids < before_id)
        places: list[int] = older[np.argsort(ids[older], kind="stable")][-limit:].tolist()
        return [found[at] for at in places]

    def tick_counts(self) -> dict[str, int]:
        return self._history.tick_counts()

    def tick_capacity(self) -> int:
        return TICKS

    def last_tick(self, symbol: str) -> Tick | None:
        return self._history.last_tick(symbol)

    def ticker(self, symbol: str) -> Ticker | None:
        return self._history.ticker(symbol)

    def clear_ticks(self, symbol: str | None) -> None:
        self._history.clear_ticks(symbol)
