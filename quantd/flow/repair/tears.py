"""Where a record lacks rows in its midst, for a file of it broke: trades, by their ids, and bars of trades that are there."""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from quantd.flow.ingest.ledger import Hole, Span
from quantd.plugin.base import Store
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND, Timeframe

REACH_MS = 8 * DAY
"""As far back as repair reaches."""
TORN = "record broken"


class Tears(Struct, frozen=True):
    """Trades that are missing, by id; and times (ms, both ends included) in which bars are missing of trades that are there."""

    holes: tuple[Hole, ...] = ()
    bars: tuple[Span, ...] = ()


def tears(store: Store, symbol: str, frames: Sequence[Timeframe], since: int, until: int) -> Tears:
    """Between these times (ms). Reads the store, an hour at a time."""
    first = store.first_tick(symbol)
    if first is None:
        return Tears()
    holes: list[Hole] = []
    bars: list[Span] = []
    last: tuple[int, int] | None = None
    for start in range(max(since, first), until, HOUR):
        end = min(start + HOUR, until)
        ticks = store.ticks(symbol, start - MINUTE, end + MINUTE)  # ids and times may be in another order
        ids, times = np.asarray(ticks["id"]), np.asarray(ticks["ts"])
        if last and not (len(ids) and ids[0] <= last[0]):
            ids, times = np.insert(ids, 0, last[0]), np.insert(times, 0, last[1])
        holes += (hole for hole in skipped(ids, times, TORN) if start <= hole.end < end)
        if len(ids):
            last = int(ids[-1]), int(times[-1])
        bars += _without_bars(store, symbol, frames, times[(times >= start) & (times < end)])
    return Tears(tuple(holes), tuple(bars))


def skipped(ids: np.ndarray, times: np.ndarray, cause: str) -> Iterator[Hole]:
    """What is missing between the first and the last of these trades, which stand by id."""
    for at in np.flatnonzero(np.diff(ids) > 1).tolist():
        start, end = int(times[at]), int(times[at + 1])
        yield Hole(int(ids[at]) + 1, int(ids[at + 1]) - 1, start, end, end, cause)


def _without_bars(store: Store, symbol: str, frames: Sequence[Timeframe], times: np.ndarray) -> Iterator[Span]:
    if not len(times):
        return
    seconds = np.unique(times // SECOND * SECOND).tolist()
    for frame in frames:
        traded = sorted({frame.floor(second) for second in seconds})
        there = {bar.ts for bar in store.bars(symbol, frame.name, traded[0], traded[-1] + 1)}
        yield from ((ts, frame.end(ts) - 1) for ts in traded if ts not in there)
