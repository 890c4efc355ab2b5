"""Status of a running flow."""

from quantd.clock import Clock
from quantd.flow.feed import FeedFlow
from quantd.runtime.runtime import Runtime
from quantd.services.live.quality import quality_of
from quantd.services.live.symbols import LiveSymbols
from quantd.services.status import FeedState, Status, SymbolQuality
from quantd.supervision.troubles import Trouble


class LiveStatus(Status):
    """Reads the state of each feed and symbol of a runtime."""

    def __init__(self, runtime: Runtime, symbols: LiveSymbols, clock: Clock) -> None:
        self._runtime = runtime
        self._symbols = symbols
        self._clock = clock

    def now(self) -> int:
        return self._clock.now()

    def feeds(self) -> list[FeedState]:
        return [self._feed(flow) for flow in self._runtime.flows]

    def quality(self) -> list[SymbolQuality]:
        losses = self._runtime.outputs.losses
        return [quality_of(stage, flow, losses) for flow in self._runtime.flows for stage in flow.stages]

    def troubles(self) -> list[Trouble]:
        return self._runtime.outputs.troubles.present()

    def _feed(self, flow: FeedFlow) -> FeedState:
        """Return the state of a feed. Only held symbols count, so that a question about another symbol does not make the daemon unready."""
        held = [stage for stage in flow.stages if self._symbols.is_held(stage.symbol) and not stage.absent]
        warm = sum(stage.ready for stage in held)
        state = "warming" if flow.state == "live" and warm < len(held) else flow.state
        newest = max((stage.last.ts for stage in flow.stages if stage.last), default=None)
        accepted = sum(stage.intake.accepted for stage in flow.stages)
        left = flow.warming.left_s if state == "warming" else None
        return FeedState(flow.name, state, newest, accepted, flow.refused, warm, len(held), flow.clock.offset, flow.health(), left)
