"""The recorded points of earlier runs are held against their bars, while the daemon serves: who was killed may have left points of other
prices than those of the bars, or none."""

import asyncio
import logging
from collections.abc import Iterator, Sequence

from quantd.clock import Clock
from quantd.errors import unforeseen
from quantd.flow.pair import PairStage
from quantd.flow.pairs import PairSeries
from quantd.flow.publish import Delivery
from quantd.flow.repair.by_day import REACH_MS
from quantd.flow.symbol import SymbolStage
from quantd.history.history import Span
from quantd.timeframes import timeframe

MOST_BARS = 2 * 86_400
"""Of one series."""
_AT_ONCE = 3_600
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 3_600.0
_log = logging.getLogger("quantd.flow")


class Check:
    """Of one flow. It takes half of a core at most; what is recorded before the flow began is looked at, newest first."""

    def __init__(self, delivery: Delivery, stages: Sequence[SymbolStage], clock: Clock) -> None:
        self._delivery = delivery
        self._stages = stages
        self._clock = clock

    async def run(self) -> None:
        """To its end. A series that fails is told of, and tried again later."""
        await self._delivery.retell(self._stages)
        pause = _SHORTEST_PAUSE_S
        left = [(pair, series) for pair in self._delivery.pairs for series in pair.series]
        while left := [each for each in left if not await self._done(*each)]:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _done(self, pair: PairStage, series: PairSeries) -> bool:
        name = f"{series.spec.pair} {series.spec.every}"
        try:
            made = 0
            for span in self._spans(series):
                since = self._clock.monotonic()
                made += await self._delivery.check(pair, series, span)
                await asyncio.sleep(self._clock.monotonic() - since)
        except Exception as error:  # whatever a store raises
            text = "%s: the recorded points are not held against their bars; it is tried again: %s"
            _log.warning(text, name, error, exc_info=unforeseen(error))
            return False
        if made:
            _log.info("%s: %d recorded points were not those of their bars, or lacked: they are made anew", name, made)
        return True

    def _spans(self, series: PairSeries) -> Iterator[Span]:
        spec, news = series.spec, self._delivery.news
        recorded = news.recorded(spec.pair, spec.every)
        if recorded is None:
            return
        step = timeframe(spec.every).step
        oldest, until = max(recorded[0], news.began - min(REACH_MS, MOST_BARS * step)), news.began
        while oldest < until:
            start = max(oldest, until - _AT_ONCE * step)
            yield start, until
            until = start
