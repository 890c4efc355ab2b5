"""Recovers the past beside the stream of one feed: symbols get their past, missing trades are fetched, and event bars catch up with the
record."""

from collections.abc import Collection, Sequence

from quantd.flow.environment import Environment
from quantd.flow.event_restore import EventRestorer
from quantd.flow.ingest.ledger import DISCONNECTED
from quantd.flow.outputs import Outputs
from quantd.flow.publish import Publisher, Taken
from quantd.flow.repair.repairs import Repairs, has_ids
from quantd.flow.run_mark import RunMark
from quantd.flow.symbol import SymbolStage
from quantd.flow.venue import VenueClock
from quantd.flow.warm_start import WarmStart
from quantd.flow.watermark import Watermark
from quantd.history.klines import has_past
from quantd.plugin.base import Feed


class Recovery:
    """Recovers the `stages` of one flow, as far as its feed and environment allow. A replay needs no recovery."""

    def __init__(
        self,
        feed: Feed,
        outputs: Outputs,
        clock: VenueClock,
        stages: Collection[SymbolStage],
        publisher: Publisher,
        watermark: Watermark,
        environment: Environment,
    ) -> None:
        warm = environment.warm
        self._alerts = outputs.alerts
        self._to_ask = publisher.to_ask
        self._waits = warm and has_past(feed)
        self._mark = RunMark(environment.kept)
        self._restorer = EventRestorer(outputs, stages, environment.kept) if warm and outputs.recorder else None
        repairs = warm and has_ids(feed)
        self._repairs = Repairs(feed, outputs, clock, stages, publisher, watermark, environment.kept) if repairs else None
        self._warm_start = WarmStart(feed, outputs, clock, stages, publisher, watermark, self._repairs)

    def start(self) -> None:
        """Start, when the stream begins."""
        killed = self._mark.set()
        if self._repairs:
            self._repairs.start(killed=killed)
        if self._restorer:
            self._restorer.start()
        self._warm_start.resume()

    def add(self, stage: SymbolStage, now: int) -> None:
        """Add a stage that takes part from event time `now` (ms) on."""
        stage.join(now, waits=self._waits, recorded=self._restorer is not None, fetched=self._repairs is not None)

    def forget(self, stage: SymbolStage) -> None:
        """Remove a stage."""
        self._warm_start.drop(stage)
        self._to_ask.discard(stage)
        if self._restorer:
            self._restorer.forget(stage.symbol)
        if self._repairs:
            self._repairs.forget(stage)

    def warm_up(self) -> None:
        """Start to read the past of stages, once the feed is connected."""
        self._warm_start.start()

    def lose(self, stages: Sequence[SymbolStage]) -> None:
        """Note that the stream may have missed trades of these stages."""
        self._warm_start.lose(stages)
        self._alerts.lose(stage.symbol for stage in stages)
        for stage in stages:
            stage.intake.ledger.doubt(DISCONNECTED)

    def warm_left_s(self) -> float | None:
        """Return the estimated time (s) until all symbols have their past; None if none is being read."""
        return self._warm_start.left_s()

    def stop_warming(self, stage: SymbolStage) -> None:
        """Stop reading the past of a symbol that the venue does not list for now."""
        self._warm_start.drop(stage)

    def give_up_past(self, stage: SymbolStage) -> None:
        """Give up the past of a symbol, since too many trades have arrived while it was fetched."""
        self._warm_start.give_up(stage)

    def rebuild(self, stage: SymbolStage, taken: Taken) -> None:
        """Rebuild the bars for which some of these trades came too late."""
        if self._repairs and taken.too_late:
            self._repairs.rebuild(stage, *taken.too_late)

    def tell(self) -> None:
        """Report gaps that opened or closed."""
        if self._repairs:
            self._repairs.tell()

    async def finish(self) -> None:
        """Read the rest of the record, since the stream has ended, so that every open bar can be closed."""
        if self._restorer:
            await self._restorer.finish()

    async def end(self) -> None:
        """Stop all recovery tasks."""
        if self._restorer:
            await self._restorer.end()
        if self._repairs:
            await self._repairs.end()
        await self._warm_start.end()

    def came_to_its_end(self) -> None:
        """Note that this run was not killed."""
        self._mark.remove()
