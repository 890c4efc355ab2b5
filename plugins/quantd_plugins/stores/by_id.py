"""Finds the chunks of the ticks that follow an id.

    chunks by last_id     │──a──│  │──b──│    │──d──│ ...
                               │──────c──────┼────────│
    ids that are wanted   ▲ first_id ......▲ the last one

Chunks are read by their last ids, until enough ids are there. Ids without holes are all there are, since each is unique. A hole may be
filled by a chunk that ends later, like c: a batch that came with a hole was stored as one chunk, and what filled the hole as others. Such
a chunk begins about when the ticks around its ids were traded.
"""

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantd_plugins.stores.chunks import TICK

BY_LAST_ID = "SELECT rowid, ts0, ts1, ticks, last_id FROM ticks WHERE symbol = ? AND last_id >= ? ORDER BY last_id"
ACROSS = """SELECT rowid, ts0, ts1, ticks, last_id FROM ticks
WHERE symbol = ? AND ts0 BETWEEN ? AND ? AND last_id >= ? AND first_id <= ?"""
LOOK_AROUND = 60_000
"""Trades are this close (ms) to those with neighbouring ids."""
_STEP = 16
Chunk = tuple[int, int, int, bytes, int]
"""rowid, ts0, ts1, ticks, last_id."""


def chunks_from(db: sqlite3.Connection, symbol: str, first_id: int, count: int) -> list[Chunk]:
    """Return chunks that hold the `count` ticks of a symbol with the smallest ids from `first_id` on, in the order of their rows."""
    found: list[Chunk] = []
    ids: NDArray[np.int64] = np.empty(0, np.int64)
    cursor = db.execute(BY_LAST_ID, (symbol, first_id))
    while len(ids) < count and (more := cursor.fetchmany(max(_STEP, len(found)))):
        found += more
        ids = np.union1d(ids, _ids(more, first_id))
    wanted = ids[:count]
    if len(wanted) and (wanted[0] != first_id or wanted[-1] - wanted[0] >= len(wanted)):
        around = min(chunk[1] for chunk in found) - LOOK_AROUND, max(chunk[2] for chunk in found) + LOOK_AROUND
        found += db.execute(ACROSS, (symbol, *around, found[-1][4], int(wanted[-1])))
    return sorted(set(found))


def _ids(chunks: Sequence[Chunk], first_id: int) -> NDArray[np.int64]:
    ids: NDArray[np.int64] = np.frombuffer(b"".join(chunk[3] for chunk in chunks if not len(chunk[3]) % TICK.itemsize), TICK)["id"]
    return ids[ids >= first_id]
