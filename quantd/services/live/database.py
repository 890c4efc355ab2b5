"""The record of a running flow."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from quantd.clock import Clock
from quantd.errors import QuantdError, StateUnusable
from quantd.flow.record import Recorder
from quantd.history.history import History
from quantd.history.store_reader import Span
from quantd.model import Bar, Tick
from quantd.pool import ANYBODY, Asker, Busy, Pool
from quantd.runtime.runtime import Runtime
from quantd.services.database import Database, Holdings, TooMany, Unsupported
from quantd.services.live.lookup import stage_of
from quantd.stats.bars import longest_source
from quantd.timeframes import DAY, HOUR, MINUTE, timeframe
from quantd.times import FOR_EVER

_OF_TICK = ("id", "ts", "recv", "price", "qty", "buyer_maker")
_RECENT = MINUTE
"""Trades that went missing more recently (ms) may still arrive: they stay missing after a deletion of everything."""
_log = logging.getLogger("quantd.live")
T = TypeVar("T")


class LiveDatabase(Database):
    """Reads the store without what is in memory, and deletes from it in the thread that writes to it."""

    def __init__(self, runtime: Runtime, pool: Pool, clock: Clock) -> None:
        self._runtime = runtime
        self._outputs = runtime.outputs
        self._pool = pool
        self._clock = clock
        self._removing: set[asyncio.Task[int]] = set()
        self._recorded = History(self._outputs.recorder.store if self._outputs.recorder else None)
        """Has nothing in memory, and so answers from the store alone."""

    async def holdings(self, asker: Asker = ANYBODY) -> Holdings:
        return await self._read(asker, self._holdings)

    async def ticks(self, symbol: str, start: int | None, end: int | None, limit: int, asker: Asker = ANYBODY) -> list[Tick]:
        return await self._read(asker, lambda: self._ticks(symbol, start, end, limit))

    async def bars(self, symbol: str, every: str, start: int | None, end: int | None, most: int, asker: Asker = ANYBODY) -> list[Bar]:
        return await self._read(asker, lambda: self._bars(symbol, every, start, end, most))

    async def remove(self, before: int | None) -> int:
        removing = asyncio.create_task(self._remove(before), name="delete recorded rows")
        self._removing.add(removing)
        removing.add_done_callback(self._removing.discard)
        try:
            return await asyncio.shield(removing)
        except asyncio.CancelledError:  # the caller has gone: half a deletion would leave bars of deleted trades, or fetch some again
            removing.add_done_callback(_tell_failure)
            raise

    async def close(self) -> None:
        """Give up the deletions that run."""
        removing = list(self._removing)
        for each in removing:
            each.cancel()
        await asyncio.gather(*removing, return_exceptions=True)

    async def _remove(self, before: int | None) -> int:
        with self._told() as recorder:
            async with self._outputs.rebuilding:
                removed = await recorder.remove(FOR_EVER if before is None else before)
            self._forget_missing(self._clock.now() - _RECENT if before is None else before)
            return removed

    async def compact(self) -> int:
        with self._told() as recorder:
            await recorder.compact()
        return (await self.holdings()).size

    async def _read(self, asker: Asker, read: Callable[[], T]) -> T:
        with self._told():
            return await self._pool.read(asker, read)

    @contextmanager
    def _told(self) -> Iterator[Recorder]:
        """Yield the recorder. What its store raises is told as Unsupported or StateUnusable."""
        recorder = self._outputs.recorder
        if recorder is None:
            raise Unsupported("Nothing is recorded: the config names no store")
        try:
            yield recorder
        except (QuantdError, Busy):
            raise
        except NotImplementedError:
            raise Unsupported(f"The store {type(recorder.store).__name__} cannot do this") from None
        except Exception as error:  # a store may raise anything
            raise StateUnusable(f"the store {type(recorder.store).__name__} failed: {error}") from error

    def _forget_missing(self, before: int) -> None:
        """Have nobody fetch what went missing before a time (ms)."""
        for flow in self._runtime.flows:
            flow.members.forget_missing(before)
        records = self._outputs.records
        gaps = [gap for gap in records.open_gaps() if gap.end < before and not stage_of(self._runtime, gap.symbol)] if records else []
        self._outputs.tell_gaps([replace(gap, closed=self._clock.now()) for gap in gaps])

    # --- run in a thread of the pool ---------------------------------------------------------------------------------------------------

    def _holdings(self) -> Holdings:
        spans = self._recorded.recorded_spans("ticks").values()
        first, last = min((span[0] for span in spans), default=None), max((span[1] for span in spans), default=None)
        return Holdings(self._recorded.trade_counts(), first, last, self._recorded.size())

    def _ticks(self, symbol: str, start: int | None, end: int | None, limit: int) -> list[Tick]:
        found: list[Tick] = []
        for begin, until in _parts(self._recorded.recorded_spans("ticks").get((symbol, "")), start, end, HOUR):
            columns = self._recorded.trade_columns(symbol, begin, until)
            order = np.argsort(columns["ts"], kind="stable")[: limit - len(found)]
            found += (Tick(symbol, *row) for row in zip(*(columns[name][order].tolist() for name in _OF_TICK), strict=True))
            if len(found) >= limit:
                break
        return found

    def _bars(self, symbol: str, every: str, start: int | None, end: int | None, most: int) -> list[Bar]:
        spans = {name: span for (of, name), span in self._recorded.recorded_spans("bars").items() if of == symbol and "-" not in name}
        frame = timeframe(every)
        source = frame if every in spans else longest_source(frame, spans)
        found: list[Bar] = []
        for begin, until in _parts(spans[source.name] if source else None, start, end, DAY):
            found += self._recorded.merged_bars(symbol, every, list(spans), begin, until, most + 1)
            if len(found) > most:
                raise TooMany(f"There are more than {most} bars of that time. Ask for a shorter time, or use `quantd export`")
        return found


def _tell_failure(removing: asyncio.Task[int]) -> None:
    """Log the failure of a deletion whose caller has gone."""
    if not removing.cancelled() and (error := removing.exception()):
        _log.error("not all recorded rows that should be deleted are: %s", error)


def _parts(span: Span | None, start: int | None, end: int | None, step: int) -> Iterator[Span]:
    """Yield start and end (ms) of each step, such as a day, of a range that holds recorded rows."""
    first, last = span or (0, -1)
    begin, stop = max(first // step * step, start or 0), min(last + 1, FOR_EVER if end is None else end)
    while begin < stop:
        until = min(begin // step * step + step, stop)
        yield begin, until
        begin = until
