"""Coordinates repair, rebuild and restore for the symbols of one flow.

by_id, by_day --trades--> insert --> the open bars of the stage
                             |
restore, gap_news, feed --times--> queue --bars--> publish
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, MutableMapping
from functools import partial

from quantd.flow.ingest.ledger import Source
from quantd.flow.outputs import Outputs
from quantd.flow.publish import Publisher
from quantd.flow.repair.broken_record import LostRows, lost_rows
from quantd.flow.repair.by_day import REACH_MS, DayRepairer
from quantd.flow.repair.by_id import IdRepairer
from quantd.flow.repair.gap_news import GapNews
from quantd.flow.repair.insert import Inserter
from quantd.flow.repair.left_over import LeftOver
from quantd.flow.repair.missing import MissingTrades
from quantd.flow.repair.queue import RebuildQueue
from quantd.flow.repair.restore import TAIL_MS, restore
from quantd.flow.symbol import SymbolStage
from quantd.flow.venue import VenueClock
from quantd.flow.watermark import Watermark
from quantd.model import Tick
from quantd.plugin import answers
from quantd.plugin.base import Feed
from quantd.timeframes import timeframe

_LAST_S = 1.5
"""How long (s) a stop waits for bars to be rebuilt."""
_log = logging.getLogger("quantd.flow")


def has_days(feed: Feed) -> bool:
    """Return whether the venue publishes daily files."""
    return type(feed).fetch_day is not Feed.fetch_day


def has_ids(feed: Feed) -> bool:
    """Return whether the feed can be asked for trades by id."""
    return type(feed).fetch_ids is not Feed.fetch_ids


class Repairs:
    """Repairs, rebuilds and restores the symbols of one flow, whose stages are `stages`."""

    def __init__(
        self,
        feed: Feed,
        outputs: Outputs,
        clock: VenueClock,
        stages: Collection[SymbolStage],
        publisher: Publisher,
        watermark: Watermark,
        kept: MutableMapping[str, bytes],
    ) -> None:
        """Values in `kept` survive a restart."""
        self._outputs = outputs
        self._clock = clock
        self._stages = stages
        self._feed = feed
        self._to_ask = publisher.to_ask
        self._queue = RebuildQueue(outputs, publisher, watermark)
        self._gaps = GapNews(outputs, clock, publisher.to_ask, watermark, self._queue, publisher.news)
        self._inserter = Inserter(publisher, watermark, self._queue, self._gaps, stages)
        self._by_day = DayRepairer(feed.fetch_day, self._missing, clock) if has_days(feed) else None
        next_source: Source = "file" if self._by_day else "none"
        self._by_id = IdRepairer(
            self._fetch, self._missing, clock, max_age=feed.id_history_ms, next_source=next_source, is_starting=self._is_starting
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._recorded: dict[SymbolStage, int] = {}
        """The time (ms) up to which an earlier run recorded, for stages that have not begun yet."""
        self._left = LeftOver(kept)
        self._killed = False

    def start(self, *, killed: bool) -> None:
        """Start repairs. `killed` says whether the previous run was killed."""
        self._killed = killed
        for stage in self._stages:
            self._queue_kept(stage)
        if not self._tasks:
            works = {"repair": self._by_id.run, "rebuild": self._queue.run}
            works |= {"repair by day": self._by_day.run} if self._by_day else {}
            self._tasks = [self._outputs.supervisor.start(f"{name} {self._clock.name}", work) for name, work in works.items()]

    async def end(self) -> None:
        """Stop repairs. Rebuild waiting bars as far as time allows; store the rest for the next run."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(_LAST_S):
                await self._queue.work_off()
        except TimeoutError:
            _log.warning("not all bars are rebuilt: the rest is after the next start")
        except Exception as error:  # a store may raise anything: the flow ends all the same
            _log.warning("not all bars are rebuilt: the rest is after the next start: %s", error)
        for stage in self._stages:
            self._keep(stage)

    def begin(self, stage: SymbolStage) -> None:
        """Rebuild what an earlier run has left of a symbol that begins. A killed run may have left trades at the end of the record that are
        in no bar."""
        if end := self._recorded.pop(stage, None):
            self._queue.put(stage, end - TAIL_MS, end)
        self._queue_kept(stage)
        self._queue.wake(stage)

    def forget(self, stage: SymbolStage) -> None:
        """Remove a symbol that has left. As at a stop, the times whose bars wait to be rebuilt are kept until it is added again."""
        self._recorded.pop(stage, None)
        self._keep(stage)
        self._queue.drop(stage)
        self._by_id.forget(stage.symbol)
        if self._by_day:
            self._by_day.forget(stage.symbol)

    async def restore(self, stage: SymbolStage) -> int | None:
        """Restore the ledger of a symbol from the record, so that trades missed since then count as missing. Return the time (ms) of the
        newest recorded trade; None without any."""
        recorder, records = self._outputs.recorder, self._outputs.records
        if recorder is None:
            return None
        saved = records.open_gaps(stage.symbol) if records else []
        stage.intake.resume_gaps(saved)
        lost = await self._lost_rows(stage)
        known = await asyncio.to_thread(restore, self._outputs.history, stage.symbol, saved, lost.trades)
        if known:
            stage.restore(known, killed=self._killed)
            self._recorded[stage] = known.ts
        return known.ts if known else None

    def rebuild(self, stage: SymbolStage, start: int, end: int) -> None:
        """Rebuild the bars of start <= ts <= end (ms) from what is recorded, soon."""
        self._queue.put(stage, start, end)

    def tell(self) -> None:
        """Report the gaps that opened or closed."""
        self._gaps.tell()

    async def _lost_rows(self, stage: SymbolStage) -> LostRows:
        """Return what the record lacks, if one of its files was found broken. Bars whose trades are still recorded are rebuilt."""
        read_from, now = self._outputs.losses.incomplete_from(), self._clock.now()
        if read_from is None:
            return LostRows()
        frames = [timeframe(name) for name in dict.fromkeys((stage.base, *stage.every))]
        lost = await asyncio.to_thread(lost_rows, self._outputs.history, stage.symbol, frames, max(read_from, now - REACH_MS), now)
        for start, end in lost.bars:
            self._queue.put(stage, start, end)
        return lost

    async def _fetch(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return await answers.rows(Tick, self._feed.fetch_ids, symbol, first_id, last_id)

    def _missing(self) -> Iterable[MissingTrades]:
        """Return what is missing of the symbols that are ready."""
        insert, changed = self._inserter.insert, self._to_ask.add
        missing = [stage for stage in self._stages if stage.intake.ledger.holes and stage.ready]
        return [MissingTrades(each.symbol, each.intake.ledger, partial(insert, each), partial(changed, each)) for each in missing]

    def _is_starting(self) -> bool:
        """Return whether a symbol still reads its past."""
        return not all(stage.ready or stage.absent for stage in self._stages)

    def _queue_kept(self, stage: SymbolStage) -> None:
        """Queue what an earlier run has left of a symbol. It stays stored, in case this run is killed."""
        for start, end in self._left.read(stage.symbol):
            self._queue.put(stage, start, end)

    def _keep(self, stage: SymbolStage) -> None:
        """Store the bars of a symbol that wait to be rebuilt, for the next run."""
        if not stage.ready:
            self._queue_kept(stage)
        self._left.write(stage.symbol, self._queue.waiting(stage))
