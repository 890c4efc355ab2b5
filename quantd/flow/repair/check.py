"""Checks after a start, while the daemon serves, that recorded points fit their bars. A killed run may have left points made from other
prices than those of the bars, or none."""

import asyncio
import logging
from collections.abc import Collection, Iterator

from msgspec import Struct

from quantd.errors import unforeseen
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.pairs import PairSeries
from quantd.flow.publish import Publisher
from quantd.flow.repair.by_day import REACH_MS
from quantd.flow.repair.pace import half_load, until_done
from quantd.flow.repair.points import PointRebuilder
from quantd.flow.symbol import SymbolStage
from quantd.flow.venue import VenueClock
from quantd.history.store_reader import Span
from quantd.timeframes import timeframe

MOST_BARS = 2 * 86_400
"""Largest number of bars of one series that are checked."""
_AT_ONCE = 3_600
_log = logging.getLogger("quantd.flow")


class _Checked(Struct, frozen=True):
    """A series whose recorded points are checked."""

    pair: PairStage
    series: PairSeries

    @property
    def name(self) -> str:
        return f"{self.series.spec.pair} {self.series.spec.every}"


class Check:
    """Checks once what was recorded before this flow began, newest first. It takes at most half of a core."""

    def __init__(self, outputs: Outputs, publisher: Publisher, stages: Collection[SymbolStage], clock: VenueClock) -> None:
        self.done = False
        self._outputs = outputs
        self._publisher = publisher
        self._stages = stages
        self._clock = clock
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the check, unless it is done or running."""
        self._begun = True
        self.resume()

    def resume(self) -> None:
        """Continue a check that has begun and is not done, when the flow runs again after its feed has failed."""
        if self._begun and not (self.done or self._task):
            self._task = self._outputs.supervisor.start(f"check {self._clock.name}", self._run)

    async def end(self) -> None:
        """Stop the check, since the flow has ended."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        """Check every series once. A series that fails is logged and tried again later."""
        await self._publisher.export_again(list(self._stages))
        await until_done([_Checked(pair, series) for pair in self._publisher.pairs for series in pair.series], self._is_done)
        self.done = True

    async def _is_done(self, checked: _Checked) -> bool:
        made = 0
        if checked.pair not in self._publisher.pairs:
            return True
        try:
            for span in self._spans(checked.series):
                async with half_load(self._clock):
                    made += await self._rebuild(checked, span)
        except Exception as error:  # a store may raise anything
            text = "%s: the recorded points are not held against their bars; it is tried again: %s"
            _log.warning(text, checked.name, error, exc_info=unforeseen(error))
            return False
        if made:
            _log.info("%s: %d recorded points were not those of their bars, or lacked: they are rebuilt", checked.name, made)
        return True

    async def _rebuild(self, checked: _Checked, span: Span) -> int:
        """Rebuild the points of a span of time that do not fit their bars. Return their number."""
        async with self._outputs.rebuilding:
            rebuilder = PointRebuilder.of(checked.pair, checked.series, self._outputs.history)
            rebuilt = await asyncio.to_thread(rebuilder.rebuild_misfits, *span)
            self._publisher.points.publish(checked.pair, rebuilt.points)
            return len(rebuilt.points)

    def _spans(self, series: PairSeries) -> Iterator[Span]:
        """Yield the times to check, an hour of seconds at a time, newest first."""
        spec, news = series.spec, self._publisher.news
        recorded = news.recorded(spec.pair, spec.every)
        if recorded is None:
            return
        step = timeframe(spec.every).step
        oldest, until = max(recorded[0], news.began - min(REACH_MS, MOST_BARS * step)), news.began
        while oldest < until:
            start = max(oldest, until - _AT_ONCE * step)
            yield start, until
            until = start
