"""Bars of a streaming symbol in any timeframe, closed and open.

    |--- klines of the exchange ---|--- recorded, or merged from recorded ---|--- open ---|
    where nothing is recorded       History                                   the flow's

A range ends where the bars end, not at the wall clock, which may be ahead or behind; the feed may also have been down for long.
"""

import asyncio
from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

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


class Version(NamedTuple):
    """A mark of all that the closed bars of one symbol and timeframe depend on. While it stays equal, so do the bars."""

    is_event: bool
    recorded: tuple[str, ...]
    """The timeframes that are recorded."""
    own: int
    """Version of the recorded bars that are returned or merged."""
    older: int
    """Version of the fetched bars."""


class Shared(NamedTuple):
    """Closed bars of several symbols, and what they depend on."""

    version: Hashable
    legs: list[list[Bar]]


class LiveBars:
    """Reads recorded bars, those in memory and open ones. If these do not reach back far enough, it asks the exchange.

    Equal questions at the same versions share one reading.
    """

    def __init__(self, history: History, streams: Streams, clock: Clock, pool: Pool) -> None:
        self._history = history
        self._streams = streams
        self._older = OlderBars(streams.venue, clock)
        self._clock = clock
        self._pool = pool
        self._sufficient: dict[tuple[str, str], tuple[Version, int]] = {}
        """By series, how many bars were there at a version, as far as anybody wanted. So many need not be fetched."""

    def version(self, symbol: str, every: str, start: int | None, end: int | None, limit: int | None) -> Hashable | None:
        """Return what the answer of `bars` depends on; None if `bars` has more to do than to read them."""
        source = self._streams.symbol_bars(symbol)
        if source is None:
            return None
        version = self._version(source, every)
        if not version.is_event:
            count = self._count_back(timeframe(every).step, start, end, limit or LOOK_BACK)
            if not (source.ready and self._reaches(source, every, version, count)):
                return None
        return (version, *_forming(source, every, ()))

    def shared_version(self, symbols: Sequence[str], every: str, count: int) -> Hashable | None:
        """Return what the answer of `shared` depends on; None if `shared` has more to do than to read the bars."""
        versions = []
        for symbol in symbols:
            source = self._streams.symbol_bars(symbol)
            if source is None or not self._reaches(source, every, version := self._version(source, every), count):
                return None
            versions.append(version)
        return tuple(versions)

    async def prepare(self, symbol: str, every: str, start: int | None, end: int | None, limit: int | None, asker: Asker) -> None:
        """Fetch the bars that `bars` needs and nobody has asked for. Then `version` is known, unless the exchange does not answer."""
        source = self._streams.symbol_bars(symbol)
        if source and not source.is_event(every):
            await self._reach(source, every, self._count_back(timeframe(every).step, start, end, limit or LOOK_BACK), asker)

    async def prepare_shared(self, symbols: Sequence[str], every: str, count: int, asker: Asker) -> None:
        """Fetch the bars that `shared` needs and nobody has asked for. Then `shared_version` is known, unless the exchange does not
        answer."""
        sources = [self._streams.symbol_bars(symbol) for symbol in symbols]
        await asyncio.gather(*(self._reach(source, every, count, asker) for source in sources if source))

    async def bars(self, symbol: str, every: str, start: int | None, end: int | None, limit: int | None, asker: Asker) -> list[Bar]:
        """Return the bars of start <= ts < end, ascending, open ones included, but only the last `limit` of them, by default and at most
        10,000. Return none for a symbol that does not stream. Raises Busy."""
        source = self._streams.symbol_bars(symbol)
        if source is None:
            return []
        await self.prepare(symbol, every, start, end, limit, asker)
        forming = _forming(source, every, self._streams.waiting(symbol))
        topic, state = ("bars", symbol, every, start, end, limit), (self._version(source, every), *forming)
        return await self._pool.read(asker, self._read, source, every, forming, start, end, limit, topic=topic, state=state)

    async def shared(self, symbols: Sequence[str], every: str, count: int, asker: Asker) -> Shared:
        """Return the last `count` closed bars of each symbol, up to the last one that all of them have; none for a symbol that does not
        stream. Raises Busy."""
        await self.prepare_shared(symbols, every, count, asker)
        sources = [self._streams.symbol_bars(symbol) for symbol in symbols]
        version = tuple(self._version(source, every) if source else None for source in sources)
        topic = "shared", tuple(symbols), every, count
        return Shared(version, await self._pool.read(asker, self._shared, sources, every, count, topic=topic, state=version))

    def forget(self, symbol: str) -> None:
        """Drop the fetched bars of a symbol."""
        self._older.forget(symbol)
        for key in [key for key in self._sufficient if key[0] == symbol]:
            del self._sufficient[key]

    def _version(self, source: SymbolBars, every: str) -> Version:
        symbol, recorded, is_event = source.symbol, source.every, source.is_event(every)
        name = every if is_event else _read_from(every, recorded)
        own = self._history.version("bars", symbol, name) if name else 0
        return Version(is_event, recorded, own, self._older.version(symbol, every))

    def _reaches(self, source: SymbolBars, every: str, version: Version, count: int) -> bool:
        """Return whether the last `count` closed bars of this version are there, or there is no use in asking for them."""
        if version.is_event or self._older.has(source.symbol, every, count):
            return True
        known, enough = self._sufficient.get((source.symbol, every), (None, 0))
        return count <= enough and known == version

    def _count_back(self, step: int, start: int | None, end: int | None, limit: int) -> int:
        """Return how many bars of `step` ms lie between now and the oldest of the newest `limit` bars of start <= ts < end."""
        now = self._clock.now()
        oldest = max(start or 0, min(now if end is None else end, now) - limit * step)
        return max(0, now - oldest) // step + 1

    async def _reach(self, source: SymbolBars, every: str, count: int, asker: Asker) -> None:
        """Fetch the missing ones of the last `count` closed bars: some may be older than what is recorded or merged."""
        symbol, version = source.symbol, self._version(source, every)
        if self._reaches(source, every, version, count):
            return
        topic, state = ("closed", symbol, every, count), version
        known = await self._pool.read(asker, self._closed, source, every, FOR_EVER, count, topic=topic, state=state)
        if sum(bar.quality in WHOLE for bar in known) >= count:
            self._sufficient[symbol, every] = version, count
        elif not self._older.has(symbol, every, count):
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


@lru_cache(maxsize=256)
def _read_from(every: str, recorded: tuple[str, ...]) -> str | None:
    """Return which of the recorded timeframes is read for `every`: its own, or the longest that it can be merged from."""
    source = None if every in recorded else longest_source(timeframe(every), recorded)
    return every if every in recorded else source.name if source else None


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
