"""What a flow asks of its feed."""

from collections.abc import Mapping, Sequence

from quantd.flow.symbol import SymbolStage
from quantd.plugin.base import Extras


def wanted(of: Mapping[str, Sequence[SymbolStage]]) -> tuple[tuple[str, ...], Extras]:
    """The symbols that its venue may bring, and what their stages ask for besides trades."""
    asked = {symbol: frozenset(extra for stage in stages for extra in stage.extras) for symbol, stages in of.items() if _is_there(stages)}
    return tuple(asked), {symbol: extras for symbol, extras in asked.items() if extras}


def _is_there(stages: Sequence[SymbolStage]) -> bool:
    return not any(stage.absent for stage in stages)
