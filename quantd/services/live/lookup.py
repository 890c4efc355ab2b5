"""Where the stages of a symbol are."""

from quantd.flow.feed import FeedFlow
from quantd.flow.symbol import SymbolStage
from quantd.runtime.runtime import Runtime


def stages_of(runtime: Runtime, symbol: str) -> list[SymbolStage]:
    """The stages of a symbol, of all feeds."""
    return [stage for flow in runtime.flows for stage in flow.stages if stage.symbol == symbol]


def stage_of(runtime: Runtime, symbol: str) -> SymbolStage | None:
    """The first stage of a symbol; None for one that does not stream."""
    return next(iter(stages_of(runtime, symbol)), None)


def flow_of(runtime: Runtime, stage: SymbolStage) -> FeedFlow | None:
    """The flow that a stage is part of; None once it has been dropped."""
    return next((flow for flow in runtime.flows if stage in flow.stages), None)
