"""Bars that closed and are not right any more, made anew of what is recorded, a stretch of time at a time."""

import asyncio
import logging

from quantd.errors import QuantdError, unforeseen
from quantd.flow.ingest.ledger import Span
from quantd.flow.outlets import Outlets
from quantd.flow.publish import Delivery
from quantd.flow.repair.bars import rebuild_bars
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.timeframes import HOUR, MINUTE

LONGEST_MS = HOUR
"""At once: the loop does other things in between."""
_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_log = logging.getLogger("quantd.flow")


class Remaker:
    """Makes bars of one flow anew. What it is asked for waits until it is done, whatever fails meanwhile, and until its stage has begun:
    before that some trades are neither recorded nor known to be missing. It reads the flow's `watermark`, up to which bars are closed."""

    def __init__(self, outlets: Outlets, delivery: Delivery, watermark: Watermark) -> None:
        self._outlets = outlets
        self._delivery = delivery
        self._watermark = watermark
        self._stale: dict[SymbolStage, list[Span]] = {}
        self._at: SymbolStage | None = None
        self._woken = asyncio.Event()
        self._busy = asyncio.Lock()

    def ask(self, stage: SymbolStage, start: int, end: int) -> None:
        """Have the bars of start <= ts <= end (ms) made anew, soon."""
        if self._outlets.recorder:
            self._stale[stage] = _joined([*self._stale.get(stage, []), (start, end)])
            self._woken.set()

    def begin(self, stage: SymbolStage) -> None:
        """The stage has begun: what waits for that can be done."""
        if stage in self._stale:
            self._woken.set()

    def waits(self, stage: SymbolStage) -> bool:
        """Whether bars of a stage are still to be made anew."""
        return stage in self._stale or stage is self._at

    def forget(self, stage: SymbolStage) -> None:
        """There is no such stage any more."""
        self._stale.pop(stage, None)

    async def run(self) -> None:
        """Work off what is asked for, until cancelled."""
        pause = _SHORTEST_PAUSE_S
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.work_off()
                pause = _SHORTEST_PAUSE_S
            except Exception as error:  # whatever a store raises
                _log.warning("bars are not made anew, trying again in %.0f s: %s", pause, error, exc_info=unforeseen(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                self._woken.set()

    async def work_off(self) -> None:
        """All that has been asked for of stages that have begun. What cannot be done now goes on waiting, and the error to the caller."""
        async with self._busy:
            while stage := next((each for each in self._stale if each.ready), None):
                stretches = self._stale[stage]
                start, end = stretches.pop(0)  # the oldest: a quiet bar goes on from the one before
                if not stretches:
                    del self._stale[stage]
                self._at = stage
                until = min(end, start + LONGEST_MS)
                try:
                    await self._again(stage, start, until)
                except BaseException:
                    self.ask(stage, start, end)
                    raise
                finally:
                    self._at = None
                if until < end:
                    self.ask(stage, until + 1, end)

    async def _again(self, stage: SymbolStage, start: int, end: int) -> None:
        end = min(end, stage.mended_from(self._watermark.closed) - 1)
        recorder = self._outlets.recorder
        if recorder is None or start > end:
            return
        if not await recorder.write():
            raise QuantdError(f"{stage.symbol}: the store does not take the trades of which bars are to be made")
        made = await rebuild_bars(stage, self._outlets.history, start, end)
        stage.absorb(made)
        await self._delivery.again(stage, made)


def _joined(spans: list[Span]) -> list[Span]:
    """Sorted, those that touch or nearly do as one.

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
