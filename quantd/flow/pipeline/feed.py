"""One feed and everything that hangs off it.

Bars close where event time crosses a second, wherever the feed cuts its batches: the same events give the same rows.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

from quantd.clock import Clock
from quantd.flow.pipeline.outlets import Outlets
from quantd.flow.pipeline.pair import PairStage
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.flow.pipeline.warm import Past, fetch_past
from quantd.model import Bar, Event, PairPoint, Status, Tick, Ticker
from quantd.plugin.base import Feed, Wants
from quantd.timeframes import DAY, MINUTE, SECOND, duration, timeframe

State = Literal["starting", "live", "down"]
_log = logging.getLogger("quantd.flow")


class FeedFlow:
    """A feed, its symbols and the pairs of those. Before a symbol's bars begin, its past is fetched, if `warm` asks for it."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        outlets: Outlets,
        clock: Clock,
        *,
        warm: bool = False,
        tell_time: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.feed = feed
        self.stages: list[SymbolStage] = []
        self.pairs: list[PairStage] = []
        self.refused = 0
        self.state: State = "starting"
        self._outlets = outlets
        self._clock = clock
        self._warm = warm
        self._lateness = duration(feed.lateness)
        self._top = 0
        self._closed = 0
        self._due = 0
        self._tell_time = tell_time
        self._of: dict[str, list[SymbolStage]] = defaultdict(list)
        self._pending: dict[str, list[Tick]] = {}
        self._warming: dict[SymbolStage, asyncio.Task[None]] = {}

    def add(self, stage: SymbolStage) -> None:
        """Have a symbol from now on."""
        stage.ready = not self._warm
        self.stages.append(stage)
        self._of[stage.symbol].append(stage)
        self._pending.setdefault(stage.symbol, [])
        self.feed.want(tuple(self._of))

    def drop(self, symbol: str) -> None:
        """Have a symbol no more, nor the pairs that it is a leg of."""
        self.pairs = [pair for pair in self.pairs if symbol not in (pair.y.symbol, pair.x.symbol)]
        for stage in self._of.pop(symbol, []):
            self.stages.remove(stage)
            if task := self._warming.pop(stage, None):
                task.cancel()
        self._pending.pop(symbol, None)
        self.feed.want(tuple(self._of))

    async def run(self) -> None:
        """Drink the feed to its end, then close what is open."""
        recorder = self._outlets.recorder
        try:
            async for events in self.feed.stream(Wants(tuple(self._of), self._clock)):
                self.take(events)
                self._begin_warming()
                if recorder:
                    await recorder.write_if_due()
                await asyncio.sleep(0)
            self.finish()
        finally:
            for task in self._warming.values():
                task.cancel()
            self.state = "down"
            await self.feed.close()

    def take(self, events: Sequence[Event]) -> None:
        """One batch from the feed. A trade whose time is more than a day from when it was received is refused."""
        pending = self._pending
        for event in events:
            if type(event) is Tick:
                if abs(event.ts - event.recv) > DAY:
                    self.refused += 1
                    continue
                if event.ts >= self._due:
                    self._move_to(event.ts)
                elif event.ts > self._top:
                    self._top = event.ts
                if event.symbol in pending:
                    pending[event.symbol].append(event)
            elif type(event) is Status:
                self.state = "live" if event.healthy else "down"
                if event.healthy:
                    self._move_to(event.ts)
            elif type(event) is Bar:
                self._take_bar(event)
            elif type(event) is Ticker:
                self._outlets.history.put_ticker(event)
                self._outlets.hub.publish("tickers", [event])
        self._hand_on()
        self._look_between_closes()

    def finish(self) -> None:
        """The stream has ended: everything up to its last moment is closed."""
        self._close_to(self._top - self._lateness)
        self._deliver([(stage, stage.flush(self._top)) for stage in self.stages])

    def _take_bar(self, bar: Bar) -> None:
        end = timeframe(bar.every).end(bar.ts)
        self._move_to(end - 1)
        for stage in self._of.get(bar.symbol, ()):
            stage.take_bar(bar)

    def _move_to(self, ts: int) -> None:
        """Let event time reach `ts` and close what that closes."""
        self._top = max(self._top, ts)
        if ts >= self._due:
            self._closed = self._closed or ts - self._lateness
            self._hand_on()
            self._close_to(ts - self._lateness)
            self._due = self._closed - self._closed % SECOND + SECOND + self._lateness

    def _hand_on(self) -> None:
        """Give the pending ticks to their symbols' stages; those of a symbol that is still warming up wait."""
        for symbol, ticks in self._pending.items():
            if ticks and all(stage.ready for stage in self._of[symbol]):
                self._pending[symbol] = []
                good = self._hand(symbol, ticks)
                self._outlets.hub.publish("ticks", good)
                self._outlets.tell(self._outlets.alerts.judge_prices(symbol, good))

    def _hand(self, symbol: str, ticks: list[Tick]) -> list[Tick]:
        good: list[Tick] = []
        for stage in self._of[symbol]:
            good = stage.take(ticks)
            stage.exports.write("ticks", good)
        self._outlets.history.put_ticks(symbol, good)
        if self._outlets.recorder:
            self._outlets.recorder.ticks(good)
        return good

    def _close_to(self, watermark: int) -> None:
        """Close bars up to the watermark, in hops of at most a minute: a long silence must not make a mountain of flat bars at once."""
        while self._closed < watermark:
            self._closed = min(watermark, self._closed + MINUTE)
            if self._tell_time:
                self._tell_time(self._closed)
            self._deliver([(stage, stage.close(self._closed)) for stage in self.stages if stage.ready])

    def _deliver(self, closed: Sequence[tuple[SymbolStage, list[Bar]]], *, past: bool = False) -> None:
        """Bars to the exports, the record and the history, and on to the pairs. What is past is neither exported nor recorded anew."""
        outlets = self._outlets
        by_series: dict[tuple[SymbolStage, str], list[Bar]] = defaultdict(list)
        for stage, bars in closed:
            if not bars:
                continue
            outlets.history.put_bars(bars)
            for bar in bars:
                by_series[stage, bar.every].append(bar)
            if past:
                continue
            stage.bars_made += sum(not bar.revision for bar in bars)
            stage.exports.write("bars", bars)
            outlets.hub.publish("bars", bars)
            if outlets.recorder:
                outlets.recorder.bars(bars)
        for pair in self.pairs if by_series else ():
            self._publish(pair, pair.add(by_series), past=past)

    def _publish(self, pair: PairStage, points: list[PairPoint], *, past: bool) -> None:
        outlets = self._outlets
        outlets.history.put_points(points)
        if past or not points:
            return
        pair.exports.write("points", points)
        outlets.hub.publish("points", points)
        if outlets.recorder:
            outlets.recorder.points(points)
        outlets.tell(outlets.alerts.judge(points))

    def _look_between_closes(self) -> None:
        """Judge the live rules on the last prices, and tell the now-casts to whoever listens."""
        outlets = self._outlets
        if not (outlets.alerts.live or outlets.hub.wants("nowcasts")):
            return
        points = [point for pair in self.pairs for point in pair.nowcasts()]
        outlets.hub.publish("nowcasts", points)
        outlets.tell(outlets.alerts.judge_now(points))

    def _begin_warming(self) -> None:
        """Fetch the past of the symbols that are not ready, once the feed is live: from then on nothing is missed in between."""
        if self.state != "live":
            return
        for stage in self.stages:
            if not stage.ready and stage not in self._warming:
                self._warming[stage] = asyncio.create_task(self._warm_up(stage), name=f"warm {stage.symbol}")

    async def _warm_up(self, stage: SymbolStage) -> None:
        try:
            past = await fetch_past(self.feed, stage.symbol, stage.every, stage.seconds_needed, self._clock.now())
        except Exception as error:
            _log.warning("%s begins without its past: %s", stage.symbol, error)
            past = Past()
        self._deliver([(stage, stage.begin(past))], past=True)
        good = stage.take(past.ticks)
        self._outlets.history.put_ticks(stage.symbol, good)
        if self._outlets.recorder:
            self._outlets.recorder.ticks(good)
        stage.ready = True
        self._deliver([(stage, stage.close(self._closed))], past=True)
        del self._warming[stage]
