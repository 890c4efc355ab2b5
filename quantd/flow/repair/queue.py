"""Queues closed bars that are no longer right until they are rebuilt from what is recorded, a stretch of time at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from quantd.errors import QuantdError, unforeseen
from quantd.flow.ingest.ledger import Span
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage, RebuiltPair
from quantd.flow.publish import Publisher
from quantd.flow.repair.bars import rebuild_bars
from quantd.flow.repair.points import PointRebuilder
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.model import Bar
from quantd.timeframes import HOUR, MINUTE

LONGEST_MS = HOUR
"""Longest stretch (ms): the event loop runs other tasks in between."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_log = logging.getLogger("quantd.flow")


class RebuildQueue:
    """The times of the bars to rebuild, by symbol.

    They wait until they are done, whatever fails meanwhile, and until their symbol has begun: before that, some trades are neither recorded
    nor known to be missing. Bars that the stage mends itself are left to it.
    """

    def __init__(self, outputs: Outputs, publisher: Publisher, watermark: Watermark) -> None:
        self._outputs = outputs
        self._publisher = publisher
        self._watermark = watermark
        self._waiting: dict[SymbolStage, list[Span]] = {}
        self._current: SymbolStage | None = None
        self._span: Span = (0, 0)
        """The span of time (ms) that is being rebuilt."""
        self._woken = asyncio.Event()
        self._busy = asyncio.Lock()

    def put(self, stage: SymbolStage, start: int, end: int) -> None:
        """Rebuild the bars that hold a moment of start <= ts <= end (ms)."""
        if self._outputs.recorder:
            self._waiting[stage] = _joined([*self._waiting.get(stage, []), (start, end)])
            self._woken.set()

    def wake(self, stage: SymbolStage) -> None:
        """Note that the symbol has begun, so that its bars can be rebuilt."""
        if stage in self._waiting:
            self._woken.set()

    def waiting(self, stage: SymbolStage) -> list[Span]:
        """Return the times (ms, both ends included) that wait or whose bars are being rebuilt."""
        current = [self._span] if stage is self._current else []
        return _joined([*current, *self._waiting.get(stage, [])])

    def holds(self, stage: SymbolStage) -> bool:
        """Return whether bars of a symbol wait or are being rebuilt."""
        return stage in self._waiting or stage is self._current

    def drop(self, stage: SymbolStage) -> None:
        """Remove a symbol that has left. Bars of it that are being rebuilt are not published."""
        self._waiting.pop(stage, None)
        if stage is self._current:
            self._current = None

    async def run(self) -> None:
        """Process the queue whenever something is added, until cancelled."""
        pause = _SHORTEST_PAUSE_S
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.work_off()
                pause = _SHORTEST_PAUSE_S
            except Exception as error:  # a store may raise anything
                _log.warning("bars are not rebuilt, trying again in %.0f s: %s", pause, error, exc_info=unforeseen(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                self._woken.set()

    async def work_off(self) -> None:
        """Rebuild everything that waits of symbols that have begun. If that fails, the rest stays in the queue and the error is raised."""
        async with self._busy:
            while stage := next((each for each in self._waiting if each.ready), None):
                await self._rebuild_next(stage)

    async def _rebuild_next(self, stage: SymbolStage) -> None:
        start, end = self._take_oldest(stage)
        until = min(end, start + LONGEST_MS)
        self._current, self._span = stage, (start, end)
        try:
            await self._rebuild(stage, start, until)
            start = until + 1
        finally:
            dropped, self._current = self._current is None, None
            if start <= end and not dropped:
                self.put(stage, start, end)

    def _take_oldest(self, stage: SymbolStage) -> Span:
        """Remove and return the oldest stretch. The oldest comes first, since a bar without trades repeats the close before it."""
        spans = self._waiting[stage]
        oldest = spans.pop(0)
        if not spans:
            del self._waiting[stage]
        return oldest

    async def _rebuild(self, stage: SymbolStage, start: int, end: int) -> None:
        self._publisher.let_catch_up((stage,))
        end = min(end, stage.mended_from(self._watermark.closed) - 1)
        recorder = self._outputs.recorder
        if recorder is None or start > end:
            return
        if not await recorder.write():
            raise QuantdError(f"{stage.symbol}: the store does not take the trades of which bars are to be made")
        rebuilt = await rebuild_bars(stage, self._outputs.history, start, end)
        stage.absorb(rebuilt)
        async with self._outputs.rebuilding:
            pairs = [await self._points(pair, rebuilt) for pair in self._publisher.pairs if stage in (pair.y, pair.x)]
            if self._current is stage:
                steps = self._publisher.publish_rebuilt(stage, rebuilt, pairs)
                try:
                    for _ in steps:
                        await asyncio.sleep(0)
                finally:  # after a stop, too: the next attempt would find the bars right, and leave the points as they are
                    deque(steps, 0)
                await recorder.write()

    async def _points(self, pair: PairStage, bars: Sequence[Bar]) -> RebuiltPair:
        history, rebuilt = self._outputs.history, {}
        for series in pair.series:
            rebuilt[series.spec.every] = await PointRebuilder.of(pair, series, history).changed_by(bars, series.oldest)
        return RebuiltPair(pair, rebuilt)


def _joined(spans: list[Span]) -> list[Span]:
    """Return the spans sorted, with those that touch, or nearly do, joined.

    >>> _joined([(900_000, 900_500), (0, 10), (5, 30_000)])
    [(0, 30000), (900000, 900500)]
    """
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1] + MINUTE:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined
