"""What a record holds of a symbol's trades, and what is missing of it: where a daemon that begins takes up the ledger again."""

from collections.abc import Iterable, Iterator

import numpy as np

from quantd.flow.ingest.ledger import FILED, LOST, Hole, Known, Rung
from quantd.model import Gap
from quantd.plugin.base import Columns, Store
from quantd.timeframes import MINUTE

LOOKED_AT_MS = 10 * MINUTE
"""How much of the record's end is looked through: gaps older than a second are saved, younger ones a crash may have hidden."""
UNRECORDED = "not recorded"
_RUNGS: dict[str, Rung] = {FILED: "file", LOST: "none"}


def recall(store: Store, symbol: str, gaps: Iterable[Gap]) -> Known | None:
    """What is recorded, given the gaps that were open; None where nothing is. Reads the store."""
    newest = store.newest_tick(symbol)
    if newest is None:
        return None
    last_id, ts = newest
    saved = [Hole(gap.first_id, gap.last_id, gap.start, gap.end, gap.opened, gap.cause, _RUNGS.get(gap.cause, "feed")) for gap in gaps]
    holes = [hole for hole in saved if hole.last < last_id]
    seen = _skipped(store.ticks(symbol, ts - LOOKED_AT_MS, ts + 1))
    holes += [hole for hole in seen if not any(each.first <= hole.last and hole.first <= each.last for each in saved)]
    return Known(last_id, ts, tuple(sorted(holes, key=lambda hole: hole.first)))


def _skipped(ticks: Columns) -> Iterator[Hole]:
    ids, times = np.asarray(ticks["id"]), np.asarray(ticks["ts"])
    for at in np.flatnonzero(np.diff(ids) > 1).tolist():
        start, end = int(times[at]), int(times[at + 1])
        yield Hole(int(ids[at]) + 1, int(ids[at + 1]) - 1, start, end, end, UNRECORDED)
