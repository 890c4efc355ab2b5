"""The symbols and channels that a flow requests from its feed."""

from collections.abc import Iterable

from quantd.flow.symbol import SymbolStage
from quantd.plugin.base import Channels


def subscribed(stages: Iterable[SymbolStage]) -> tuple[tuple[str, ...], Channels]:
    """Return the symbols to stream, and what their stages request besides trades."""
    there = [stage for stage in stages if not stage.absent]
    return tuple(stage.symbol for stage in there), {stage.symbol: stage.channels for stage in there if stage.channels}
