"""What a record holds of a symbol's trades, and what is missing of it: where a daemon that begins takes up the ledger again."""

from collections.abc import Iterable

import numpy as np

from quantd.flow.ingest.ledger import FILED, LOST, Hole, Known, Rung
from quantd.flow.repair.tears import skipped
from quantd.model import Gap
from quantd.plugin.base import Store
from quantd.timeframes import MINUTE

LOOKED_AT_MS = 10 * MINUTE
"""How much of the record's end is looked through: gaps older than a second are saved, younger ones a crash may have hidden."""
UNRECORDED = "not recorded"
_RUNGS: dict[str, Rung] = {FILED: "file", LOST: "none"}


def recall(store: Store, symbol: str, gaps: Iterable[Gap], torn: Iterable[Hole] = ()) -> Known | None:
    """What is recorded, given the gaps that were open, and what else is missing in its midst; None where nothing is. Reads the store."""
    newest = store.newest_tick(symbol)
    if newest is None:
        return None
    last_id, ts = newest
    torn = list(torn)  # of which each is all that is missing there
    saved = [Hole(gap.first_id, gap.last_id, gap.start, gap.end, gap.opened, gap.cause, _RUNGS.get(gap.cause, "feed")) for gap in gaps]
    known = [*torn, *(hole for hole in saved if not _touches(hole, torn))]
    ticks = store.ticks(symbol, ts - LOOKED_AT_MS, ts + 1)
    seen = skipped(np.asarray(ticks["id"]), np.asarray(ticks["ts"]), UNRECORDED)
    holes = [hole for hole in known if hole.last < last_id] + [hole for hole in seen if not _touches(hole, known)]
    return Known(last_id, ts, tuple(sorted(holes, key=lambda hole: hole.first)))


def _touches(hole: Hole, others: Iterable[Hole]) -> bool:
    return any(each.first <= hole.last and hole.first <= each.last for each in others)
