"""The points of all pairs of one timeframe, in blocks of some bars each."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quantd.columns.point_series import PointSeries
from quantd.columns.points import NUMBERS
from quantd.history.point_block import SLOTS, Places, PointBlock, packed, ranks, unpacked
from quantd.model import Metric, PairPoint
from quantd.timeframes import timeframe


class PointBlocks:
    """The points of at least the newest `recent` bars, each addressed by its time (ms) and the place of its pair. Times must be open times
    of the timeframe. The oldest block gives way to a new one, however long the time between them."""

    def __init__(self, every: str, recent: int) -> None:
        self.every = every
        self._width = 4
        """Number of pairs for which there is room; older blocks have room for as many as there were."""
        self.floor = -1
        """The time (ms) of the newest bar that gave way; -1 without one."""
        self._frame = timeframe(every)
        self._blocks: dict[int, PointBlock] = {}
        self._order: list[int] = []
        self._usual = self._most = recent // SLOTS + 2
        """Number of blocks that hold the points of the newest `recent` bars, the newest of which may be almost empty."""
        self._spare: PointBlock | None = None

    def are_aligned(self, ts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of these times (ms) are open times of the timeframe."""
        aligned: NDArray[np.bool_] = ts % self._frame.field % self._frame.step == 0
        return aligned

    def is_aligned(self, ts: int) -> bool:
        """Return whether a time (ms) is an open time of the timeframe."""
        return self._frame.floor(ts) == ts

    def widen(self, pairs: int) -> None:
        """Make room for this number of pairs. A block makes room when a new one of them has points in it."""
        while self._width < pairs:
            self._width *= 2

    def room(self, ts: int, top: int) -> tuple[PointBlock, int] | None:
        """Return where to put points of a bar, whose places are at most `top`; None if they are older than all and there is no room."""
        number, slot = divmod(self._frame.index(ts), SLOTS)
        block = self._blocks.get(number)
        if block is None:
            if len(self._order) >= self._most:
                if number < self._order[0]:
                    return None
                self._most = max(self._usual, self._most - 1)  # the room for restored points is given back
            block = self._added(number)
        return self._wide(block, top), slot

    def _room_for_restored(self, number: int, top: int) -> PointBlock:
        """Return the block of this number. Restored points have room of their own."""
        block = self._blocks.get(number)
        if block is None:
            self._most = max(self._most, len(self._order) + 1 + self._usual // 2)
            block = self._added(number)
        return self._wide(block, top)

    def _wide(self, block: PointBlock, top: int) -> PointBlock:
        if top >= block.width:
            block.widen(self._width)
        return block

    def _added(self, number: int) -> PointBlock:
        insort(self._order, number)
        self._blocks[number] = block = self._fresh()
        while len(self._order) > self._most:
            self._drop_oldest()
        return block

    def _fresh(self) -> PointBlock:
        block, self._spare = self._spare, None
        if block is None or block.width != self._width:
            return PointBlock(self._width)
        block.clear()
        return block

    def _drop_oldest(self) -> None:
        self._spare = block = self._blocks.pop(self._order.pop(0))
        self.floor = max(self.floor, int(block.ts.max()))

    def restore(self, place: int, series: PointSeries, which: NDArray[np.bool_]) -> int:
        """Put those points of a series in their places where there are none yet. Return the time (ms) of the newest one in whose place is
        one of a lower rank; -1 if there is none."""
        ts, rows, marks = series.ts[which], series.numbers.T[which], packed(series.marks[:, which])
        numbers, slots = np.divmod(self._frame_indexes(ts), SLOTS)
        overtaken = -1
        for begin, end in pairwise([*np.flatnonzero(np.diff(numbers, prepend=-1)).tolist(), len(ts)]):
            block = self._room_for_restored(int(numbers[begin]), place)
            at, known = slots[begin:end], block.marks[slots[begin:end], place]
            lower = (known != 0) & (ranks(known) < ranks(marks[begin:end]))
            overtaken = max(overtaken, *ts[begin:end][lower].tolist(), -1)
            new = known == 0
            block.ts[at[new]] = ts[begin:end][new]
            block.put_column(at[new], place, rows[begin:end][new], marks[begin:end][new])
            if series.metrics:
                for slot, time in zip(at[new].tolist(), ts[begin:end][new].tolist(), strict=True):
                    if metrics := series.metrics.get(time):
                        block.put_metrics(slot, place, metrics)
        return overtaken

    def _frame_indexes(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of bars since 1970 before each time, as `Timeframe.index` does."""
        field, step = self._frame.field, self._frame.step
        indexes: NDArray[np.int64] = ts // field * -(-field // step) + ts % field // step
        return indexes

    def remove(self, place: int) -> None:
        """Remove the points of one pair."""
        for block in self._blocks.values():
            block.remove(place)

    def marks(self, ts: int, places: NDArray[np.intp], how: Places) -> NDArray[np.int64]:
        """Return the marks of these places at a bar, which are addressed by `how`; 0 where there is no point, and for the place -1."""
        number, slot = divmod(self._frame.index(ts), SLOTS)
        if number not in self._blocks:
            return np.zeros(len(places), np.int64)
        row = self._blocks[number].marks[slot]
        if isinstance(how, slice) and how.stop <= len(row):
            marks: NDArray[np.int64] = row[how]
            return marks
        return np.where((places >= 0) & (places < len(row)), row[np.clip(places, 0, len(row) - 1)], 0)

    def mark(self, ts: int, place: int) -> int:
        """Return the mark of one cell; 0 if there is no point in it."""
        number, slot = divmod(self._frame.index(ts), SLOTS)
        block = self._blocks.get(number)
        return block.mark(slot, place) if block else 0

    def erase(self, ts: int, place: int) -> None:
        """Remove the point of one cell, if there is one."""
        number, slot = divmod(self._frame.index(ts), SLOTS)
        if (block := self._blocks.get(number)) and block.mark(slot, place):
            block.marks[slot, place] = 0

    def get(self, pair: str, place: int, ts: int) -> PairPoint | None:
        """Return the point of a pair at a bar, without its state; None if there is none."""
        number, slot = divmod(self._frame.index(ts), SLOTS)
        block = self._blocks.get(number)
        if block is None or not block.mark(slot, place):
            return None
        return block.point((pair, self.every, ts), slot, place)

    def oldest(self, place: int) -> int:
        """Return the time (ms) of the oldest point of a pair; -1 if there is none."""
        for number in self._order:
            block = self._blocks[number]
            if place < block.width and len(slots := np.flatnonzero(block.marks[:, place])):
                return int(block.ts[slots[0]])
        return -1

    def read(self, pair: str, place: int, start: int, end: int) -> PointSeries:
        """Return a copy of the points of a pair at the bars of start <= ts < end, ascending, without their states."""
        parts = list(self._parts(place, start, end))
        bars = sum(part.stop - part.start for _, part in parts)
        ts, marks, numbers = np.empty(bars, np.int64), np.empty(bars, np.int64), np.empty((bars, len(NUMBERS)))
        metrics: dict[int, Mapping[str, Metric]] = {}
        at = 0
        for block, slots in parts:
            to = slice(at, at := at + slots.stop - slots.start)
            ts[to], marks[to] = block.ts[slots], block.marks[slots, place]
            block.read(place, slots, numbers[to])
            metrics |= block.metrics(place, slots)
        here = (marks != 0) & (ts >= start) & (ts < end)
        if not here.all():
            ts, marks, numbers = ts[here], marks[here], numbers[here]
        return PointSeries((pair, self.every), ts, np.ascontiguousarray(numbers.T), unpacked(marks), metrics)

    def _parts(self, place: int, start: int, end: int) -> Iterator[tuple[PointBlock, slice]]:
        """Yield the blocks and slots that may hold a point of a pair at the bars of start <= ts < end."""
        first, last = self._frame.index(start), self._frame.index(max(start, end) - 1)
        for number in self._order[bisect_left(self._order, first // SLOTS) :]:
            if number > last // SLOTS:
                return
            block = self._blocks[number]
            if place < block.width:
                yield block, slice(max(0, first - number * SLOTS), min(SLOTS, last + 1 - number * SLOTS))
