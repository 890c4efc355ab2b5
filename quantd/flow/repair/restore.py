"""Restores the ledger of a symbol: the trades that the record holds, and those that it lacks."""

from collections.abc import Iterable

import numpy as np

from quantd.flow.ingest.ledger import FILED, LOST, NOT_RECORDED, Hole, Known, Source
from quantd.flow.repair.broken_record import holes_between
from quantd.history.store_reader import StoreReader
from quantd.model import Gap
from quantd.timeframes import MINUTE

TAIL_MS = 10 * MINUTE
"""How much of the record's end (ms) is searched for holes. Gaps older than a second are saved; a crash may have hidden younger ones."""
_SOURCES: dict[str, Source] = {FILED: "file", LOST: "none"}


def restore(record: StoreReader, symbol: str, gaps: Iterable[Gap], broken: Iterable[Hole] = ()) -> Known | None:
    """Return what is recorded of a symbol, given its saved open gaps and the holes of a broken record; None if nothing is. Reads the store.

    A hole of the broken record covers everything that is missing there, so it replaces a saved gap that it touches.
    """
    newest = record.newest_trade(symbol)
    if newest is None:
        return None
    last_id, ts = newest
    broken = list(broken)
    known = [*broken, *(hole for hole in map(_hole, gaps) if not _touches(hole, broken))]
    ticks = record.trade_columns(symbol, ts - TAIL_MS, ts + 1)
    found = holes_between(np.asarray(ticks["id"]), np.asarray(ticks["ts"]), NOT_RECORDED)
    holes = [hole for hole in known if hole.last < last_id] + [hole for hole in found if not _touches(hole, known)]
    return Known(last_id, ts, tuple(sorted(holes, key=lambda hole: hole.first)))


def _hole(gap: Gap) -> Hole:
    return Hole(gap.first_id, gap.last_id, gap.start, gap.end, gap.opened, gap.cause, _SOURCES.get(gap.cause, "feed"))


def _touches(hole: Hole, others: Iterable[Hole]) -> bool:
    return any(each.first <= hole.last and hole.first <= each.last for each in others)
