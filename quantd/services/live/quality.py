"""Measures the quality of a symbol's data."""

import numpy as np

from quantd.flow.feed import FeedFlow
from quantd.flow.symbol import SymbolStage
from quantd.services.status import SymbolQuality
from quantd.supervision.losses import Losses
from quantd.timeframes import MINUTE


def quality_of(stage: SymbolStage, flow: FeedFlow, losses: Losses) -> SymbolQuality:
    """Return the present quality of a symbol, by the venue's clock, with the losses of the record."""
    intake, ledger = stage.intake, stage.intake.ledger
    p50, p99 = (float(value) for value in np.percentile(stage.lags, [50, 99])) if stage.lags else (None, None)
    return SymbolQuality(
        symbol=stage.symbol,
        state=_state(stage, flow, flow.clock.now()),
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
        notes=[f"{loss.file}: {loss.text}" for loss in losses.present() if loss.record],
    )


def _state(stage: SymbolStage, flow: FeedFlow, now: int) -> str:
    if stage.absent:
        return stage.absent
    if flow.state != "live":
        return flow.state
    if not stage.ready:
        return "warming"
    if stage.last and now - stage.last.ts < MINUTE:
        return "live"
    return "closed" if flow.clock.told(lambda: flow.feed.is_closed(stage.symbol), False) else "quiet"
