"""The last trades of each symbol, in memory."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from quantd.columns.ticks import SIZE, TickRun, packed_of
from quantd.model import Tick

TICKS = 10_000
"""Number of trades of a symbol that stay in memory, 41 bytes each."""
_FEW = 64
"""Number of structs that are packed together, since packing one by one costs more."""


class _Ring:
    """The last TICKS rows of a symbol, in the order of receipt. Memory is used only as far as it has been filled."""

    def __init__(self) -> None:
        self.last_id = 0
        """The id of the last trade; 0 without one."""
        self._count = 0
        self._unpacked: list[Tick] = []
        """The last trades, as long as they are few and came as structs."""
        self._memory = memoryview(b"")
        self._end = 0
        """Where the next row goes, in bytes."""

    def __len__(self) -> int:
        return min(self._count + len(self._unpacked), TICKS)

    def put(self, ticks: Sequence[Tick]) -> None:
        """Add trades, of which there are some."""
        self.last_id = ticks[-1].id
        if type(ticks) is TickRun:  # quicker than isinstance, which asks the abstract class
            self._pack()
            self._put(ticks.packed)
            return
        self._unpacked += ticks
        if len(self._unpacked) >= _FEW:
            self._pack()

    def _pack(self) -> None:
        if self._unpacked:
            self._put(packed_of(self._unpacked))
            self._unpacked = []

    def _put(self, packed: bytes) -> None:
        if not self._memory:
            self._memory = np.zeros(TICKS * SIZE, np.uint8).data
        packed = packed[-len(self._memory) :]
        first = min(len(packed), len(self._memory) - self._end)
        self._memory[self._end : self._end + first] = packed[:first]
        self._end += first
        if first < len(packed):
            self._end = len(packed) - first
            self._memory[: self._end] = packed[first:]
        self._count = min(self._count + len(packed) // SIZE, TICKS)

    def last(self, count: int) -> bytes:
        """Return a copy of the last rows, oldest first."""
        self._pack()
        start = self._end - min(count, self._count) * SIZE
        older = self._memory[start:] if start < 0 else b""
        return b"".join((older, self._memory[max(0, start) : self._end]))


class RecentTicks:
    """The last trades of each symbol in the order of receipt, up to TICKS. One thread may put them in, and any may read."""

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}
        self._lock = Lock()
        self._cleared: dict[str, int] = {}
        """The id of the last trade that was deleted, by symbol."""

    def put(self, symbol: str, ticks: Sequence[Tick]) -> None:
        """Add trades that are newer than those before. Repaired trades are older, and are left out."""
        if not ticks:
            return
        ring = self._rings.get(symbol)
        if ring is None:
            ring = self._rings[symbol] = _Ring()
        if ring.last_id and ticks[0].id <= ring.last_id:
            ticks = [tick for tick in ticks if tick.id > ring.last_id]
        if ticks:
            with self._lock:
                ring.put(ticks)

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

    def held(self, symbol: str) -> tuple[TickRun, int]:
        """Return the trades in memory, and an id: trades up to it may have been here and have given way to newer ones."""
        run = self.read(symbol)
        return run, run[0].id - 1 if len(run) == TICKS else self._cleared.get(symbol, 0)

    def last(self, symbol: str) -> Tick | None:
        """Return the last trade of a symbol; None without one."""
        found = self.read(symbol, limit=1)
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        """Return the number of trades in memory, by symbol."""
        return {symbol: len(ring) for symbol, ring in list(self._rings.items())}

    def clear(self, symbol: str | None) -> None:
        """Delete the trades of a symbol, or of all symbols, from memory."""
        for name in [symbol] if symbol else list(self._rings):
            if ring := self._rings.pop(name, None):
                self._cleared[name] = ring.last_id
