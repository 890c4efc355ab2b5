"""Reads the past of symbols, each in a task of its own, before their bars begin."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from quantd.errors import unforeseen
from quantd.flow.ingest.ledger import STOPPED, as_told
from quantd.flow.outputs import Outputs
from quantd.flow.past import LATE_MS, Known, Past, first_opening, read_past
from quantd.flow.publish import Publisher
from quantd.flow.repair.check import Check
from quantd.flow.repair.repairs import Repairs
from quantd.flow.symbol import SymbolStage
from quantd.flow.time_slice import TimeSlice
from quantd.flow.venue import VenueClock
from quantd.flow.warm_line import MOST_WITH_TRADES, WarmLine
from quantd.flow.watermark import Watermark
from quantd.model import Bar, Tick
from quantd.plugin.base import Feed
from quantd.timeframes import MINUTE
from quantd.times import FOR_EVER

_AT_ONCE = 50
"""Number of past bars that are published together."""
_LONGEST_WAIT_MS = 5 * MINUTE
"""How long (ms) a symbol waits for a bar to open rather than fetch the trades of the open bar."""
_log = logging.getLogger("quantd.flow")


class WarmStart:
    """Reads the past of the `stages` of one flow, and begins each stage once its past is there or given up."""

    def __init__(
        self,
        feed: Feed,
        outputs: Outputs,
        clock: VenueClock,
        stages: Collection[SymbolStage],
        publisher: Publisher,
        watermark: Watermark,
        repairs: Repairs | None,
    ) -> None:
        self._feed = feed
        self._outputs = outputs
        self._clock = clock
        self._stages = stages
        self._publisher = publisher
        self._watermark = watermark
        self._repairs = repairs
        self._tasks: dict[SymbolStage, asyncio.Task[None]] = {}
        self._streamed: set[SymbolStage] = set()
        """Stages that fetch no trades, since the stream has all that they need."""
        self._restoring: set[SymbolStage] = set()
        """The stage whose past bars are being passed to the pairs."""
        self._one_restores = asyncio.Lock()
        """Held by that stage: many at once would each take a time slice of every turn of the event loop."""
        self._looked_up: asyncio.Task[None] | None = None
        self._check = Check(outputs, publisher, stages, clock)
        self._line = WarmLine(clock)

    def start(self) -> None:
        """Fetch the past of the listed stages that are not ready. The feed has just confirmed every subscription, so the past fetched from
        now on overlaps with the stream. If many are fetched, the further ones fetch no trades but wait until the stream has all they
        need."""
        top = self._watermark.top
        if fresh := [stage for stage in self._stages if not (stage.ready or stage.absent or stage in self._tasks)]:
            for stage in self._line.expect(fresh, self._publisher.pairs):
                streamed = top if len(self._tasks) >= MOST_WITH_TRADES and self._is_near(stage, top) else None
                if streamed is not None:
                    self._streamed.add(stage)
                self._tasks[stage] = self._outputs.supervisor.start(_task(stage), partial(self._warm_up, stage, streamed))
        self._line.see(top)

    def lose(self, stages: Iterable[SymbolStage]) -> None:
        """Start again, once the stream is back, to wait for all trades of these stages: it has just missed some."""
        for stage in [stage for stage in stages if stage in self._streamed and stage not in self._restoring]:
            self.drop(stage)

    def left_s(self) -> float | None:
        """Return the estimated time (s) until all symbols that read their past have it; None if no symbol does."""
        return self._line.left_s(len(self._tasks)) if self._tasks else None

    def _is_near(self, stage: SymbolStage, top: int) -> bool:
        """Return whether the stream will soon have all trades of a bar that opens."""
        return first_opening(self._feed, stage.demand, top) - top <= _LONGEST_WAIT_MS

    def drop(self, stage: SymbolStage) -> None:
        """Stop reading the past of a symbol."""
        if task := self._tasks.pop(stage, None):
            task.cancel()
            self._outputs.supervisor.forget(_task(stage))
        self._streamed.discard(stage)
        self._line.forget(stage)

    def give_up(self, stage: SymbolStage) -> None:
        """Begin a symbol without its past, since too many trades have arrived meanwhile. Missing trades are repaired like any hole. If the
        past has already arrived, nothing is given up: bars that have begun need all its trades."""
        if stage not in self._restoring:
            _log.warning("%s begins before its past is there: %d trades are waiting", stage.symbol, len(stage.arrivals.waiting))
            self.drop(stage)
            self._begin(stage)

    def resume(self) -> None:
        """Continue the check of the record that the end of the previous stream interrupted."""
        self._check.resume()

    async def end(self) -> None:
        """Stop fetching and checking."""
        for stage in list(self._tasks):
            self.drop(stage)
        await self._check.end()

    async def _warm_up(self, stage: SymbolStage, streamed: int | None) -> None:
        """Read the past of a stage and begin it. If `streamed` (ms) is set, the stream has every trade from then on."""
        try:
            if streamed is not None:
                await self._line.reached(stage, first_opening(self._feed, stage.demand, streamed) + LATE_MS)
            await self._take_past(stage, streamed)
        except Exception as error:
            text = "%s begins without its past, of which it is not known what is missing: %s"
            _log.error(text, stage.symbol, error, exc_info=error if unforeseen(error) else None)
        self._tasks.pop(stage, None)
        self._streamed.discard(stage)
        self._begin(stage)
        self._publisher.publish_bars([(stage, stage.close(self._watermark.closed))])

    def _begin(self, stage: SymbolStage) -> None:
        """Begin a symbol. The waiting trades go first, so that bars that close from now on are complete. Then the end of the record is
        checked, and the whole record once every symbol has begun."""
        self._publisher.publish_prices(stage.symbol, stage.arrivals.queue())
        waiting = stage.arrivals.release()
        self._take_early(stage, [tick for tick in waiting if tick.ts < stage.begins])
        self._take(stage, [tick for tick in waiting if tick.ts >= stage.begins])
        if self._repairs:
            self._repairs.begin(stage)
        if all(each.ready or each.absent for each in self._stages):
            self._check.start()

    def _take(self, stage: SymbolStage, ticks: Sequence[Tick], *, past: bool = False) -> None:
        good, too_late = self._publisher.publish_trades(stage, ticks, past=past)
        if self._repairs and too_late:
            self._repairs.rebuild(stage, *too_late)
        if not past:
            stage.note_lag(good)

    def _take_early(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        """Take trades of the stream from before the first bar: they are recorded, and ids that are missing since are noticed."""
        if ticks:
            self._publisher.publish_trades(stage, ticks, mendable=stage.begins)

    async def _take_past(self, stage: SymbolStage, streamed: int | None) -> None:
        history, recorder = self._outputs.history, self._outputs.recorder
        if stage.joined and recorder:  # it may have been dropped before: record its last rows first, then read them
            await recorder.write()
        newest = await self._repairs.restore(stage) if self._repairs else None
        await self._look_up(stage)
        known = Known(newest, streamed)
        past = await read_past(self._feed, stage.demand, known, self._clock, history, partial(self._line.turn, stage))
        await self._restore(stage, past)
        stage.accept([as_told(tick) for tick in past.recorded], past=True)
        history.put_ticks(stage.symbol, past.recorded)
        if not past.told:
            stage.intake.ledger.doubt(STOPPED)
        self._take(stage, past.ticks, past=True)

    async def _look_up(self, stage: SymbolStage) -> None:
        """Read which series are recorded: once for all symbols of the start, again for one that joins later or after an error."""
        looked_up = self._looked_up
        if looked_up is None or stage.joined or _has_failed(looked_up):
            looked_up = asyncio.create_task(asyncio.to_thread(self._outputs.history.look_up), name="look up what is recorded")
            self._looked_up = looked_up
        await asyncio.shield(looked_up)  # shielded: if this symbol is dropped, others still need the result

    async def _restore(self, stage: SymbolStage, past: Past) -> None:
        """Pass the past bars to the pairs, some at a time. Bars that closed while the daemon was not running are news."""
        history = self._outputs.history
        pairs = [pair for pair in self._publisher.pairs if stage in (pair.y, pair.x)]
        for owner, series in [(pair, series) for pair in pairs for series in pair.series]:
            every = series.spec.every
            if history.span("points", series.spec.pair, every) is None:
                continue
            since = past.bars[every][0].ts if past.bars.get(every) else past.begins
            points = await asyncio.to_thread(history.recorded_point_columns, series.spec.pair, every, since, FOR_EVER)
            if owner in self._publisher.pairs:  # skip a pair that was dropped meanwhile
                history.restore_points(points, since)
        async with self._one_restores:
            self._restoring.add(stage)
            time_slice = TimeSlice(self._clock)
            try:
                for bars in _batched(stage.begin_after(past), _AT_ONCE):
                    self._publisher.publish_bars([(stage, bars)])
                    await time_slice.pause_if_over()
            finally:
                self._restoring.remove(stage)


def _task(stage: SymbolStage) -> str:
    return f"warm {stage.symbol}"


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _batched(bars: Sequence[Bar], most: int) -> Iterator[list[Bar]]:
    rest = iter(bars)
    while some := list(islice(rest, most)):
        yield some
