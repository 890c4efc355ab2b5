"""What becomes of trades that went missing: they are told of, fetched, and put where they belong."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from quantd.clock import Clock
from quantd.flow.ingest.gaps import Gaps
from quantd.flow.ingest.ledger import overlapping
from quantd.flow.ingest.recall import recall
from quantd.flow.ingest.repair import Repairer, Ward
from quantd.flow.pipeline.outlets import Outlets
from quantd.flow.pipeline.rebuild import bars_again
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.model import Bar, Tick
from quantd.plugin.base import Feed


class Hand(Protocol):
    """Ticks of the past through a stage and on to the record: what of them was missing."""

    def __call__(self, stage: SymbolStage, ticks: Sequence[Tick], *, mendable: int) -> list[Tick]: ...


Deliver = Callable[[SymbolStage, list[Bar]], Awaitable[None]]
"""Bars of a stage, however old, on to the history, the record and the pairs."""


def has_ids(feed: Feed) -> bool:
    """Whether the feed can be asked for trades by their ids."""
    return type(feed).fetch_ids is not Feed.fetch_ids


class Mender:
    """Of one flow. `stages` are those whose ledgers count: the first of each symbol."""

    def __init__(
        self, feed: Feed, outlets: Outlets, clock: Clock, stages: Callable[[], Iterable[SymbolStage]], hand: Hand, deliver: Deliver
    ) -> None:
        self.closed = 0
        """Up to where (ms) bars are closed."""
        self._outlets = outlets
        self._clock = clock
        self._stages = stages
        self._hand = hand
        self._deliver = deliver
        self._repairer = Repairer(feed.fetch_ids, self._wards, clock)
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Fetch what is missing from now on."""
        if self._task is None:
            self._task = asyncio.create_task(self._repairer.run(), name="repair")

    async def end(self) -> None:
        """Fetch no more."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

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

    def tell(self) -> None:
        """Tell of the gaps that opened or closed."""
        now = self._clock.now()
        for stage in self._stages():
            if gaps := stage.intake.news_of_gaps(now):
                self._outlets.tell_gaps(gaps)

    def _wards(self) -> Iterable[Ward]:
        return [Ward(stage.symbol, stage.intake.ledger, partial(self._take, stage)) for stage in self._stages() if stage.ready]

    async def _take(self, stage: SymbolStage, ticks: Sequence[Tick]) -> None:
        mendable = self.closed - stage.reopen
        holes = overlapping(stage.intake.ledger.holes, ticks[0].id, ticks[-1].id) if ticks else []
        good = self._hand(stage, ticks, mendable=mendable)
        stage.intake.repaired += len(good)
        await self._deliver(stage, stage.close(self.closed))
        self.tell()
        if self._outlets.recorder and any(tick.ts < mendable for tick in good):
            await self._outlets.recorder.write()
            times = [time for hole in holes for time in (hole.start, hole.end)]  # all bars of that time were in doubt
            times += [tick.ts for tick in good]
            await self._deliver(stage, await bars_again(stage, self._outlets.history, min(times), max(times)))
