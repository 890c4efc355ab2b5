"""Wires the stages: what one feed brings goes through each symbol's stages, once, and from there to the pairs.

Bars close where event time crosses a second, wherever the feed cuts its batches: the same events give the same rows.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from quantd.errors import QuantdError
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.bars import Merger, bridge
from quantd.flow.exports import Exports
from quantd.flow.history import History
from quantd.flow.ingest.intake import Intake
from quantd.flow.pairs import PairSeries
from quantd.flow.record import Recorder
from quantd.model import Bar, Event, PairPoint, Status, Tick
from quantd.plugin.base import Feed, Resampler, Wants
from quantd.plugin.guard import Guard
from quantd.timeframes import DAY, MINUTE, SECOND, duration, timeframe


class SymbolStage:
    """Stages 1 and 2 of one symbol, shared by all pairs that it is a leg of."""

    def __init__(self, symbol: str, resampler: Resampler, guard: Guard, exports: Exports) -> None:
        self.symbol = symbol
        self.intake = Intake(symbol)
        self.exports = exports
        self.bars_made = 0
        self.last: Tick | None = None
        self._resampler = msgspec.structs.replace(resampler)
        self._guard = guard
        self._mergers: dict[str, Merger] = {}
        self._imported: list[Bar] = []
        self._last_import: Bar | None = None

    @property
    def lost(self) -> int:
        """Ticks that came too late for any bar."""
        return self._resampler.lost

    def take(self, ticks: Sequence[Tick]) -> list[Tick]:
        """The good and new ones among these."""
        good = self.intake.take(ticks)
        if good:
            self.last = good[-1]
            self._guard.call(self._resampler.update, good)
        return good

    def take_bar(self, bar: Bar) -> None:
        """A bar that came as a bar; buckets missing before it are filled with flat ones of quality `gap`."""
        last = self._last_import
        if last is None or bar.ts > last.ts:
            self._imported += bridge(last, bar) if last else []
            self._last_import = bar
        else:
            bar = msgspec.structs.replace(bar, revision=1)
        self._imported.append(bar)

    def close(self, watermark: int) -> list[Bar]:
        """Bars of every timeframe that close or change, now that event time is at `watermark`."""
        holes = self.intake.news_of_holes()
        if holes is not None:
            self._guard.call(self._resampler.mark_holes, holes)
        return self._merged(self._guard.call(self._resampler.advance, watermark, default=[]))

    def flush(self, until: int) -> list[Bar]:
        """All that is open, closed: the stream has ended at `until`."""
        bars = self._merged(self._guard.call(self._resampler.flush, until, default=[]))
        return bars + [bar for merger in self._mergers.values() for bar in merger.flush()]

    def _merged(self, made: list[Bar]) -> list[Bar]:
        imported, self._imported = self._imported, []
        bars = self._merger(self._resampler.base).add(made) if made else []
        return bars + (self._merger(imported[0].every).add(imported) if imported else [])

    def _merger(self, base: str) -> Merger:
        if base not in self._mergers:
            unreachable = [name for name in self._resampler.every if not timeframe(name).holds(timeframe(base))]
            if unreachable:
                names = ", ".join(unreachable)
                raise QuantdError(
                    f"{self.symbol}: the feed brings bars of {base}, of which {names} cannot be made: ask for {base} or longer"
                )
            self._mergers[base] = Merger(base, self._resampler.every, duration(self._resampler.reopen))
        return self._mergers[base]


class PairStage(Struct):
    """Stage 3 of one pair: a series for each timeframe."""

    y: SymbolStage
    x: SymbolStage
    series: tuple[PairSeries, ...]
    exports: Exports

    def add(self, bars: Mapping[tuple[SymbolStage, str], list[Bar]]) -> list[PairPoint]:
        """The points that these bars make, by timeframe."""
        points = []
        for series in self.series:
            y, x = (bars.get((leg, series.spec.every), []) for leg in (self.y, self.x))
            if y or x:
                points += series.add(y, x)
        return points

    def nowcasts(self) -> list[PairPoint]:
        """The points at the legs' last trades."""
        y, x = self.y.last, self.x.last
        if y is None or x is None:
            return []
        ts = max(y.ts, x.ts)
        return [point for series in self.series if (point := series.nowcast(ts, y.price, x.price))]


class Outlets(Struct):
    """Where rows go, besides exports. `watch` is told of each batch of now-casts."""

    history: History
    alerts: AlertEngine
    outbox: Outbox
    recorder: Recorder | None = None
    watch: Callable[[list[PairPoint]], None] | None = None


class FeedFlow:
    """One feed and everything that hangs off it."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        stages: Sequence[SymbolStage],
        pairs: Sequence[PairStage],
        outlets: Outlets,
        tell_time: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.feed = feed
        self.stages = stages
        self.pairs = pairs
        self.refused = 0
        self._outlets = outlets
        self._lateness = duration(feed.lateness)
        self._top = 0
        self._closed = 0
        self._tell_time = tell_time
        self._of: dict[str, list[SymbolStage]] = defaultdict(list)
        for stage in stages:
            self._of[stage.symbol].append(stage)
        self._pending: dict[str, list[Tick]] = {symbol: [] for symbol in self._of}

    async def run(self) -> None:
        """Drink the feed to its end, then close what is open."""
        recorder = self._outlets.recorder
        async for events in self.feed.stream(Wants(tuple(self._of))):
            self.take(events)
            if recorder:
                await recorder.write_if_due()
            await asyncio.sleep(0)
        self.finish()

    def take(self, events: Sequence[Event]) -> None:
        """One batch from the feed."""
        pending = self._pending
        for event in events:
            if type(event) is Tick:
                if event.ts > self._top and not self._move_to(event.ts, event.recv):
                    self.refused += 1
                elif event.symbol in pending:
                    pending[event.symbol].append(event)
            elif type(event) is Bar:
                self._take_bar(event)
            elif type(event) is Status and event.healthy:
                self._move_to(event.ts, event.ts)
        self._hand_on()
        if self._outlets.watch:
            self._outlets.watch([point for pair in self.pairs for point in pair.nowcasts()])

    def finish(self) -> None:
        """The stream has ended: everything up to its last moment is closed."""
        self._close_to(self._top - self._lateness)
        self._deliver([(stage, stage.flush(self._top)) for stage in self.stages])

    def _take_bar(self, bar: Bar) -> None:
        end = timeframe(bar.every).end(bar.ts)
        self._move_to(end - 1, end)
        for stage in self._of.get(bar.symbol, ()):
            stage.take_bar(bar)

    def _move_to(self, ts: int, recv: int) -> bool:
        """Let event time reach `ts` and close what that closes; False for a time that cannot be: a day from when it was received."""
        if abs(ts - recv) > DAY:
            return False
        if ts > self._top:
            self._top = ts
            self._closed = self._closed or ts - self._lateness
            if ts - self._lateness >= self._closed - self._closed % SECOND + SECOND:
                self._hand_on()
                self._close_to(ts - self._lateness)
        return True

    def _hand_on(self) -> None:
        """Give the pending ticks to their symbols' stages."""
        for symbol, ticks in self._pending.items():
            if not ticks:
                continue
            self._pending[symbol] = []
            for stage in self._of[symbol]:
                good = stage.take(ticks)
                stage.exports.write("ticks", good)
            if self._outlets.recorder:
                self._outlets.recorder.ticks(good)

    def _close_to(self, watermark: int) -> None:
        """Close bars up to the watermark, in hops of at most a minute: a long silence must not make a mountain of flat bars at once."""
        while self._closed < watermark:
            self._closed = min(watermark, self._closed + MINUTE)
            if self._tell_time:
                self._tell_time(self._closed)
            self._deliver([(stage, stage.close(self._closed)) for stage in self.stages])

    def _deliver(self, closed: Sequence[tuple[SymbolStage, list[Bar]]]) -> None:
        """Bars to the exports, the record and the history, and on to the pairs."""
        by_series: dict[tuple[SymbolStage, str], list[Bar]] = defaultdict(list)
        for stage, bars in closed:
            if not bars:
                continue
            stage.bars_made += sum(not bar.revision for bar in bars)
            stage.exports.write("bars", bars)
            self._outlets.history.put_bars(bars)
            if self._outlets.recorder:
                self._outlets.recorder.bars(bars)
            for bar in bars:
                by_series[stage, bar.every].append(bar)
        for pair in self.pairs if by_series else ():
            self._publish(pair, pair.add(by_series))

    def _publish(self, pair: PairStage, points: list[PairPoint]) -> None:
        if not points:
            return
        outlets = self._outlets
        pair.exports.write("points", points)
        outlets.history.put_points(points)
        if outlets.recorder:
            outlets.recorder.points(points)
        for alert, sinks in outlets.alerts.judge(points):
            outlets.outbox.put(alert, sinks)
