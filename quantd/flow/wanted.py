"""What a flow asks of its feed."""

from collections.abc import Iterable

from quantd.flow.symbol import SymbolStage
from quantd.plugin.base import Channels


def wanted(stages: Iterable[SymbolStage]) -> tuple[tuple[str, ...], Channels]:
    """The symbols that its venue may bring, and what their stages ask for besides trades."""
    there = [stage for stage in stages if not stage.absent]
    return tuple(stage.symbol for stage in there), {stage.symbol: stage.channels for stage in there if stage.channels}
