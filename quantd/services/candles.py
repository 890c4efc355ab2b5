"""Bars of a symbol in any timeframe, closed and open: those that are not recorded are merged from shorter ones.

A range ends where the bars end, never at the wall clock: that may be ahead or behind, and the feed may have been down for long.
"""

from collections.abc import Sequence
from itertools import groupby

import msgspec

from quantd.flow.bars.merge import fills, longest_source, merge
from quantd.flow.ingest.ledger import FOR_EVER
from quantd.flow.symbol import SymbolStage
from quantd.history.history import TICKS, History
from quantd.model import WHOLE, Bar, Tick
from quantd.pool import Asker, Pool
from quantd.services.older import OlderBars
from quantd.timeframes import Timeframe, timeframe


class Candles:
    """Reads the history and what is still forming."""

    def __init__(self, history: History, older: OlderBars, pool: Pool) -> None:
        self._history = history
        self._older = older
        self._pool = pool

    async def reach(self, stage: SymbolStage, every: str, count: int, asker: Asker) -> None:
        """Have the last `count` closed bars at hand, which may be older than what is recorded, or than what they are merged of. Raises
        Busy."""
        if _is_event(stage, every) or self._older.has(stage.symbol, every, count):
            return
        known = await self._pool.read(asker, self.closed, stage, every, FOR_EVER, count)
        if sum(bar.quality in WHOLE for bar in known) < count and not self._older.has(stage.symbol, every, count):
            await asker.wait(self._older.fetch(stage, every, count), None)

    def read(
        self, stage: SymbolStage, every: str, forming: Sequence[Bar], start: int | None, end: int | None, limit: int | None
    ) -> list[Bar]:
        """Bars of start <= ts < end, ascending; of these the last `limit`, by default and at most 10,000. The open ones are included, given
        what `forming` has told. Any thread may call."""
        since, until, count = start or 0, FOR_EVER if end is None else end, min(limit or TICKS, TICKS)
        found = {bar.ts: bar for bar in self._open(stage, every, forming) if since <= bar.ts < until}
        found |= {bar.ts: bar for bar in self.closed(stage, every, until, count, since)}
        return [found[ts] for ts in sorted(found)[-count:]]

    def closed(self, stage: SymbolStage, every: str, until: int, count: int, since: int = 0) -> list[Bar]:
        """The newest `count` closed bars of since <= ts < until, ascending. Any thread may call."""
        if _is_event(stage, every):
            return self._history.last_bars(stage.symbol, every, since, until, count)
        made = self._made(stage, every, until, count, since)
        older = self._older.bars(stage.symbol, every)
        if not older:
            return made
        found = {ts: bar for ts, bar in older.items() if since <= ts < until}
        recorded = every in stage.every
        found |= {bar.ts: bar for bar in made if recorded or bar.quality in WHOLE or bar.ts not in found}
        return [found[ts] for ts in sorted(found)[-count:]]

    def _made(self, stage: SymbolStage, every: str, until: int, count: int, since: int) -> list[Bar]:
        """Those that are recorded, or merged of what is."""
        if every in stage.every:
            return self._history.last_bars(stage.symbol, every, since, until, count)
        frame = timeframe(every)
        source = longest_source(frame, stage.every)
        if source is None:
            return []
        open_from = self._open_from(stage, source, frame)
        end = min(frame.end(frame.floor(until - 1)), open_from)
        most = (count + 1) * -(-frame.step // source.step)  # of one more: the first may lack parts
        parts = self._history.last_bars(stage.symbol, source.name, since, end, most)
        buckets = [(ts, list(group)) for ts, group in groupby(parts, lambda bar: frame.floor(bar.ts)) if ts >= since]
        return [merge(group, every, ts, whole=fills(group, ts, source, frame)) for ts, group in buckets[-count:]]

    def newest(self, stage: SymbolStage, every: str) -> int | None:
        """When (ms) the last closed bar opened; None without one. Any thread may call."""
        return next((bar.ts for bar in self.closed(stage, every, FOR_EVER, 1)), None)

    def _open_from(self, stage: SymbolStage, source: Timeframe, frame: Timeframe) -> int:
        """Where (ms) the first bucket of `frame` opens that is not closed, given the closed bars of `source`."""
        for last in self._history.last_bars(stage.symbol, source.name, 0, FOR_EVER, 1):
            return frame.floor(source.end(last.ts))
        return 0

    def _open(self, stage: SymbolStage, every: str, forming: Sequence[Bar]) -> Sequence[Bar]:
        """Those of `every`, given those of it or of the timeframe that it is merged from."""
        if _is_made(stage, every):
            return forming
        frame = timeframe(every)
        source = longest_source(frame, stage.every)
        if source is None:
            return []
        begin = self._open_from(stage, source, frame)
        parts = {bar.ts: bar for bar in forming if bar.ts >= begin}
        parts |= {bar.ts: bar for bar in self._history.bars(stage.symbol, source.name, begin, FOR_EVER)}
        return _merged([parts[ts] for ts in sorted(parts)], frame)


def forming(stage: SymbolStage, every: str, waiting: Sequence[Tick]) -> list[Bar]:
    """The open bars of a timeframe, or of the one that it is merged from, oldest first. `waiting` are the trades of a stage that has not
    begun yet."""
    if _is_made(stage, every):
        return _forming(stage, every, waiting)
    source = longest_source(timeframe(every), stage.every)
    return _forming(stage, source.name, waiting) if source else []


def _is_event(stage: SymbolStage, every: str) -> bool:
    return any(each.label == every for each in stage.events)


def _is_made(stage: SymbolStage, every: str) -> bool:
    return every in (stage.base, *stage.every) or _is_event(stage, every)


def _forming(stage: SymbolStage, every: str, waiting: Sequence[Tick]) -> list[Bar]:
    """The open bars of what a stage makes, oldest first."""
    if stage.ready or any(each.label == every for each in stage.events):
        return stage.forming(every)
    open_bars = stage.sketch(waiting)
    return open_bars if every == stage.base else _merged(open_bars, timeframe(every))


def _merged(parts: Sequence[Bar], frame: Timeframe) -> list[Bar]:
    made = [merge(list(group), frame.name, ts, whole=False) for ts, group in groupby(parts, lambda bar: frame.floor(bar.ts))]
    return [msgspec.structs.replace(bar, quality="forming") for bar in made]
