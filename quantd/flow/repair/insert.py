"""Inserts repaired trades: into the open bars, or into the record, from which older bars are rebuilt."""

import asyncio
from collections.abc import Collection, Sequence

from quantd.flow.ingest.ledger import Hole, Span, overlapping
from quantd.flow.publish import Publisher
from quantd.flow.repair.gap_news import GapNews
from quantd.flow.repair.queue import RebuildQueue
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.model import Tick


class Inserter:
    """Inserts trades of one symbol at a time, and returns when its bars are right.

    time  --------------------------|------------------------------|------------------>
            closed: the queue   mended_from    closed: the      watermark     open
            rebuilds these bars                resampler mends
            from the record                    these bars
    """

    def __init__(
        self, publisher: Publisher, watermark: Watermark, queue: RebuildQueue, gaps: GapNews, stages: Collection[SymbolStage]
    ) -> None:
        self._publisher = publisher
        self._watermark = watermark
        self._queue = queue
        self._gaps = gaps
        self._stages = stages
        self._busy = asyncio.Lock()

    async def insert(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        """Insert trades, rebuild the bars that are too old for the stage, and report the gaps that this closes."""
        if not ticks:
            return
        async with self._busy:
            if stage not in self._stages:  # dropped while the trades were fetched
                return
            with self._gaps.held_back(stage):
                self._put(stage, ticks)
                await self._queue.work_off()
        self._gaps.tell()

    def _put(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        ledger, mended_from = stage.intake.ledger, stage.mended_from(self._watermark.closed)
        before = overlapping(ledger.holes, min(tick.id for tick in ticks), max(tick.id for tick in ticks))
        good, too_late = self._publisher.publish_trades(stage, ticks, mendable=mended_from)
        if too_late:
            self._queue.put(stage, *too_late)
        stage.intake.count_repaired(len(good))
        times = [tick.ts for tick in good] + [time for hole in before for time in _no_longer_in_doubt(hole, ledger.holes)]
        self._publisher.publish_bars([(stage, stage.close(self._watermark.closed))])
        stage.news_of_trust()  # discarded: the spans are computed below
        if times and min(times) < mended_from:
            self._queue.put(stage, min(times), max(times))


def _no_longer_in_doubt(hole: Hole, holes: list[Hole]) -> Span:
    """Return the span of time (ms) that is no longer in doubt, given a former hole and the present holes."""
    rest = overlapping(holes, hole.first, hole.last)
    start = rest[0].end if rest and rest[0].first == hole.first else hole.start
    end = rest[-1].start if rest and rest[-1].last == hole.last else hole.end
    return start, end
