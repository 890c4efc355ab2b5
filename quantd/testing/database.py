"""A fake record of a store, which a test sets."""

from collections import Counter

from quantd.model import Bar, Tick
from quantd.pool import ANYBODY, Asker
from quantd.services.database import Database, Holdings


class FakeDatabase(Database):
    """A record that a test sets: `stored_ticks`, and `stored` bars by symbol and timeframe. `fault` is raised by every call."""

    def __init__(self) -> None:
        self.stored_ticks: list[Tick] = []
        self.stored: dict[tuple[str, str], list[Bar]] = {}
        self.size = 3 * 1024 * 1024
        self.fault: Exception | None = None

    async def holdings(self, asker: Asker = ANYBODY) -> Holdings:
        self._demand_health()
        times = [tick.ts for tick in self.stored_ticks]
        return Holdings(Counter(tick.symbol for tick in self.stored_ticks), min(times, default=None), max(times, default=None), self.size)

    async def ticks(self, symbol: str, start: int | None, end: int | None, limit: int, asker: Asker = ANYBODY) -> list[Tick]:
        self._demand_health()
        return [tick for tick in self.stored_ticks if tick.symbol == symbol and _is_inside(tick.ts, start, end)][:limit]

    async def bars(self, symbol: str, every: str, start: int | None, end: int | None, most: int, asker: Asker = ANYBODY) -> list[Bar]:
        self._demand_health()
        return [bar for bar in self.stored.get((symbol, every), []) if _is_inside(bar.ts, start, end)]

    async def remove(self, before: int | None) -> int:
        self._demand_health()
        kept = [tick for tick in self.stored_ticks if before is not None and tick.ts >= before]
        removed, self.stored_ticks = len(self.stored_ticks) - len(kept), kept
        return removed

    async def compact(self) -> int:
        self._demand_health()
        return self.size

    def _demand_health(self) -> None:
        if self.fault:
            raise self.fault


def _is_inside(ts: int, start: int | None, end: int | None) -> bool:
    return (start is None or start <= ts) and (end is None or ts < end)
