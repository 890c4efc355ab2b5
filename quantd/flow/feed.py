"""One feed and everything that hangs off it.

Bars close where event time crosses a second, wherever the feed cuts its batches: the same events give the same rows.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Literal

from quantd.clock import Clock
from quantd.flow.event_restore import EventRestorer
from quantd.flow.ingest.ledger import DISCONNECTED
from quantd.flow.join import Joining
from quantd.flow.outlets import Outlets
from quantd.flow.pair import PairStage
from quantd.flow.pairs import Background
from quantd.flow.past import has_past
from quantd.flow.publish import Delivery
from quantd.flow.repair.check import Check
from quantd.flow.repair.mend import Mender, has_ids
from quantd.flow.running import RunMark
from quantd.flow.symbol import Absent, SymbolStage
from quantd.flow.turns import Turns
from quantd.flow.venue import Refusals, VenueClock
from quantd.flow.wanted import wanted
from quantd.flow.warm_start import Warming
from quantd.model import Bar, Depth, Event, Listing, Mark, Quote, Status, Tick, Ticker
from quantd.plugin import answers
from quantd.plugin.base import Feed, Wants
from quantd.plugin.feed_health import FeedHealth
from quantd.timeframes import DAY, MINUTE, SECOND, duration, timeframe

State = Literal["starting", "live", "down"]
MOST_WAITING = 200_000
"""Trades of a symbol that wait for its past."""
_log = logging.getLogger("quantd.flow")


class FeedFlow:
    """A feed, its symbols and the pairs of those, whose slow jobs run in `background`. With `warm`, bars begin behind a symbol's past."""

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
        self.state: State = "starting"
        self.kept: MutableMapping[str, bytes] = {}
        self.directory: Path | None = None
        self.relisted = asyncio.Event()  # what its venue lists has changed
        self._outlets = outlets
        self.clock = VenueClock(name, feed, clock)
        self._host = clock
        self._refusals = Refusals(name, clock)
        self._delivery = Delivery(outlets, background)
        self._warm = warm
        self._lateness = duration(feed.lateness)
        self._top = self._closed = self._due = 0
        self._tell_time = tell_time
        self._of: dict[str, SymbolStage] = {}
        self._check: asyncio.Task[None] | None = None
        self._restorer = EventRestorer(outlets, self._of.values()) if warm and outlets.recorder else None
        mends = warm and has_ids(feed)
        self._mender = Mender(name, feed, outlets, self.clock, self._of.values(), self._hand, self._delivery) if mends else None
        self._joining = Joining(outlets, self._delivery, clock)
        self._warming = Warming(feed, outlets, self._delivery, self._mender, self.clock, self._hand, self._begin)

    @property
    def refused(self) -> int:
        """Trades whose time cannot be true."""
        return self._refusals.count

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs of its symbols."""
        return self._delivery.pairs

    @property
    def stages(self) -> list[SymbolStage]:
        """Its symbols, each once."""
        return list(self._of.values())

    def add(self, stage: SymbolStage) -> None:
        """Have a symbol from now on."""
        stage.ready = not (self._warm and has_past(self.feed))
        stage.joined = self._top
        stage.line.follow_record(recorded=self._restorer is not None, fetched=self._mender is not None)
        self._of[stage.symbol] = stage
        self.feed.want(*wanted(self._of.values()))

    def set_absent(self, symbol: str, absent: Absent | None) -> None:
        """The venue does not list a symbol, or (None) does: until then nothing of it is waited for, open bars close, and none opens."""
        if stage := self._of.get(symbol):
            self._warming.drop(stage)
            self._delivery.bars([(stage, stage.set_absent(absent, self._top))])
        self.feed.want(*wanted(self._of.values()))

    def add_pair(self, make: Callable[[], PairStage]) -> None:
        """Have a pair from now on, beginning with the bars that its legs have had. `make` makes it, once more if that fails."""
        self._joining.add(make, self._top)

    def drop_pair(self, name: str) -> None:
        """Have a pair no more."""
        self._joining.drop(name)
        self.pairs[:] = [pair for pair in self.pairs if pair.name != name]

    def drop(self, symbol: str) -> None:
        """Have a symbol no more, nor the pairs that it is a leg of."""
        self._joining.drop_leg(symbol)
        self.pairs[:] = [pair for pair in self.pairs if symbol not in (pair.y.symbol, pair.x.symbol)]
        if stage := self._of.pop(symbol, None):
            self._warming.drop(stage)
            if self._mender:
                self._mender.forget(stage)
        self._outlets.history.forget(symbol)
        self.feed.want(*wanted(self._of.values()))

    async def run(self) -> None:
        """Drink the feed to its end, then close what is open."""
        recorder, mark = self._outlets.recorder, RunMark(self.kept)
        killed = mark.set()
        if self._mender:
            self._mender.start(killed=killed)
        if self._restorer:
            self._restorer.start(self.kept)
        try:
            async for events in self.feed.stream(Wants(*wanted(self._of.values()), self._host, self.kept, self.directory)):
                turns = Turns(self._host)
                for _ in self._taken(answers.batch(self.feed.stream, events)):
                    await turns.take()
                if recorder:
                    await recorder.write_if_due()
                await asyncio.sleep(0)
            if self._restorer:
                await self._restorer.finish()
            self.finish()
            _log.info("feed %s has come to its end", self.name)
        except Exception:
            deque(self._take_status(Status(self._top, healthy=False)), 0)
            raise
        finally:
            if self._restorer:
                await self._restorer.end()
            if self._mender:
                await self._mender.end()
            self._warming.end()
            if self._check:
                self._check.cancel()
            self.state = "down"
            mark.remove()
            await self.feed.close()

    def take(self, events: Sequence[Event]) -> None:
        """One batch from the feed. A trade whose time is more than a day from when it was received is refused."""
        deque(self._taken(events), 0)

    def _taken(self, events: Sequence[Event]) -> Iterator[None]:
        """Take a batch in steps: between them the flow is as it would be if the batch had been cut there."""
        of = self._of
        for event in events:
            if type(event) is Tick:
                ts = event.ts
                if not -DAY <= ts - event.recv <= DAY:
                    self._refusals.add(event)
                    continue
                stage = of.get(event.symbol)
                if stage is not None:  # before time moves: its id tells whether what closes is whole
                    stage.arrivals.fresh.append(event)
                if ts >= self._due:
                    yield from self._move_to(ts)
                elif ts > self._top:
                    self._top = ts
            elif type(event) is Quote or type(event) is Depth or type(event) is Mark:
                stage = of.get(event.symbol)
                if stage and stage.book:
                    stage.book.take((event,))
            elif type(event) is Status:
                yield from self._take_status(event)
            elif type(event) is Bar:
                yield from self._move_to(timeframe(event.every).end(event.ts) - 1)
                if stage := of.get(event.symbol):
                    stage.take_bar(event)
            elif type(event) is Ticker:
                self._outlets.history.put_ticker(event)
                self._outlets.hub.publish("tickers", [event])
            elif type(event) is Listing:
                self.relisted.set()
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
        deque(self._close_to(self._top - self._lateness), 0)
        self._delivery.bars([(stage, stage.flush(self._top)) for stage in self.stages])

    def _take_status(self, status: Status) -> Iterator[None]:
        stages = [stage for stage in self.stages if not status.symbols or stage.symbol in status.symbols]
        if not status.healthy:
            for stage in stages:
                if stage.book:
                    stage.book.doubt(status.ts)
        if status.extras:
            return
        if status.healthy:
            self.state = "live"
            yield from self._move_to(status.ts)
            self._warming.start(self.stages)
            return
        if not status.symbols:
            self.state = "down"
        self._hand_on()
        for stage in stages:
            stage.intake.ledger.doubt(DISCONNECTED)

    def _move_to(self, ts: int) -> Iterator[None]:
        """Let event time reach `ts` and close what that closes."""
        leap, self._top = ts - self._top, max(self._top, ts)
        if ts >= self._due:
            if not self._closed:
                self._set_closed(ts - self._lateness)
                self._delivery.news.began = ts if self._warm else 0
            self._hand_on()
            if leap > MINUTE:
                for stage in self.stages:
                    stage.leapt_to(ts)
            yield from self._close_to(ts - self._lateness)
            self._due = self._closed - self._closed % SECOND + SECOND + self._lateness

    def _hand_on(self) -> None:
        """Give what came to each symbol's stage, and to listeners; what came for a symbol that is still warming up waits."""
        for stage in self._of.values():
            if not stage.arrivals.fresh:
                continue
            if stage.ready:
                self._show(stage.symbol, self._hand_live(stage, stage.arrivals.take()))
            else:
                self._show(stage.symbol, stage.arrivals.wait())
                if len(stage.arrivals.waiting) > MOST_WAITING:
                    self._give_up_past(stage)

    def _hand_live(self, stage: SymbolStage, ticks: Sequence[Tick]) -> list[Tick]:
        good = self._hand(stage, ticks)
        if good:
            stage.lags.append(good[-1].recv - good[-1].ts)
        return good

    def _give_up_past(self, stage: SymbolStage) -> None:
        """So much has come while the past was fetched that the symbol begins without it; what is missing is repaired like any hole."""
        if self._warming.give_up(stage):
            _log.warning("%s begins before its past is there: %d trades are waiting", stage.symbol, len(stage.arrivals.waiting))
            stage.ready = True
            self._hand_live(stage, stage.arrivals.take_waiting())
            self._look_through_record(stage)

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

    def _close_to(self, watermark: int) -> Iterator[None]:
        """Close bars up to the watermark, in hops of at most a minute: a long silence must not make a mountain of flat bars at once."""
        while self._closed < watermark:
            self._set_closed(min(watermark, self._closed + MINUTE))
            if self._tell_time:
                self._tell_time(self._closed)
            self._delivery.bars([(stage, stage.close(self._closed)) for stage in self._of.values() if stage.ready])
            for stage in self._of.values():
                self._delivery.books(stage, self._closed)
            yield

    def _set_closed(self, ts: int) -> None:
        self._closed = ts
        if self._mender:
            self._mender.closed = ts

    def _begin(self, stage: SymbolStage) -> None:
        """The trades that have waited go first: what closes now is whole."""
        self._hand_on()
        if not stage.ready:  # else so many have waited that it began without its past
            stage.ready = True
            self._hand_live(stage, stage.arrivals.take_waiting())
        self._delivery.bars([(stage, stage.close(self._closed))])
        self._look_through_record(stage)

    def _look_through_record(self, stage: SymbolStage) -> None:
        """The end of the record of a symbol that has begun, and of all once they have."""
        if self._mender:
            self._mender.begin(stage)
        if self._check is None and self.warm == self.symbols:
            self._check = self._outlets.supervisor.start(f"check {self.name}", Check(self._delivery, self.stages, self.clock).run)

    def waiting(self, symbol: str) -> Sequence[Tick]:
        """The trades of a symbol that wait for its past."""
        stage = self._of.get(symbol)
        return [*stage.arrivals.waiting, *stage.arrivals.fresh] if stage else []

    def health(self) -> FeedHealth:
        """What the feed says of its connections."""
        return self.clock.told(self.feed.health, FeedHealth())

    @property
    def warm(self) -> int:
        """How many symbols have their past, of those that its venue lists."""
        return sum(stage.ready for stage in self._of.values() if not stage.absent)

    @property
    def symbols(self) -> int:
        """How many symbols there are that its venue lists."""
        return sum(not stage.absent for stage in self._of.values())
