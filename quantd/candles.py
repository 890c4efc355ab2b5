"""Bars of a symbol in any timeframe, closed and open: those that are not recorded are merged from shorter ones."""

import msgspec

from quantd.clock import Clock
from quantd.flow.bars import lengthen, longest_source, merge
from quantd.flow.history import TICKS, History
from quantd.flow.pipeline import SymbolStage
from quantd.model import Bar
from quantd.timeframes import DAY, HOUR, timeframe

_OPEN_BARS = 5
_LONGEST_SEARCH = 400 * DAY


class Candles:
    """Reads the history and what is still forming."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock

    def read(self, stage: SymbolStage, every: str, start: int | None, end: int | None, limit: int | None) -> list[Bar]:
        """Bars of start <= ts < end, the open ones included, ascending; of these the last `limit`, by default and at most 10,000."""
        if any(each.label == every for each in stage.events):
            return self._events(stage, every, start, end, limit or TICKS)
        frame = timeframe(every)
        until = self._clock.now() + frame.step if end is None else end
        earliest = until - ((limit or TICKS) + _OPEN_BARS) * frame.step
        since = earliest if start is None else max(start, earliest)
        rows = [bar for bar in self.closed(stage, every, since, until) + self._forming(stage, every) if since <= bar.ts < until]
        return rows[-limit:] if limit else rows

    def closed(self, stage: SymbolStage, every: str, since: int, until: int) -> list[Bar]:
        """Closed bars of a timeframe. Any thread may call."""
        if every in stage.every:
            return self._history.bars(stage.symbol, every, since, until)
        frame = timeframe(every)
        source = longest_source(frame, stage.every)
        if source is None:
            return []
        bars = self._history.bars(stage.symbol, source.name, frame.floor(since), until)
        return [bar for bar in lengthen(bars, source, frame) if bar.ts >= since]

    def _forming(self, stage: SymbolStage, every: str) -> list[Bar]:
        if every in (*stage.every, stage.base):
            return stage.forming(every)
        frame = timeframe(every)
        source = longest_source(frame, stage.every)
        if source is None:
            return []
        start = frame.floor(self._clock.now())
        parts = [*self._history.bars(stage.symbol, source.name, start, start + frame.step), *stage.forming(source.name)]
        inside = [bar for bar in parts if frame.floor(bar.ts) == start]
        return [msgspec.structs.replace(merge(inside, every, start, whole=False), quality="forming")] if inside else []

    def _events(self, stage: SymbolStage, label: str, start: int | None, end: int | None, limit: int) -> list[Bar]:
        """How long so many of them take is not known: the search goes back farther and farther."""
        until, span = self._clock.now() + 1 if end is None else end, HOUR
        while True:
            since = until - span if start is None else max(start, until - span)
            forming = [bar for bar in stage.forming(label) if since <= bar.ts < until]
            rows = [*self._history.bars(stage.symbol, label, since, until), *forming]
            if len(rows) >= limit or since == start or span > _LONGEST_SEARCH:
                return rows[-limit:]
            span *= 8
