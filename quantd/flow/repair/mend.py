"""What becomes of trades that went missing: they are told of, fetched, and put where they belong."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from quantd.flow.ingest.ledger import Hole, overlapping
from quantd.flow.outlets import Outlets
from quantd.flow.publish import Delivery
from quantd.flow.repair.broken_record import LostRows, lost_rows
from quantd.flow.repair.by_day import REACH_MS, DayRepairer
from quantd.flow.repair.by_id import IdRepairer
from quantd.flow.repair.missing import MissingTrades
from quantd.flow.repair.remake import Remaker
from quantd.flow.repair.restore import TAIL_MS, restore
from quantd.flow.symbol import SymbolStage
from quantd.flow.venue import VenueClock
from quantd.flow.watermark import Watermark
from quantd.model import Gap, Tick
from quantd.plugin import answers
from quantd.plugin.base import Feed, Store
from quantd.timeframes import timeframe

_LAST_S = 1.5
_MOST_LOGGED = 5
"""Gaps of one batch: a lost connection opens one in each of its symbols."""
_log = logging.getLogger("quantd.flow")


def has_days(feed: Feed) -> bool:
    """Whether the venue publishes files of each day."""
    return type(feed).fetch_day is not Feed.fetch_day


def has_ids(feed: Feed) -> bool:
    """Whether the feed can be asked for trades by their ids."""
    return type(feed).fetch_ids is not Feed.fetch_ids


class Mender:
    """Repairs the `stages` of one flow. It reads the flow's `watermark`, up to which bars are closed."""

    def __init__(
        self, feed: Feed, outlets: Outlets, clock: VenueClock, stages: Collection[SymbolStage], delivery: Delivery, watermark: Watermark
    ) -> None:
        self._outlets = outlets
        self._clock = clock
        self._stages = stages
        self._delivery = delivery
        self._watermark = watermark
        self._remaker = Remaker(outlets, delivery, watermark)
        self._days = DayRepairer(feed.fetch_day, self._list_missing, clock) if has_days(feed) else None
        self._feed = feed
        self._repairer = IdRepairer(
            self._fetched, self._list_missing, clock, max_age=feed.reach, next_source="file" if self._days else "none"
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._recorded: dict[SymbolStage, int] = {}
        """Up to when (ms) an earlier run recorded what a stage has not yet taken up."""
        self._killed = False
        self._taking = asyncio.Lock()
        self._mending: SymbolStage | None = None

    async def _fetched(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return await answers.rows(Tick, self._feed.fetch_ids, symbol, first_id, last_id)

    def start(self, *, killed: bool) -> None:
        """Fetch what is missing from now on. `killed`: the run before did not come to its end."""
        self._killed = killed
        if not self._tasks:
            works = {"repair": self._repairer.run, "remake": self._remaker.run} | ({"repair by day": self._days.run} if self._days else {})
            self._tasks = [self._outlets.supervisor.start(f"{what} {self._clock.name}", work) for what, work in works.items()]

    def begin(self, stage: SymbolStage) -> None:
        """The stage knows what it lacks, so the end of its record can be looked through: who was killed may have left trades there that are
        in no bar."""
        if end := self._recorded.pop(stage, None):
            self._remaker.ask(stage, end - TAIL_MS, end)
        self._remaker.begin(stage)

    def forget(self, stage: SymbolStage) -> None:
        """There is no such stage any more."""
        self._recorded.pop(stage, None)
        self._remaker.forget(stage)

    async def end(self) -> None:
        """Fetch no more. Bars that wait to be made anew are, as far as there is time: else they are after the next start."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(_LAST_S):
                await self._remaker.work_off()
        except TimeoutError:
            _log.warning("not all bars are made anew: the rest is after the next start")
        except Exception as error:  # whatever a store raises: the flow ends all the same
            _log.warning("not all bars are made anew: %s", error)

    async def recall(self, stage: SymbolStage) -> int | None:
        """Have the ledger of a symbol go on from what is recorded, so that what was missed since counts as missing; the time (ms) of the
        newest recorded trade, None where there is none."""
        recorder, records = self._outlets.recorder, self._outlets.records
        if recorder is None:
            return None
        saved = records.open_gaps(stage.symbol) if records else []
        stage.intake.resume_gaps(saved)
        torn = await self._torn(stage, recorder.store)
        known = await asyncio.to_thread(restore, recorder.store, stage.symbol, saved, torn.trades)
        if known:
            stage.recall(known, killed=self._killed)
            self._recorded[stage] = known.ts
        return known.ts if known else None

    async def _torn(self, stage: SymbolStage, store: Store) -> LostRows:
        """What is missing in the midst of the record, if a file of it was found broken; bars of trades that are there are made anew."""
        read_from, now = self._outlets.losses.torn_from(), self._clock.now()
        if read_from is None:
            return LostRows()
        frames = [timeframe(name) for name in dict.fromkeys((stage.base, *stage.every))]
        torn = await asyncio.to_thread(lost_rows, store, stage.symbol, frames, max(read_from, now - REACH_MS), now)
        for start, end in torn.bars:
            self._remaker.ask(stage, start, end)
        return torn

    def remake(self, stage: SymbolStage, start: int, end: int) -> None:
        """Have the bars of start <= ts <= end (ms) made anew of what is recorded, soon."""
        self._remaker.ask(stage, start, end)

    def tell(self) -> None:
        """Tell of the gaps that opened or closed. One closes when its bars are mended: who dies before that finds it open again."""
        now = self._clock.now()
        told: list[Gap] = []
        for stage in self._stages:
            self._trust(stage)
            if stage is self._mending or self._remaker.waits(stage):
                continue
            if gaps := stage.intake.news_of_gaps(now):
                told += gaps
                self._doubt(stage, gaps)
        self._outlets.tell_gaps(told)
        _log_gaps(told)

    def _doubt(self, stage: SymbolStage, gaps: Iterable[Gap]) -> None:
        """Bars that closed before anyone knew that trades are missing say so now."""
        began = self._delivery.news.began
        for gap in gaps:
            if gap.closed is None and began <= gap.end and gap.start < self._own(stage):
                self._remaker.ask(stage, max(gap.start, began), gap.end)

    def _trust(self, stage: SymbolStage) -> None:
        """Bars that closed in doubt no longer say so once the missing trades have come by themselves, or nothing was missing."""
        for start, end in stage.news_of_trust():
            if start < self._own(stage):
                self._remaker.ask(stage, start, min(end, self._own(stage)))

    def _list_missing(self) -> Iterable[MissingTrades]:
        return [MissingTrades(stage.symbol, stage.intake.ledger, partial(self._take, stage)) for stage in self._stages if stage.ready]

    def _own(self, stage: SymbolStage) -> int:
        return stage.mended_from(self._watermark.closed)

    async def _take(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        if ticks:
            async with self._taking:
                self._mending = stage
                try:
                    self._put(stage, ticks)
                    await self._remaker.work_off()
                finally:
                    self._mending = None
            self.tell()

    def _put(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        """Put missing trades through their symbol's stage; bars that are too old for these to mend are to be made anew."""
        ledger = stage.intake.ledger
        before = overlapping(ledger.holes, min(tick.id for tick in ticks), max(tick.id for tick in ticks))
        own = self._own(stage)
        good, too_late = self._delivery.trades(stage, ticks, mendable=own)
        if too_late:
            self._remaker.ask(stage, *too_late)
        stage.intake.count_repaired(len(good))
        times = [tick.ts for tick in good] + [time for hole in before for time in _mended(hole, ledger.holes)]
        self._delivery.bars([(stage, stage.close(self._watermark.closed))])
        stage.news_of_trust()  # what follows says when
        if times and min(times) < own:
            self._remaker.ask(stage, min(times), max(times))


def _log_gaps(gaps: Sequence[Gap]) -> None:
    for gap in gaps[:_MOST_LOGGED]:
        ids = f"{gap.symbol}: ids {gap.first_id} to {gap.last_id}"
        if gap.closed is None:
            _log.info("%s are missing: %s", ids, gap.cause)
        else:
            _log.info("%s are no longer missing", ids)
    if len(gaps) > _MOST_LOGGED:
        _log.info("and %d gaps more have opened or closed", len(gaps) - _MOST_LOGGED)


def _mended(hole: Hole, holes: list[Hole]) -> tuple[int, int]:
    """From when to when (ms) bars are in doubt no longer, given what a hole was and what is missing now."""
    rest = overlapping(holes, hole.first, hole.last)
    start = rest[0].end if rest and rest[0].first == hole.first else hole.start
    end = rest[-1].start if rest and rest[-1].last == hole.last else hole.end
    return start, end
