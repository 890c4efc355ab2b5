"""A ring of the bars of one series."""

import numpy as np
from numpy.typing import NDArray

from quantd.columns.bars import BAR, BarColumns, Rows, bar_of, pack_into, values
from quantd.model import Bar

_SIZE = BAR.itemsize


class BarRing:
    """The newest bars of one series by time, up to `most`, in numpy arrays of that length: 93 bytes a bar. Memory that no bar has been
    written to yet is not touched, so the system has not provided it."""

    def __init__(self, symbol: str, every: str, most: int) -> None:
        self._symbol = symbol
        self._every = every
        self.most = most
        self.newest = -1
        """The time (ms) of the newest bar; -1 without any."""
        self._states: dict[int, bytes] = {}
        self._allocate(most)

    def _allocate(self, most: int) -> None:
        self.most = most
        self._ts: NDArray[np.int64] = np.empty(most, np.int64)
        self._times = self._ts.data
        self._rows: Rows = np.empty(most, BAR)
        self._bytes = self._rows.view(np.uint8).data
        self._head = 0
        """The place of the oldest bar."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def oldest(self) -> int:
        """The time (ms) of the oldest bar; -1 without any."""
        return int(self._ts[self._head]) if self._count else -1

    def put(self, bar: Bar) -> int:
        """Put a bar in its place, in place of one of its time. Return the time (ms) of the bar that gave way to it, -1 without one: the
        oldest one, or this one if it is older than all."""
        if bar.ts > self.newest:
            return self.append(bar)
        at = self.find(bar.ts)
        if self._ts_at(at) == bar.ts:
            self._write(self._place(at), bar)
            return -1
        if at == 0 and self._count == self.most:
            return bar.ts
        gone = self.oldest if self._count == self.most else -1
        self.add([bar])
        return gone

    def add(self, bars: list[Bar]) -> None:
        """Add bars of other times than those that are present. The oldest ones give way if there are too many."""
        ts, rows = self._joined(0, self._count)
        more = BarColumns.of(self._symbol, self._every, bars)
        ts, rows = np.concatenate([ts, more.ts]), np.concatenate([rows, more.rows])
        order = np.argsort(ts, kind="stable")[-self.most :]
        self._states |= more.states
        self._refill(ts[order], rows[order])

    def widen(self, most: int) -> None:
        """Make room for `most` bars."""
        if most > self.most:
            held = self._joined(0, self._count)
            self._allocate(most)
            self._refill(*held)

    def get(self, ts: int) -> Bar | None:
        """Return the bar of a time (ms); None if it is not in memory."""
        if ts > self.newest or self._ts_at(at := self.find(ts)) != ts:
            return None
        return bar_of((self._symbol, self._every, ts), self._rows[self._place(at)].item(), self._states.get(ts))

    def revision(self, ts: int) -> int | None:
        """Return the revision of the bar of a time (ms); None if it is not in memory."""
        if ts > self.newest or self._ts_at(at := self.find(ts)) != ts:
            return None
        return int(self._rows["revision"][self._place(at)])

    def find(self, ts: int) -> int:
        """Return the number of bars before a time (ms)."""
        if ts >= self.newest:
            return self._count - (ts == self.newest and self._count > 0)
        first = self._ts[self._head : self._head + self._count]
        behind = self._count - len(first)
        if behind and ts > first[-1]:
            return len(first) + int(np.searchsorted(self._ts[:behind], ts))
        return int(np.searchsorted(first, ts))

    def read(self, begin: int, end: int) -> BarColumns:
        """Return a copy of the bars from the place `begin` to before `end`, counted from the oldest one."""
        return BarColumns(self._symbol, self._every, *self._joined(begin, end), self._states.copy() if self._states else None)

    def _joined(self, begin: int, end: int) -> tuple[NDArray[np.int64], Rows]:
        start, stop = self._head + begin, self._head + end
        if stop <= self.most:
            return self._ts[start:stop].copy(), self._rows[start:stop].copy()
        if start >= self.most:
            return self._ts[start - self.most : stop - self.most].copy(), self._rows[start - self.most : stop - self.most].copy()
        parts = slice(start, None), slice(0, stop - self.most)
        return np.concatenate([self._ts[part] for part in parts]), np.concatenate([self._rows[part] for part in parts])

    def _refill(self, ts: NDArray[np.int64], rows: Rows) -> None:
        self._head, self._count = 0, len(ts)
        self._ts[: len(ts)] = ts
        self._rows[: len(ts)] = rows
        self.newest = int(ts[-1]) if len(ts) else -1
        if self._states:
            held = set(ts.tolist())
            self._states = {at: state for at, state in self._states.items() if at in held}

    def append(self, bar: Bar) -> int:
        """Put a bar that is newer than all. Return the time (ms) of the bar that gave way to it, -1 without one."""
        self.newest = bar.ts
        if self._count < self.most:
            self._count += 1
            self._write((self._head + self._count - 1) % self.most, bar)
            return -1
        place, gone = self._head, int(self._ts[self._head])
        self._head = (place + 1) % self.most
        if self._states:
            self._states.pop(gone, None)
        self._write(place, bar)
        return gone

    def _write(self, place: int, bar: Bar) -> None:
        pack_into(self._bytes, place * _SIZE, *values(bar))
        self._times[place] = bar.ts
        if bar.state is not None:
            self._states[bar.ts] = bar.state
        elif self._states:
            self._states.pop(bar.ts, None)

    def _place(self, at: int) -> int:
        return (self._head + at) % self.most

    def _ts_at(self, at: int) -> int:
        return int(self._ts[self._place(at)]) if at < self._count else -1
