"""What becomes of trades that went missing: they are told of, fetched, and put where they belong."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from quantd.clock import Clock
from quantd.flow.ingest.days import DayRepairer
from quantd.flow.ingest.gaps import Gaps
from quantd.flow.ingest.ledger import Hole, overlapping
from quantd.flow.ingest.recall import LOOKED_AT_MS, recall
from quantd.flow.ingest.repair import Repairer, Ward
from quantd.flow.pipeline.delivery import Delivery
from quantd.flow.pipeline.outlets import Outlets
from quantd.flow.pipeline.rebuild import bars_again
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.model import Gap, Tick
from quantd.plugin.base import Feed

_LAST_S = 1.5
_log = logging.getLogger("quantd.flow")


class Hand(Protocol):
    """Ticks of the past through a stage and on to the record: what of them was missing."""

    def __call__(self, stage: SymbolStage, ticks: Sequence[Tick], *, mendable: int) -> list[Tick]: ...


def has_days(feed: Feed) -> bool:
    """Whether the venue publishes files of each day."""
    return type(feed).fetch_day is not Feed.fetch_day


def has_ids(feed: Feed) -> bool:
    """Whether the feed can be asked for trades by their ids."""
    return type(feed).fetch_ids is not Feed.fetch_ids


class Mender:
    """Of one flow. `stages` are those whose ledgers count: the first of each symbol."""

    def __init__(
        self,
        feed: Feed,
        outlets: Outlets,
        clock: Clock,
        stages: Callable[[], Iterable[SymbolStage]],
        hand: Hand,
        delivery: Delivery,
    ) -> None:
        self.closed = 0
        """Up to where (ms) bars are closed."""
        self._outlets = outlets
        self._clock = clock
        self._stages = stages
        self._hand = hand
        self._delivery = delivery
        self._repairers: list[Repairer | DayRepairer] = [
            Repairer(feed.fetch_ids, self._wards, clock, reach=feed.reach, then="file" if has_days(feed) else "none")
        ]
        if has_days(feed):
            self._repairers.append(DayRepairer(feed.fetch_day, self._wards, clock))
        self._tasks: list[asyncio.Task[None]] = []
        self._recorded: dict[SymbolStage, int] = {}
        """Up to when (ms) an earlier run recorded what a stage has not yet taken up."""
        self._stale: dict[SymbolStage, tuple[int, int]] = {}
        self._woken = asyncio.Event()
        self._taking = asyncio.Lock()
        self._mending: SymbolStage | None = None

    def begin(self, stage: SymbolStage) -> None:
        """Fetch what is missing from now on. The stage knows what it lacks, so the end of its record can be looked through: who was killed
        may have left trades there that are in no bar."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(each.run(), name="repair") for each in self._repairers]
            self._tasks.append(asyncio.create_task(self._remake(), name="remake bars"))
        if end := self._recorded.pop(stage, None):
            self.remake(stage, end - LOOKED_AT_MS, end)

    async def end(self) -> None:
        """Fetch no more. Bars that wait to be made anew are, as far as there is time: else they are after the next start."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(_LAST_S):
                await self._remake_stale()
        except TimeoutError:
            _log.warning("not all bars are made anew: the rest is after the next start")

    async def recall(self, stage: SymbolStage) -> None:
        """Have the ledger of a symbol go on from what is recorded, so that what was missed since counts as missing."""
        recorder, records = self._outlets.recorder, self._outlets.records
        if recorder is None:
            return
        saved = [gap for gap in records.open_gaps() if gap.symbol == stage.symbol] if records else []
        stage.intake.gaps = Gaps(stage.symbol, saved)
        known = await asyncio.to_thread(recall, recorder.store, stage.symbol, saved)
        if known:
            stage.intake.ledger.recall(known)
            self._recorded[stage] = known.ts

    def remake(self, stage: SymbolStage, start: int, end: int) -> None:
        """Have the bars of start <= ts <= end (ms) made anew of what is recorded, soon."""
        low, high = self._stale.get(stage, (start, end))
        self._stale[stage] = min(low, start), max(high, end)
        self._woken.set()

    async def _remake(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._remake_stale()

    async def _remake_stale(self) -> None:
        while self._stale:
            stage, (start, end) = next(iter(self._stale.items()))
            try:
                async with self._taking:
                    await self._again(stage, start, end)
            except Exception:  # whatever a store raises: repair goes on
                _log.exception("%s: the bars of %s to %s are not made anew", stage.symbol, start, end)
            if self._stale.get(stage) == (start, end):
                del self._stale[stage]

    async def _again(self, stage: SymbolStage, start: int, end: int) -> None:
        """Make bars anew, but for those that the stage mends itself."""
        end = min(end, self._own(stage) - 1)
        if self._outlets.recorder and start <= end:
            await self._outlets.recorder.write()
            made = await bars_again(stage, self._outlets.history, start, end)
            stage.absorb(made)
            await self._delivery.again(stage, made)

    def _own(self, stage: SymbolStage) -> int:
        """From when on (ms) bars are still the stage's own to mend."""
        return max(self.closed - stage.reopen, stage.begins)

    def tell(self) -> None:
        """Tell of the gaps that opened or closed. One closes when its bars are mended: who dies before that finds it open again."""
        now = self._clock.now()
        for stage in [stage for stage in self._stages() if stage is not self._mending]:
            if gaps := stage.intake.news_of_gaps(now):
                self._outlets.tell_gaps(gaps)
                self._doubt(stage, gaps)

    def _doubt(self, stage: SymbolStage, gaps: Iterable[Gap]) -> None:
        """Bars that closed before anyone knew that trades are missing say so now."""
        began = self._delivery.began
        for gap in gaps:
            if gap.closed is None and began <= gap.end and gap.start < self._own(stage):
                self.remake(stage, max(gap.start, began), gap.end)

    def _wards(self) -> Iterable[Ward]:
        return [Ward(stage.symbol, stage.intake.ledger, partial(self._take, stage)) for stage in self._stages() if stage.ready]

    async def _take(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        if ticks:
            async with self._taking:
                self._mending = stage
                try:
                    await self._put(stage, ticks)
                finally:
                    self._mending = None
            self.tell()

    async def _put(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        ledger = stage.intake.ledger
        mendable = self._own(stage)
        before = overlapping(ledger.holes, min(tick.id for tick in ticks), max(tick.id for tick in ticks))
        good = self._hand(stage, ticks, mendable=mendable)
        stage.intake.repaired += len(good)
        self._delivery.bars([(stage, stage.close(self.closed))])
        if any(tick.ts < mendable for tick in good):
            times = [tick.ts for tick in good] + [time for hole in before for time in _mended(hole, ledger.holes)]
            await self._again(stage, min(times), max(times))


def _mended(hole: Hole, holes: list[Hole]) -> tuple[int, int]:
    """From when to when (ms) bars are in doubt no longer, given what a hole was and what is missing now."""
    rest = overlapping(holes, hole.first, hole.last)
    start = rest[0].end if rest and rest[0].first == hole.first else hole.start
    end = rest[-1].start if rest and rest[-1].last == hole.last else hole.end
    return start, end
