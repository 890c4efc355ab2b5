"""Stage 5: ticks, bars and points go to the store in batches of at most a second, written by a thread of its own."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from quantd.clock import Clock
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import Store
from quantd.plugin.guard import Guard

_LONGEST_S = 1.0
_LARGEST = 50_000
_MOST_KEPT = 1_000_000
_log = logging.getLogger("quantd.flow")


class Recorder:
    """Collects rows and writes them when a batch is due. Meanwhile the next one gathers; once that is full too, who brings rows waits."""

    def __init__(self, store: Store, guard: Guard, clock: Clock) -> None:
        self.dropped = 0
        self.store = store
        self._guard = guard
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "record")
        self._since = clock.monotonic()
        self._writing: asyncio.Task[bool] | None = None
        self._ticks: list[Tick] = []
        self._bars: list[Bar] = []
        self._points: list[PairPoint] = []

    def ticks(self, ticks: Sequence[Tick]) -> None:
        self._ticks += ticks

    def bars(self, bars: Sequence[Bar]) -> None:
        self._bars += bars

    def points(self, points: Sequence[PairPoint]) -> None:
        self._points += points

    async def write_if_due(self) -> None:
        """Begin to write once a second, or sooner when much has come."""
        while self._writing and len(self._ticks) >= _LARGEST:
            await asyncio.shield(self._writing)
        if not self._writing and (self._clock.monotonic() - self._since >= _LONGEST_S or len(self._ticks) >= _LARGEST):
            self._begin()

    async def write(self) -> bool:
        """Write what there is; whether it is durable. What the store does not take is kept and tried again, up to a limit."""
        while self._writing:
            await asyncio.shield(self._writing)
        return await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[bool]:
        batch = self._ticks, self._bars, self._points
        self._ticks, self._bars, self._points = [], [], []
        self._since = self._clock.monotonic()
        self._writing = asyncio.create_task(self._write(*batch), name="record")
        return self._writing

    async def _write(self, ticks: list[Tick], bars: list[Bar], points: list[PairPoint]) -> bool:
        rows = ticks, bars, points
        try:
            if any(rows) and not await asyncio.get_running_loop().run_in_executor(self._thread, self._guard.call, self._append, *rows):
                self._keep(*rows)
                return False
            return True
        finally:
            self._writing = None

    def _append(self, ticks: list[Tick], bars: list[Bar], points: list[PairPoint]) -> bool:
        self.store.append(ticks, bars, points)
        return True

    def _keep(self, ticks: list[Tick], bars: list[Bar], points: list[PairPoint]) -> None:
        rows = len(ticks) + len(bars) + len(points)
        if rows > _MOST_KEPT:
            self.dropped += rows
            _log.error("the store has failed for too long: %d rows are not recorded", rows)
            return
        self._ticks, self._bars, self._points = ticks + self._ticks, bars + self._bars, points + self._points

    async def close(self) -> None:
        """Write the rest and close the store."""
        if not await self.write():
            rows = len(self._ticks) + len(self._bars) + len(self._points)
            _log.error("the store does not take the last %d rows: they are not recorded", rows)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._guard.call, self.store.close)
        self._thread.shutdown()
