"""The last trades of each symbol, in memory."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from quantd.columns.ticks import OPAQUE, TICK, Rows, TickRun, rows_of
from quantd.model import Tick

TICKS = 10_000
"""Number of trades of a symbol that stay in memory, 41 bytes each."""


class _Ring:
    """The last TICKS rows of a symbol, in the order of receipt. Memory is used only as far as it has been filled."""

    def __init__(self) -> None:
        self.count = 0
        """Number of rows that it was given so far."""
        self.last_id = 0
        self._rows = np.zeros(TICKS, OPAQUE)

    def put(self, rows: Rows) -> None:
        self.last_id = int(rows["id"][-1])
        opaque = rows[-TICKS:].view(OPAQUE)
        at = self.count % TICKS
        first = min(len(opaque), TICKS - at)
        self._rows[at : at + first] = opaque[:first]
        if first < len(opaque):
            self._rows[: len(opaque) - first] = opaque[first:]
        self.count += len(opaque)

    def last(self, count: int) -> Rows:
        """Return a copy of the last rows, oldest first."""
        count = min(count, self.count, TICKS)
        start = (self.count - count) % TICKS
        rows = np.concatenate((self._rows[start : start + count], self._rows[: max(0, start + count - TICKS)]))
        return rows.view(TICK)


class RecentTicks:
    """The last trades of each symbol in the order of receipt, up to TICKS. One thread may put them in, and any may read."""

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}
        self._lock = Lock()

    def put(self, symbol: str, ticks: Sequence[Tick]) -> None:
        """Add trades that are newer than those before. Repaired trades are older, and are left out."""
        if not ticks:
            return
        ring = self._rings.get(symbol) or self._rings.setdefault(symbol, _Ring())
        rows = rows_of(ticks)
        if ring.count and rows["id"][0] <= ring.last_id:
            rows = rows[rows["id"] > ring.last_id]
        if len(rows):
            with self._lock:
                ring.put(rows)

    def read(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = TICKS) -> TickRun:
        """Return the last `limit` trades of start <= ts < end (ms), oldest first."""
        whole = start is None and end is None
        with self._lock:
            ring = self._rings.get(symbol)
            rows = ring.last(limit if whole else TICKS) if ring else np.zeros(0, TICK)
        if whole:
            return TickRun(symbol, rows)
        times, inside = rows["ts"], np.ones(len(rows), np.bool_)
        if start is not None:
            inside &= times >= start
        if end is not None:
            inside &= times < end
        return TickRun(symbol, rows.view(OPAQUE)[np.flatnonzero(inside)[-limit:]].view(TICK))

    def last(self, symbol: str) -> Tick | None:
        """Return the last trade of a symbol; None without one."""
        found = self.read(symbol, limit=1)
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        """Return the number of trades in memory, by symbol."""
        return {symbol: min(ring.count, TICKS) for symbol, ring in list(self._rings.items())}

    def clear(self, symbol: str | None) -> None:
        """Delete the trades of a symbol, or of all symbols, from memory."""
        for name in [symbol] if symbol else list(self._rings):
            self._rings.pop(name, None)
