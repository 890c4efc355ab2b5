"""Reads the past of symbols, each in a task of its own, before their bars begin."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import islice

from quantd.errors import unforeseen
from quantd.flow.ingest.ledger import STOPPED, as_told
from quantd.flow.outputs import Outputs
from quantd.flow.past import Past, read_past
from quantd.flow.publish import Publisher
from quantd.flow.repair.check import Check
from quantd.flow.repair.repairs import Repairs
from quantd.flow.symbol import SymbolStage
from quantd.flow.time_slice import TimeSlice
from quantd.flow.venue import VenueClock
from quantd.flow.watermark import Watermark
from quantd.model import Bar, Tick
from quantd.plugin.base import Feed
from quantd.times import FOR_EVER

_AT_ONCE = 50
"""Number of past bars that are published together."""
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
        self._restoring: set[SymbolStage] = set()
        """Stages whose past bars are being passed to the pairs."""
        self._looked_up: asyncio.Task[None] | None = None
        self._check = Check(outputs, publisher, stages, clock)

    def start(self) -> None:
        """Fetch the past of the listed stages that are not ready. The feed has just confirmed every subscription, so the past fetched from
        now on overlaps with the stream."""
        for stage in self._stages:
            if not (stage.ready or stage.absent or stage in self._tasks):
                self._tasks[stage] = self._outputs.supervisor.start(_task(stage), partial(self._warm_up, stage))

    def drop(self, stage: SymbolStage) -> None:
        """Stop reading the past of a symbol."""
        if task := self._tasks.pop(stage, None):
            task.cancel()
            self._outputs.supervisor.forget(_task(stage))

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

    async def _warm_up(self, stage: SymbolStage) -> None:
        try:
            await self._take_past(stage)
        except Exception as error:
            text = "%s begins without its past, of which it is not known what is missing: %s"
            _log.error(text, stage.symbol, error, exc_info=error if unforeseen(error) else None)
        self._tasks.pop(stage, None)
        self._begin(stage)
        self._publisher.publish_bars([(stage, stage.close(self._watermark.closed))])

    def _begin(self, stage: SymbolStage) -> None:
        """Begin a symbol. The waiting trades go first, so that bars that close from now on are complete. Then the end of the record is
        checked, and the whole record once every symbol has begun."""
        self._publisher.publish_prices(stage.symbol, stage.arrivals.queue())
        self._take(stage, stage.arrivals.release())
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

    async def _take_past(self, stage: SymbolStage) -> None:
        history, recorder = self._outputs.history, self._outputs.recorder
        if stage.joined and recorder:  # it may have been dropped before: record its last rows first, then read them
            await recorder.write()
        newest = await self._repairs.restore(stage) if self._repairs else None
        await self._look_up(stage)
        past = await read_past(self._feed, stage.demand, newest, self._clock, history)
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
            since = past.bars[every][0].ts if past.bars.get(every) else past.begins
            points = await asyncio.to_thread(history.recorded_points, series.spec.pair, every, since, FOR_EVER)
            if owner in self._publisher.pairs:  # skip a pair that was dropped meanwhile
                history.restore_points(points)
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
