"""Market data of a running flow."""

from quantd.clock import Clock
from quantd.flow.past import LOOK_BACK
from quantd.history.history import TICKS
from quantd.model import Bar, BookBar, Tick, Ticker
from quantd.pool import ANYBODY, Asker, Pool
from quantd.runtime.runtime import Runtime
from quantd.services.candles import Candles, forming
from quantd.services.live.lookup import stage_of
from quantd.services.market import Market
from quantd.timeframes import timeframe


class LiveMarket(Market):
    """Reads the history, and what is still forming."""

    def __init__(self, runtime: Runtime, candles: Candles, clock: Clock, pool: Pool) -> None:
        self._runtime = runtime
        self._history = runtime.outlets.history
        self._candles = candles
        self._clock = clock
        self._pool = pool

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        stage = stage_of(self._runtime, symbol)
        if stage is None:
            return []
        if every not in self.event_bars(symbol):
            count = self._count_back(timeframe(every).step, start, end, limit or LOOK_BACK)
            await self._candles.reach(stage, every, count, asker)
        waiting = next((ticks for flow in self._runtime.flows if (ticks := flow.waiting(symbol))), ())
        return await self._pool.read(asker, self._candles.read, stage, every, forming(stage, every, waiting), start, end, limit)

    def _count_back(self, step: int, start: int | None, end: int | None, limit: int) -> int:
        """How many bars of `step` ms it takes from now back to the oldest of the newest `limit` of start <= ts < end."""
        now = self._clock.now()
        oldest = max(start or 0, min(now if end is None else end, now) - limit * step)
        return max(0, now - oldest) // step + 1

    def event_bars(self, symbol: str) -> list[str]:
        stage = stage_of(self._runtime, symbol)
        return [each.label for each in stage.events] if stage else []

    def books(self, symbol: str, every: str) -> list[BookBar]:
        return self._history.books(symbol, every)

    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000) -> list[Tick]:
        inside = [tick for tick in self._history.ticks(symbol) if (start is None or tick.ts >= start) and (end is None or tick.ts < end)]
        return inside[-limit:]

    def tick_counts(self) -> dict[str, int]:
        return self._history.tick_counts()

    def tick_capacity(self) -> int:
        return TICKS

    def last_tick(self, symbol: str) -> Tick | None:
        ticks = self._history.ticks(symbol)
        return ticks[-1] if ticks else None

    def ticker(self, symbol: str) -> Ticker | None:
        return self._history.ticker(symbol)

    def clear_ticks(self, symbol: str | None) -> None:
        self._history.clear_ticks(symbol)
