"""How good what is known of a symbol is, in numbers."""

import numpy as np

from quantd.flow.desk import SymbolQuality
from quantd.flow.pipeline import FeedFlow, SymbolStage
from quantd.timeframes import MINUTE


def quality_of(stage: SymbolStage, flow: FeedFlow, now: int) -> SymbolQuality:
    """As of `now` (ms)."""
    intake, ledger = stage.intake, stage.intake.ledger
    p50, p99 = (float(value) for value in np.percentile(stage.lags, [50, 99])) if stage.lags else (None, None)
    return SymbolQuality(
        symbol=stage.symbol,
        state=_state(stage, flow, now),
        last_id=ledger.last_id,
        last_tick=stage.last.ts if stage.last else None,
        ticks=intake.accepted,
        duplicates=ledger.duplicates,
        refused=intake.refused,
        missing=ledger.missing,
        lost=ledger.lost,
        repaired=intake.repaired,
        late=stage.lost,
        latency_p50=p50,
        latency_p99=p99,
        gaps=intake.gaps.open,
    )


def _state(stage: SymbolStage, flow: FeedFlow, now: int) -> str:
    if flow.state != "live":
        return flow.state
    if not stage.ready:
        return "warming"
    return "live" if stage.last and now - stage.last.ts < MINUTE else "quiet"
