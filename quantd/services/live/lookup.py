"""Finds the stages of a symbol."""

from collections.abc import Sequence

from quantd.flow.feed import FeedFlow
from quantd.flow.symbol import SymbolStage
from quantd.model import Tick
from quantd.runtime.runtime import Runtime


def stages_of(runtime: Runtime, symbol: str) -> list[SymbolStage]:
    """Return the stages of a symbol, of all feeds."""
    return [stage for flow in runtime.flows if (stage := flow.stage(symbol))]


def stage_of(runtime: Runtime, symbol: str) -> SymbolStage | None:
    """Return the first stage of a symbol; None for a symbol that does not stream."""
    for flow in runtime.flows:
        if stage := flow.stage(symbol):
            return stage
    return None


def flow_of(runtime: Runtime, symbol: str) -> FeedFlow | None:
    """Return the first flow that has a symbol; None for a symbol that does not stream."""
    return next((flow for flow in runtime.flows if flow.stage(symbol)), None)


class RuntimeStreams:
    """The symbols of a runtime as the history sees them: satisfies `history.streams.Streams`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def symbol_bars(self, symbol: str) -> SymbolStage | None:
        return stage_of(self._runtime, symbol)

    def venue(self, symbol: str) -> FeedFlow | None:
        return flow_of(self._runtime, symbol)

    def waiting(self, symbol: str) -> Sequence[Tick]:
        stage = stage_of(self._runtime, symbol)
        return [*stage.arrivals.waiting, *stage.arrivals.fresh] if stage else []
