"""Bars of a streaming symbol in any timeframe, closed and open.

    |--- klines of the exchange ---|--- recorded, or merged from recorded ---|--- open ---|
    where nothing is recorded       History                                   the flow's

A range ends where the bars end, not at the wall clock, which may be ahead or behind; the feed may also have been down for long.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby

import msgspec

from quantd.clock import Clock
from quantd.history.history import History
from quantd.history.klines import LOOK_BACK
from quantd.history.older_bars import MOST_BARS, OlderBars
from quantd.history.streams import Streams, SymbolBars
from quantd.model import WHOLE, Bar, Tick
from quantd.pool import Asker, Pool
from quantd.stats.bars import longest_source, merge
from quantd.timeframes import Timeframe, timeframe
from quantd.times import FOR_EVER


class LiveBars:
    """Reads recorded bars, those in memory and open ones. If these do not reach back far enough, it asks the exchange."""

    def __init__(self, history: History, streams: Streams, clock: Clock, pool: Pool) -> None:
        self._history = history
        self._streams = streams
        self._older = OlderBars(streams.venue, clock)
        self._clock = clock
        self._pool = pool

    async def bars(self, symbol: str, every: str, start: int | None, end: int | None, limit: int | None, asker: Asker) -> list[Bar]:
        """Return the bars of start <= ts < end, ascending, open ones included, but only the last `limit` of them, by default and at most
        10,000. Return none for a symbol that does not stream. Raises Busy."""
        source = self._streams.symbol_bars(symbol)
        if source is None:
            return []
        if not source.is_event(every):
            await self._reach(source, every, self._count_back(timeframe(every).step, start, end, limit or LOOK_BACK), asker)
        forming = _forming(source, every, self._streams.waiting(symbol))
        return await self._pool.read(asker, self._read, source, every, forming, start, end, limit)

    async def shared(self, symbols: Sequence[str], every: str, count: int, asker: Asker) -> list[list[Bar]]:
        """Return the last `count` closed bars of each symbol, up to the last one that all of them have; none for a symbol that does not
        stream. Raises Busy."""
        sources = [self._streams.symbol_bars(symbol) for symbol in symbols]
        await asyncio.gather(*(self._reach(source, every, count, asker) for source in sources if source))
        return await self._pool.read(asker, self._shared, sources, every, count)

    def forget(self, symbol: str) -> None:
        """Drop the fetched bars of a symbol."""
        self._older.forget(symbol)

    def _count_back(self, step: int, start: int | None, end: int | None, limit: int) -> int:
        """Return how many bars of `step` ms lie between now and the oldest of the newest `limit` bars of start <= ts < end."""
        now = self._clock.now()
        oldest = max(start or 0, min(now if end is None else end, now) - limit * step)
        return max(0, now - oldest) // step + 1

    async def _reach(self, source: SymbolBars, every: str, count: int, asker: Asker) -> None:
        """Fetch the missing ones of the last `count` closed bars: some may be older than what is recorded or merged."""
        symbol = source.symbol
        if source.is_event(every) or self._older.has(symbol, every, count):
            return
        known = await self._pool.read(asker, self._closed, source, every, FOR_EVER, count)
        if sum(bar.quality in WHOLE for bar in known) < count and not self._older.has(symbol, every, count):
            await asker.wait(self._older.fetch(symbol, every, count), None)

    # --- run in a thread of the pool ---------------------------------------------------------------------------------------------------

    def _read(
        self, source: SymbolBars, every: str, forming: Sequence[Bar], start: int | None, end: int | None, limit: int | None
    ) -> list[Bar]:
        since, until, count = start or 0, FOR_EVER if end is None else end, min(limit or MOST_BARS, MOST_BARS)
        found = {bar.ts: bar for bar in self._open(source, every, forming) if since <= bar.ts < until}
        found |= {bar.ts: bar for bar in self._closed(source, every, until, count, since)}
        return [found[ts] for ts in sorted(found)[-count:]]

    def _shared(self, sources: Sequence[SymbolBars | None], every: str, count: int) -> list[list[Bar]]:
        newest = [self._newest(source, every) for source in sources if source]
        until = min((ts for ts in newest if ts is not None), default=0) + 1
        return [self._closed(source, every, until, count) if source else [] for source in sources]

    def _newest(self, source: SymbolBars, every: str) -> int | None:
        """Return the open time (ms) of the last closed bar; None without one."""
        return next((bar.ts for bar in self._closed(source, every, FOR_EVER, 1)), None)

    def _closed(self, source: SymbolBars, every: str, until: int, count: int, since: int = 0) -> list[Bar]:
        """Return the newest `count` closed bars of since <= ts < until, ascending."""
        if source.is_event(every):
            return self._history.bars(source.symbol, every, since, until, count)
        made = self._history.merged_bars(source.symbol, every, source.every, since, until, count)
        older = self._older.bars(source.symbol, every)
        if not older:
            return made
        found = {ts: bar for ts, bar in older.items() if since <= ts < until}
        recorded = every in source.every
        found |= {bar.ts: bar for bar in made if recorded or bar.quality in WHOLE or bar.ts not in found}
        return [found[ts] for ts in sorted(found)[-count:]]

    def _open(self, source: SymbolBars, every: str, forming: Sequence[Bar]) -> Sequence[Bar]:
        """Return the open bars of `every`, given the open bars of `every` or of the timeframe that it is merged from."""
        if _is_made(source, every):
            return forming
        frame = timeframe(every)
        shorter = longest_source(frame, source.every)
        if shorter is None:
            return []
        begin = self._history.open_from(source.symbol, shorter, frame)
        parts = {bar.ts: bar for bar in forming if bar.ts >= begin}
        parts |= {bar.ts: bar for bar in self._history.bars(source.symbol, shorter.name, begin, FOR_EVER)}
        return _merged([parts[ts] for ts in sorted(parts)], frame)


def _forming(source: SymbolBars, every: str, waiting: Sequence[Tick]) -> list[Bar]:
    """Return the open bars of a timeframe, or of the one that it is merged from, oldest first."""
    if not _is_made(source, every):
        shorter = longest_source(timeframe(every), source.every)
        return _forming(source, shorter.name, waiting) if shorter else []
    if source.ready or source.is_event(every):
        return source.forming(every)
    open_bars = source.sketch(waiting)
    return open_bars if every == source.base else _merged(open_bars, timeframe(every))


def _is_made(source: SymbolBars, every: str) -> bool:
    return every in (source.base, *source.every) or source.is_event(every)


def _merged(parts: Sequence[Bar], frame: Timeframe) -> list[Bar]:
    made = [merge(list(group), frame.name, ts, whole=False) for ts, group in groupby(parts, lambda bar: frame.floor(bar.ts))]
    return [msgspec.structs.replace(bar, quality="forming") for bar in made]
