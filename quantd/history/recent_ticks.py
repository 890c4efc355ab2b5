"""The last trades of each symbol, in memory."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from quantd.columns.ticks import SIZE, Packed, TickRun, packed_of, unpack_from
from quantd.model import Tick

TICKS = 10_000
"""Number of trades of a symbol that stay in memory, 41 bytes each."""


class _Ring:
    """The last TICKS rows of a symbol, in the order of receipt. Memory is used only as far as it has been filled."""

    def __init__(self) -> None:
        self.count = 0
        """Number of rows in it."""
        self.last_id = 0
        self._memory = np.zeros(TICKS * SIZE, np.uint8).data
        self._end = 0
        """Where the next row goes, in bytes."""

    def put(self, packed: Packed) -> None:
        """Add rows, of which there are some."""
        packed = packed[-len(self._memory) :]
        self.last_id = unpack_from(packed, len(packed) - SIZE)[0]
        first = min(len(packed), len(self._memory) - self._end)
        self._memory[self._end : self._end + first] = packed[:first]
        self._end += first
        if first < len(packed):
            self._end = len(packed) - first
            self._memory[: self._end] = packed[first:]
        self.count = min(self.count + len(packed) // SIZE, TICKS)

    def last(self, count: int) -> bytes:
        """Return a copy of the last rows, oldest first."""
        start = self._end - min(count, self.count) * SIZE
        older = self._memory[start:] if start < 0 else b""
        return b"".join((older, self._memory[max(0, start) : self._end]))


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
        packed = packed_of(ticks)
        if ring.count and unpack_from(packed, 0)[0] <= ring.last_id:
            packed = packed_of([tick for tick in ticks if tick.id > ring.last_id])
        if packed:
            with self._lock:
                ring.put(packed)

    def read(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = TICKS) -> TickRun:
        """Return the last `limit` trades of start <= ts < end (ms), oldest first."""
        whole = start is None and end is None
        with self._lock:
            ring = self._rings.get(symbol)
            run = TickRun(symbol, ring.last(limit if whole else TICKS) if ring else b"")
        if whole:
            return run
        rows = run.rows
        inside = np.ones(len(rows), np.bool_)
        if start is not None:
            inside &= rows["ts"] >= start
        if end is not None:
            inside &= rows["ts"] < end
        return TickRun(symbol, rows[np.flatnonzero(inside)[-limit:]].tobytes())

    def last(self, symbol: str) -> Tick | None:
        """Return the last trade of a symbol; None without one."""
        found = self.read(symbol, limit=1)
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        """Return the number of trades in memory, by symbol."""
        return {symbol: ring.count for symbol, ring in list(self._rings.items())}

    def clear(self, symbol: str | None) -> None:
        """Delete the trades of a symbol, or of all symbols, from memory."""
        for name in [symbol] if symbol else list(self._rings):
            self._rings.pop(name, None)
