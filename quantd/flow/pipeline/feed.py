"""One feed and everything that hangs off it.

Bars close where event time crosses a second, wherever the feed cuts its batches: the same events give the same rows.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Literal

from quantd.clock import Clock
from quantd.flow.ingest.ledger import DISCONNECTED
from quantd.flow.pairs import Background
from quantd.flow.pipeline.delivery import Delivery
from quantd.flow.pipeline.mend import Mender, has_ids
from quantd.flow.pipeline.outlets import Outlets
from quantd.flow.pipeline.pair import PairStage
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.flow.pipeline.warm import fetch_past, has_past, recorded_bars
from quantd.model import Bar, Depth, Event, Mark, Quote, Status, Tick, Ticker
from quantd.plugin.base import Extras, Feed, FeedHealth, Wants
from quantd.timeframes import DAY, MINUTE, SECOND, duration, timeframe

State = Literal["starting", "live", "down"]
MOST_WAITING = 200_000
"""Trades of a symbol that wait for its past."""
_log = logging.getLogger("quantd.flow")


class FeedFlow:
    """A feed, its symbols and the pairs of those, whose slow jobs run in `background`. Before a symbol's bars begin, its past is fetched,
    if `warm` asks for it."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        outlets: Outlets,
        clock: Clock,
        background: Background,
        *,
        warm: bool = False,
        tell_time: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.feed = feed
        self.stages: list[SymbolStage] = []
        self.refused = 0
        self.state: State = "starting"
        self.kept: MutableMapping[str, bytes] = {}
        self.directory: Path | None = None
        self._outlets = outlets
        self._clock = clock
        self._delivery = Delivery(outlets, background)
        self._warm = warm
        self._lateness = duration(feed.lateness)
        self._top = 0
        self._closed = 0
        self._due = 0
        self._tell_time = tell_time
        self._of: dict[str, list[SymbolStage]] = defaultdict(list)
        self._pending: dict[str, list[Tick]] = {}
        self._shown: dict[str, int] = {}
        self._warming: dict[SymbolStage, asyncio.Task[None]] = {}
        self._mender = Mender(feed, outlets, clock, self._of, self._hand, self._delivery) if warm and has_ids(feed) else None

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs of its symbols."""
        return self._delivery.pairs

    def add(self, stage: SymbolStage) -> None:
        """Have a symbol from now on."""
        stage.ready = not (self._warm and has_past(self.feed))
        self.stages.append(stage)
        self._of[stage.symbol].append(stage)
        self._pending.setdefault(stage.symbol, [])
        self.feed.want(tuple(self._of), self._extras())

    def _extras(self) -> Extras:
        """What the stages of each symbol ask for besides trades."""
        asked = {symbol: frozenset(extra for stage in stages for extra in stage.extras) for symbol, stages in self._of.items()}
        return {symbol: extras for symbol, extras in asked.items() if extras}

    def add_pair(self, pair: PairStage) -> None:
        """Have a pair from now on, beginning with the bars that its legs have had."""
        self.pairs.append(pair)
        history = self._outlets.history
        legs = [(leg, series.spec.every) for series in pair.series for leg in (pair.y, pair.x)]
        history.put_points(pair.add({(leg, every): history.recent_bars(leg.symbol, every) for leg, every in legs}, measure_from=self._top))

    def drop_pair(self, name: str) -> None:
        """Have a pair no more."""
        self.pairs[:] = [pair for pair in self.pairs if pair.name != name]

    def drop(self, symbol: str) -> None:
        """Have a symbol no more, nor the pairs that it is a leg of."""
        self.pairs[:] = [pair for pair in self.pairs if symbol not in (pair.y.symbol, pair.x.symbol)]
        for stage in self._of.pop(symbol, []):
            self.stages.remove(stage)
            if task := self._warming.pop(stage, None):
                task.cancel()
            if self._mender:
                self._mender.forget(stage)
        self._pending.pop(symbol, None)
        self._shown.pop(symbol, None)
        self._outlets.history.forget(symbol)
        self.feed.want(tuple(self._of), self._extras())

    async def run(self) -> None:
        """Drink the feed to its end, then close what is open."""
        recorder = self._outlets.recorder
        if self._mender:
            self._mender.start()
        try:
            async for events in self.feed.stream(Wants(tuple(self._of), self._extras(), self._clock, self.kept, self.directory)):
                self.take(events)
                if recorder:
                    await recorder.write_if_due()
                await asyncio.sleep(0)
            self.finish()
        except Exception:
            self._take_status(Status(self._top, healthy=False))
            raise
        finally:
            if self._mender:
                await self._mender.end()
            for task in self._warming.values():
                task.cancel()
            self._warming.clear()
            self.state = "down"
            await self.feed.close()

    def take(self, events: Sequence[Event]) -> None:
        """One batch from the feed. A trade whose time is more than a day from when it was received is refused."""
        pending = self._pending
        for event in events:
            if type(event) is Tick:
                ts = event.ts
                if not -DAY <= ts - event.recv <= DAY:
                    self.refused += 1
                    continue
                ticks = pending.get(event.symbol)
                if ticks is not None:  # before time moves: its id tells whether what closes is whole
                    ticks.append(event)
                if ts >= self._due:
                    self._move_to(ts)
                elif ts > self._top:
                    self._top = ts
            elif type(event) is Quote or type(event) is Depth or type(event) is Mark:
                for stage in self._of.get(event.symbol, ()):
                    if stage.book:
                        stage.book.take((event,))
            elif type(event) is Status:
                self._take_status(event)
            elif type(event) is Bar:
                self._take_bar(event)
            elif type(event) is Ticker:
                self._outlets.history.put_ticker(event)
                self._outlets.hub.publish("tickers", [event])
        if self.state == "starting" and self._top:
            self.state = "live"
        self._hand_on()
        if self._mender:
            self._mender.tell()
        self._delivery.findings()
        self._delivery.between_closes()

    def finish(self) -> None:
        """The stream has ended: everything up to its last moment is closed."""
        self._hand_on()
        self._close_to(self._top - self._lateness)
        self._delivery.bars([(stage, stage.flush(self._top)) for stage in self.stages])

    def _take_status(self, status: Status) -> None:
        if not status.healthy:
            for stage in self.stages:
                if stage.book:
                    stage.book.doubt(status.ts)
        if status.extras:
            return
        if status.healthy:
            self.state = "live"
            self._move_to(status.ts)
            self._begin_warming()
            return
        self.state = "down"
        self._hand_on()
        for stage in self.stages:
            stage.intake.ledger.doubt(DISCONNECTED)

    def _take_bar(self, bar: Bar) -> None:
        end = timeframe(bar.every).end(bar.ts)
        self._move_to(end - 1)
        for stage in self._of.get(bar.symbol, ()):
            stage.take_bar(bar)

    def _move_to(self, ts: int) -> None:
        """Let event time reach `ts` and close what that closes."""
        leap, self._top = ts - self._top, max(self._top, ts)
        if ts >= self._due:
            if not self._closed:
                self._set_closed(ts - self._lateness)
                self._delivery.began = ts if self._warm else 0
            self._hand_on()
            if leap > MINUTE:
                self._doubt(ts)
            self._close_to(ts - self._lateness)
            self._due = self._closed - self._closed % SECOND + SECOND + self._lateness

    def _doubt(self, ts: int) -> None:
        """After a leap in time, a symbol is not known to be whole before its next id; bars too old to be mended later must say so now."""
        for stage in self.stages:
            if stage.last and ts - stage.last.ts > stage.reopen:
                stage.intake.ledger.doubt("time leapt")

    def _hand_on(self) -> None:
        """Give the pending ticks to their symbols' stages; those of a symbol that is still warming up wait, but are seen."""
        for symbol, ticks in self._pending.items():
            if not ticks:
                continue
            stages = self._of[symbol]
            unseen = len(ticks) - self._shown.get(symbol, 0)
            if self._is_ready(symbol):
                self._pending[symbol] = []
                self._shown.pop(symbol, None)
                for stage in stages[1:]:
                    stage.take(ticks)
                good = self._hand(stages[0], ticks)
                if good:
                    stages[0].lags.append(good[-1].recv - good[-1].ts)
                self._show(symbol, good[-unseen:] if unseen else [])
            elif unseen:
                self._show(symbol, ticks[-unseen:])
                self._shown[symbol] = len(ticks)
                if len(ticks) > MOST_WAITING:
                    self._give_up_past(symbol)

    def _give_up_past(self, symbol: str) -> None:
        """So much has come while the past was fetched that the symbol begins without it; what is missing is repaired like any hole."""
        _log.warning("%s begins before its past is there: %d trades are waiting", symbol, len(self._pending[symbol]))
        for stage in self._of[symbol]:
            if task := self._warming.pop(stage, None):
                task.cancel()
            stage.ready = True

    def _show(self, symbol: str, ticks: list[Tick]) -> None:
        self._outlets.hub.publish("ticks", ticks)
        self._outlets.tell(self._outlets.alerts.judge_prices(symbol, ticks))

    def _hand(self, stage: SymbolStage, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> list[Tick]:
        """Ticks through a stage and on to exports, history and record: what of them is good and new."""
        lost = stage.lost
        good = stage.take(ticks, past=past, mendable=mendable)
        if self._mender and stage.lost > lost:
            too_late = [tick.ts for tick in good if tick.ts < self._closed + SECOND - stage.reopen]
            self._mender.remake(stage, min(too_late, default=self._closed), max(too_late, default=self._closed))
        stage.exports.write("ticks", good)
        self._outlets.history.put_ticks(stage.symbol, good)
        if self._outlets.recorder:
            self._outlets.recorder.ticks(good)
        return good

    def _close_to(self, watermark: int) -> None:
        """Close bars up to the watermark, in hops of at most a minute: a long silence must not make a mountain of flat bars at once."""
        while self._closed < watermark:
            self._set_closed(min(watermark, self._closed + MINUTE))
            if self._tell_time:
                self._tell_time(self._closed)
            self._delivery.bars([(stage, stage.close(self._closed)) for stage in self.stages if self._is_ready(stage.symbol)])
            for stage in self.stages:
                self._delivery.books(stage, self._closed)

    def _set_closed(self, ts: int) -> None:
        self._closed = ts
        if self._mender:
            self._mender.closed = ts

    def _begin_warming(self) -> None:
        """Fetch the past of the symbols that are not ready. The feed has just said that every subscription stands, so the past that is
        fetched from now on overlaps with what streams in."""
        for stage in self.stages:
            if not stage.ready and stage not in self._warming:
                self._warming[stage] = asyncio.create_task(self._warm_up(stage), name=f"warm {stage.symbol}")

    async def _warm_up(self, stage: SymbolStage) -> None:
        try:
            await self._take_past(stage)
        except Exception:
            _log.exception("%s begins without its past, of which it is not known what is missing", stage.symbol)
        self._begin(stage)

    def _begin(self, stage: SymbolStage) -> None:
        """The trades that have waited go first: what closes now is whole."""
        stage.ready = True
        self._warming.pop(stage, None)
        self._hand_on()
        if self._is_ready(stage.symbol):
            self._delivery.bars([(each, each.close(self._closed)) for each in self._of[stage.symbol]])
        if self._mender:
            self._mender.begin(stage)

    def _is_ready(self, symbol: str) -> bool:
        return all(stage.ready for stage in self._of[symbol])

    async def _take_past(self, stage: SymbolStage) -> None:
        if self._mender:
            await self._mender.recall(stage)
        past = await fetch_past(self.feed, stage.symbol, stage.every, stage.seconds_needed, self._clock, self._outlets.history)
        self._delivery.bars([(stage, stage.begin(past))], imported=True)
        recorded = await asyncio.to_thread(recorded_bars, self._outlets.recorder, stage.symbol, stage.every, stage.begins)
        self._outlets.history.put_bars(recorded)
        stage.take(past.recorded, past=True)
        self._outlets.history.put_ticks(stage.symbol, past.recorded)
        self._hand(stage, past.ticks, past=True)

    def health(self) -> FeedHealth:
        """What the feed says of its connections."""
        try:
            return self.feed.health()
        except Exception:
            _log.exception("feed %s cannot tell how it is", self.name)
            return FeedHealth()

    @property
    def warm(self) -> int:
        """How many symbols have their past."""
        return sum(stage.ready for stage in self.counting())

    @property
    def symbols(self) -> int:
        """How many symbols there are."""
        return len(self.counting())

    def counting(self) -> list[SymbolStage]:
        """The first stage of each symbol, which tells what is missing."""
        return [stages[0] for stages in self._of.values() if stages]
