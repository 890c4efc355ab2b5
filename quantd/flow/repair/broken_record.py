"""Finds what a record lacks after one of its files broke: trades, by their ids, and bars whose trades are still recorded."""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from quantd.flow.ingest.ledger import RECORD_BROKEN, Hole, Span
from quantd.history.store_reader import StoreReader
from quantd.timeframes import HOUR, MINUTE, SECOND, Timeframe


class LostRows(Struct, frozen=True):
    """Missing trades, by id, and the times (ms, both ends included) in which bars are missing although their trades are recorded."""

    trades: tuple[Hole, ...] = ()
    bars: tuple[Span, ...] = ()


def lost_rows(record: StoreReader, symbol: str, frames: Sequence[Timeframe], since: int, until: int) -> LostRows:
    """Return what the record lacks of since <= ts < until (ms). Reads the store, an hour at a time."""
    first = record.trades_since(symbol)
    if first is None:
        return LostRows()
    trades: list[Hole] = []
    bars: list[Span] = []
    last: tuple[int, int] | None = None
    for start in range(max(since, first), until, HOUR):
        end = min(start + HOUR, until)
        ticks = record.trade_columns(symbol, start - MINUTE, end + MINUTE)  # the order of ids and that of times may differ
        ids, times = np.asarray(ticks["id"]), np.asarray(ticks["ts"])
        if last and not (len(ids) and ids[0] <= last[0]):
            ids, times = np.insert(ids, 0, last[0]), np.insert(times, 0, last[1])
        trades += (hole for hole in holes_between(ids, times, RECORD_BROKEN) if start <= hole.end < end)
        if len(ids):
            last = int(ids[-1]), int(times[-1])
        bars += _missing_bars(record, symbol, frames, times[(times >= start) & (times < end)])
    return LostRows(tuple(trades), tuple(bars))


def holes_between(ids: np.ndarray, times: np.ndarray, cause: str) -> Iterator[Hole]:
    """Yield the holes between the first and the last of these trades, which are ordered by id."""
    for at in np.flatnonzero(np.diff(ids) > 1).tolist():
        start, end = int(times[at]), int(times[at + 1])
        yield Hole(int(ids[at]) + 1, int(ids[at + 1]) - 1, start, end, end, cause)


def _missing_bars(record: StoreReader, symbol: str, frames: Sequence[Timeframe], times: np.ndarray) -> Iterator[Span]:
    """Yield the buckets that hold trades of these times and have no bar."""
    if not len(times):
        return
    seconds = np.unique(times // SECOND * SECOND).tolist()
    for frame in frames:
        traded = sorted({frame.floor(second) for second in seconds})
        recorded = {bar.ts for bar in record.recorded_bars(symbol, frame.name, traded[0], traded[-1] + 1)}
        yield from ((ts, frame.end(ts) - 1) for ts in traded if ts not in recorded)
