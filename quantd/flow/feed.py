"""One feed, with its symbols and pairs.

Bars close when event time crosses a second, however the feed cuts its batches: the same events give the same rows.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal

from quantd.clock import Clock
from quantd.columns.ticks import TickBatch
from quantd.flow.batches import cut_at_closes, is_credible
from quantd.flow.environment import Environment
from quantd.flow.members import Members
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.pairs import Background
from quantd.flow.publish import Publisher
from quantd.flow.recovery import Recovery
from quantd.flow.subscription import subscribed
from quantd.flow.symbol import SymbolStage, in_turn
from quantd.flow.time_slice import TimeSlice
from quantd.flow.venue import Refusals, VenueClock
from quantd.flow.warm_line import Warming
from quantd.flow.watermark import Watermark
from quantd.model import Bar, Depth, Event, Listing, Mark, Quote, Status, Tick, Ticker
from quantd.plugin import answers
from quantd.plugin.base import Feed, Subscription
from quantd.plugin.feed_health import FeedHealth
from quantd.timeframes import DAY, MINUTE, duration, timeframe

State = Literal["starting", "live", "down"]
MOST_WAITING = 200_000
"""Largest number of trades of a symbol that wait for its past."""
_log = logging.getLogger("quantd.flow")


class FeedFlow:
    """Takes the batches of a feed, asks the watermark when bars close, and publishes the results. The slow jobs of its pairs run in
    `background`. Symbols and pairs join and leave through `members`."""

    def __init__(
        self, name: str, feed: Feed, outputs: Outputs, clock: Clock, background: Background, environment: Environment | None = None
    ) -> None:
        self.name = name
        self.feed = feed
        self.state: State = "starting"
        self.relisted = asyncio.Event()  # set when the venue reports a change of its listings
        self.clock = VenueClock(name, feed, clock)
        self._host = clock
        self._environment = environment or Environment()
        self._outputs = outputs
        self._refusals = Refusals(name, clock)
        self._of: dict[str, SymbolStage] = {}
        self._fresh: set[SymbolStage] = set()  # the symbols with fresh trades
        self.watermark = Watermark(duration(feed.lateness))
        self._publisher = Publisher(outputs, background, self.watermark, warm=self._environment.warm)
        self._recovery = Recovery(feed, outputs, self.clock, self._of.values(), self._publisher, self.watermark, self._environment)
        self.members = Members(self._of, feed, outputs, self.clock, self._publisher, self.watermark, self._recovery)

    @property
    def refused(self) -> int:
        """Number of trades whose time is impossible."""
        return self._refusals.count

    @property
    def stages(self) -> list[SymbolStage]:
        """Its symbols, each once."""
        return list(self._of.values())

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs of its symbols."""
        return self._publisher.pairs

    @property
    def symbols(self) -> int:
        """Number of its symbols that the venue lists."""
        return sum(not stage.absent for stage in self._of.values())

    @property
    def warm(self) -> int:
        """Number of the listed symbols that have their past."""
        return sum(stage.ready for stage in self._of.values() if not stage.absent)

    @property
    def warming(self) -> Warming:
        """How far the warm-up has come."""
        return Warming(self.warm, self.symbols, self._recovery.warm_left_s())

    def stage(self, symbol: str) -> SymbolStage | None:
        """Return the stage of a symbol; None if it is not a member."""
        return self._of.get(symbol)

    def health(self) -> FeedHealth:
        """Return the state of the feed's connections."""
        return self.clock.told(self.feed.health, FeedHealth())

    async def run(self) -> None:
        """Process the feed until its stream ends, then close all open bars."""
        recorder = self._outputs.recorder
        self._recovery.start()
        try:
            wanted = subscribed(self._of.values())
            async for events in self.feed.stream(Subscription(*wanted, self._host, self._environment.kept, self._environment.directory)):
                time_slice = TimeSlice(self.clock)
                for _ in self._process_in_steps(answers.batch(self.feed.stream, events)):
                    await time_slice.pause_if_over()
                if recorder:
                    await recorder.write_if_due()
                await asyncio.sleep(0)
            await self._recovery.finish()
            self.finish()
            _log.info("feed %s has come to its end", self.name)
        except Exception:
            deque(self._process_status(Status(self.watermark.top, healthy=False)), 0)
            raise
        finally:
            self._publisher.complete_close()  # a stop may have interrupted it
            await self._recovery.end()
            self.state = "down"
            self._recovery.came_to_its_end()
            await self.feed.close()

    def process(self, events: Sequence[Event]) -> None:
        """Process one batch of the feed. A trade is refused if its time is more than a day from its time of receipt."""
        deque(self._process_in_steps(events), 0)

    def _process_in_steps(self, events: Sequence[Event]) -> Iterator[None]:
        """Process a batch in steps. Between steps the flow is in the same state as if the batch had been cut there."""
        if type(events) is TickBatch and is_credible(events):
            for closing in cut_at_closes(events, self.watermark, self._of, self._fresh):
                yield from self._move_to(closing)
        else:
            yield from self._take_each(events)
        if self.state == "starting" and self.watermark.top:
            self.state = "live"
        self._pass_on()
        self._recovery.tell()
        self._publisher.finish_batch()

    def _take_each(self, events: Sequence[Event]) -> Iterator[None]:
        of, mark, fresh = self._of, self.watermark, self._fresh
        top, due = mark.top, mark.due
        for event in events:
            if type(event) is Tick:
                ts = event.ts
                if not -DAY <= ts - event.recv <= DAY:
                    self._refusals.add(event)
                    continue
                if stage := of.get(event.symbol):  # before time moves on: its id shows whether the bars that close are complete
                    trades = stage.arrivals.fresh
                    if not trades:
                        fresh.add(stage)
                    trades.append(event)
                if ts >= due:
                    mark.see(top)
                    yield from self._move_to(ts)
                    top, due = mark.top, mark.due
                elif ts > top:
                    top = ts
            elif type(event) is Quote or type(event) is Depth or type(event) is Mark:
                if (stage := of.get(event.symbol)) and stage.book:
                    stage.book.append((event,))
            else:
                mark.see(top)
                yield from self._process_rare(event)
                top, due = mark.top, mark.due
        mark.see(top)

    def _process_rare(self, event: Event) -> Iterator[None]:
        """Process an event of a rare kind."""
        if isinstance(event, Status):
            yield from self._process_status(event)
        elif isinstance(event, Bar):
            yield from self._move_to(timeframe(event.every).end(event.ts) - 1)
            if stage := self._of.get(event.symbol):
                stage.accept_bar(event)
        elif isinstance(event, Ticker):
            self._outputs.history.put_ticker(event)
            self._outputs.hub.publish("tickers", [event])
        elif isinstance(event, Listing):
            self.relisted.set()

    def finish(self) -> None:
        """Close everything, since the stream has ended."""
        self._pass_on()
        deque(self._close(), 0)
        self._publisher.publish_bars([(stage, stage.flush(self.watermark.top)) for stage in self._of.values()])

    def _process_status(self, status: Status) -> Iterator[None]:
        stages = [stage for stage in self._of.values() if not status.symbols or stage.symbol in status.symbols]
        for book in [stage.book for stage in stages if stage.book and not status.healthy]:
            book.doubt(status.ts)
        if status.channels_only:
            return
        if status.healthy:
            self.state = "live"
            yield from self._move_to(status.ts)
            self._recovery.warm_up()
            return
        if not status.symbols:
            self.state = "down"
        self._pass_on()
        self._recovery.lose(stages)

    def _move_to(self, ts: int) -> Iterator[None]:
        """Advance event time to `ts` (ms) and close the bars that end by then."""
        leap = self.watermark.see(ts)
        if ts >= self.watermark.due:
            self._pass_on()
            for stage in self._of.values() if leap > MINUTE else ():
                stage.leapt_to(ts)
            yield from self._close()

    def _pass_on(self) -> None:
        """Pass the fresh trades on to each symbol's stage and to listeners. Trades of a symbol that is still warming up wait."""
        for stage in in_turn(each for each in self._fresh if self._of.get(each.symbol) is each):
            arrivals = stage.arrivals
            if arrivals.ready:
                taken = self._publisher.publish_trades(stage, arrivals.take_fresh())
                self._recovery.rebuild(stage, taken)
                stage.note_lag(taken.good)
                self._publisher.publish_prices(stage.symbol, taken.good)
            else:
                self._publisher.publish_prices(stage.symbol, arrivals.queue())
                if len(arrivals.waiting) > MOST_WAITING:
                    self._recovery.give_up_past(stage)
        self._fresh.clear()

    def _close(self) -> Iterator[None]:
        """Close bars at each moment that the watermark returns."""
        for moment in self.watermark.moments():
            if self._environment.driven:
                self._environment.driven.advance_to(moment)
            yield from self._publisher.close(self._of, moment)
            yield
