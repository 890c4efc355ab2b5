"""Stage 5: writes ticks, bars and points to the store in batches of at most a second, in a thread of its own.

If the store fails, rows wait in memory, within bounds, and the write is retried. Beyond the bounds the oldest trades are dropped and noted
as gaps, which the next run finds and fetches again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import TypeVar

from quantd.clock import Clock
from quantd.columns.pile import PointPile, TickPile
from quantd.flow.ahead import Ahead
from quantd.flow.ingest.ledger import NOT_RECORDED
from quantd.history.history import History
from quantd.model import Bar, Gap, Loss, PairPoint, Tick
from quantd.plugin.base import RowKind, Store
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles

_LONGEST_S = 1.0
_LARGEST = 50_000
_MOST_TICKS = 1_000_000
_MOST_OTHERS = 200_000
"""Largest number of bars, and of points, that wait. Those that are dropped are rebuilt from the trades after a restart."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 10.0
_KINDS: tuple[RowKind, ...] = ("points", "bars", "ticks")
"""What is made of other rows is deleted before these."""
_REMOVED = 5_000
"""Number of rows that are deleted between two writes."""
_HANGS_S = 60.0
"""A write that takes longer (s) is reported, since the flow may wait for it."""
_log = logging.getLogger("quantd.flow")
Row = TypeVar("Row", Bar, PairPoint)
T = TypeVar("T")


class Recorder:
    """Collects rows and writes them when a batch is due. Meanwhile the next batch fills; when that is full too, `write_if_due` waits,
    except for a store that fails."""

    def __init__(
        self, store: Store, guard: Guard, clock: Clock, troubles: Troubles, ahead: Ahead | None = None, history: History | None = None
    ) -> None:
        """`history` is told which rows the store has taken."""
        self.dropped = 0
        self.store = store
        self._guard = guard
        self._clock = clock
        self._troubles = troubles
        self._ahead = ahead or Ahead()
        self._history = history
        self._thread = ThreadPoolExecutor(1, "record")
        self._due = clock.monotonic() + _LONGEST_S
        """When the next write should begin, or the present one have ended, by the monotonic clock, s."""
        self._pause = 0.0
        """Pause before the next attempt after a failure, s; 0 while the store works."""
        self._writing: asyncio.Task[bool] | None = None
        self._ticks = TickPile()
        self._bars: list[Bar] = []
        self._points = PointPile()
        self._gaps: list[Gap] = []

    def ticks(self, ticks: Sequence[Tick]) -> None:
        self._ticks.add(ticks)

    def bars(self, bars: Sequence[Bar]) -> None:
        self._bars += bars

    def points(self, points: Sequence[PairPoint]) -> None:
        self._points.add(points)

    async def write_if_due(self) -> None:
        """Wait until there is room for more rows, then do the same as `begin_if_due`."""
        while self._writing and self._is_full:
            await asyncio.shield(self._writing)
        self.begin_if_due()

    def begin_if_due(self) -> None:
        """Begin a write once a second, or sooner if many rows wait. Report a write that does not end."""
        now = self._clock.monotonic()
        if self._writing:
            if now >= self._due:
                self._troubles.begin("store", self._guard.name, f"a write has not ended within {_HANGS_S:.0f} s: see to its disk")
        elif now >= self._due or self._is_full:
            self._begin()

    @property
    def _is_full(self) -> bool:
        """Whether a whole batch waits. A failing store does not count as full."""
        return len(self._ticks) >= _LARGEST and not self._pause

    async def write(self) -> bool:
        """Write all rows and return whether they are durable. Rows that the store does not take are retried later."""
        while self._writing:
            await asyncio.shield(self._writing)
        return await asyncio.shield(self._begin())

    async def remove(self, before: int) -> int:
        """Delete the recorded rows of before a time (ms), a slice at a time, so that writes go on in between. Return their number. Raises
        NotImplementedError for a store that cannot do that, and whatever else it raises."""
        await self.write()
        removed = 0
        try:
            for kind in _KINDS:
                while count := await self._aside(partial(self.store.remove, kind, before, _REMOVED)):
                    removed += count
        finally:
            if self._history:
                self._history.store_changed()
        return removed

    async def compact(self) -> None:
        """Have the store give back the space of deleted rows. Rows wait meanwhile. Raises the same as `remove`."""
        await self._aside(self.store.compact)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Call a function in the thread that writes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def losses(self) -> Sequence[Loss]:
        """Return what the store found broken."""
        return self._guard.call(self.store.losses, default=())

    def take_dropped(self) -> list[Gap]:
        """Remove and return the trades that were dropped since the last call, as gaps."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def _begin(self) -> asyncio.Task[bool]:
        batch = self._ticks, self._bars, self._points
        self._ticks, self._bars, self._points = TickPile(), [], PointPile()
        self._ahead.cut()
        self._due = self._clock.monotonic() + _HANGS_S
        self._writing = asyncio.create_task(self._write(*batch), name="record")
        return self._writing

    async def _write(self, ticks: TickPile, bars: list[Bar], points: PointPile) -> bool:
        loop = asyncio.get_running_loop()
        try:
            done = await loop.run_in_executor(self._thread, self._append_all, ticks, bars, points)
            if done:
                self._ahead.drop()
                self._works()
                if self._history:
                    self._history.recorded(bars, points.pieces)
            else:
                self._ticks.put_back(ticks)
                self._points.put_back(points)
                self._bars = bars + self._bars
                self._fails()
            return done
        finally:
            self._due = self._clock.monotonic() + max(_LONGEST_S, self._pause)
            self._writing = None

    def _append_all(self, ticks: TickPile, bars: list[Bar], points: PointPile) -> bool:
        """Write in slices if many rows wait, the last one with all bars and points. Return whether all are written; trades that are written
        leave the pile. Runs in the thread."""
        while len(ticks) > 2 * _LARGEST:
            if not self._guard.call(self._append, ticks, _LARGEST, [], PointPile()):
                return False
        rows = len(ticks) + len(bars) + len(points)
        return not rows or self._guard.call(self._append, ticks, len(ticks), bars, points, default=False)

    def _append(self, ticks: TickPile, count: int, bars: list[Bar], points: PointPile) -> bool:
        self.store.append(ticks.joined()[:count], bars, points.taken())
        ticks.drop(count)
        return True

    def _works(self) -> None:
        if self._pause:
            _log.info("the store takes rows again")
        self._pause = 0.0
        self._troubles.end("store", self._guard.name)

    def _fails(self) -> None:
        self._pause = min(max(_SHORTEST_PAUSE_S, 2 * self._pause), _LONGEST_PAUSE_S)
        self._bound()
        rows = len(self._ticks) + len(self._bars) + len(self._points)
        text = f"does not take rows: {self._guard.health().last_error}; {rows} wait in memory, {self.dropped} were dropped: see to its disk"
        self._troubles.begin("store", self._guard.name, text)

    def _bound(self) -> None:
        """Drop the oldest rows beyond the bounds, in large pieces."""
        if (many := len(self._ticks) - _MOST_TICKS) > 0:
            many += _MOST_TICKS // 10
            self._drop_ticks(self._ticks.drop(many))
        self.dropped += _cut(self._bars)
        if len(self._points) > _MOST_OTHERS:
            self.dropped += self._points.cut(_MOST_OTHERS - _MOST_OTHERS // 10)

    def _drop_ticks(self, ticks: Sequence[Tick]) -> None:
        self.dropped += len(ticks)
        self._gaps += _gaps(ticks, self._clock.now())
        _log.error("the store has failed for too long: %d trades are not recorded, and are fetched again after a restart", len(ticks))

    async def close(self) -> None:
        """Write the rest and close the store."""
        if not await self.write():
            rows = len(self._ticks) + len(self._bars) + len(self._points)
            _log.error("the store does not take the last %d rows: they are not recorded", rows)
            self._gaps += _gaps(self._ticks.joined(), self._clock.now())
        await self._aside(partial(self._guard.call, self.store.close))
        self._thread.shutdown()


def _cut(rows: list[Row]) -> int:
    """Drop the oldest rows of a list that is too long. Return their number."""
    many = len(rows) - _MOST_OTHERS
    if many <= 0:
        return 0
    del rows[: many + _MOST_OTHERS // 10]
    return many + _MOST_OTHERS // 10


def _gaps(ticks: Sequence[Tick], now: int) -> Iterator[Gap]:
    """Yield trades that are not recorded as gaps, by symbol and run of ids."""
    by_id = sorted(ticks, key=lambda tick: (tick.symbol, tick.id))
    for _, group in groupby(enumerate(by_id), lambda each: (each[1].symbol, each[1].id - each[0])):
        run = [tick for _, tick in group]
        times = [tick.ts for tick in run]
        yield Gap(run[0].symbol, run[0].id, run[-1].id, min(times), max(times), now, None, NOT_RECORDED)
