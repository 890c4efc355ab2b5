"""The points of all pairs of one timeframe at some bars."""

from collections.abc import Mapping, Sequence
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from quantd.columns.points import AT, CODE, NO_METRICS, NUMBERS, PointColumns, point_of
from quantd.model import DEFINITION, Metric, PairPoint

SLOTS = 32
"""Number of bars of a block."""
RARE = {"innovation": np.nan, "innovation_std": np.nan, "weight": 1.0, "coverage": 1.0}
"""The columns that are kept only where a point has another value than the usual one."""
COMMON = np.array([AT[name] for name in NUMBERS if name not in RARE])
"""The places of the other columns in NUMBERS."""
ALL = len(NUMBERS)
_pack_into = Struct(f"<{len(COMMON)}d").pack_into
_ROW = 8 * len(COMMON)
Places = slice | NDArray[np.intp]
"""The places of pairs in a table."""
_REVISION, _QUALITY, _DEFINITION = 32, 48, 56
"""The bits from which on a mark holds the revision, the quality and the definition; below is the n of the hedge."""
_COUNTS = np.int64((1 << 32) - 1)


def rank_of(mark: int) -> tuple[int, int]:
    """Return definition and revision of a mark; (0, 0) of an empty cell."""
    return mark >> _DEFINITION, mark >> _REVISION & 0xFFFF


def ranks(marks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each mark that is greater where definition and revision are."""
    found: NDArray[np.int64] = (marks >> _DEFINITION << 16) + (marks >> _REVISION & 0xFFFF)
    return found


def outranked(known: NDArray[np.int64], batch: PointColumns) -> bool:
    """Return whether one of the marks at the places of a batch is of a higher rank than the point that comes."""
    return bool(known.any() and (ranks(known) > (DEFINITION << 16) + batch.marks[2]).any())


def packed(marks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the marks of a `PointSeries`, of shape (4, k), as marks of shape (k,)."""
    bars, quality, revision, definition = marks
    found: NDArray[np.int64] = bars + (revision << _REVISION) + (quality << _QUALITY) + (definition << _DEFINITION)
    return found


def unpacked(marks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, of marks of shape (k,), those of a `PointSeries`, of shape (4, k)."""
    return np.stack([marks & _COUNTS, marks >> _QUALITY & 0xFF, marks >> _REVISION & 0xFFFF, marks >> _DEFINITION])


class PointBlock:
    """The points of up to `width` pairs at SLOTS bars: 104 bytes a point, which lie together, ordered by bar and then by the place of the
    pair. So the points of one bar are written to one stretch of memory, and memory of bars to come is not touched."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.ts = np.zeros(SLOTS, np.int64)
        """The times (ms) of the bars that have points."""
        self.marks = np.zeros((SLOTS, width), np.int64)
        """One of each cell; 0 if there is no point in it."""
        self._rare: dict[str, NDArray[np.float64]] = {}
        self._metrics: dict[tuple[int, int], Mapping[str, Metric]] = {}
        self._hold(np.zeros((SLOTS, width, len(COMMON))))

    def _hold(self, numbers: NDArray[np.float64]) -> None:
        self._numbers = numbers
        self._bytes = numbers.reshape(-1).view(np.uint8).data

    def widen(self, width: int) -> None:
        """Make room for more pairs."""
        marks, numbers = np.zeros((SLOTS, width), np.int64), np.zeros((SLOTS, width, len(COMMON)))
        for slot in np.flatnonzero(self.marks.any(axis=1)):
            marks[slot, : self.width], numbers[slot, : self.width] = self.marks[slot], self._numbers[slot]
        for name, rows in self._rare.items():
            self._rare[name] = np.full((SLOTS, width), RARE[name])
            self._rare[name][:, : self.width] = rows
        self.width, self.marks = width, marks
        self._hold(numbers)

    def clear(self) -> None:
        """Remove all points, so that the block can be used again."""
        self.ts[:] = 0
        self.marks[:] = 0
        self._rare = {}
        self._metrics = {}

    def remove(self, place: int) -> None:
        """Remove the points of one pair."""
        if place < self.width:
            for slot in np.flatnonzero(self.marks[:, place]):
                self.marks[slot, place] = 0
            for key in [key for key in self._metrics if key[1] == place]:
                del self._metrics[key]

    def put_batch(self, slot: int, places: Places, batch: PointColumns) -> None:
        """Put the points of one bar in their places."""
        self.ts[slot] = batch.ts
        self._numbers[slot, places] = batch.numbers[COMMON].T
        bars, quality, revision = batch.marks
        self.marks[slot, places] = bars + (revision << _REVISION) + (quality << _QUALITY) + (DEFINITION << _DEFINITION)
        for name, usual in RARE.items():
            values = batch.numbers[AT[name]]
            unusual = values == values if usual != usual else values != usual
            if name in self._rare or unusual.any():
                self._rare_column(name)[slot, places] = values
        if self._metrics or batch.metrics is not None:
            at = range(self.width)[places] if isinstance(places, slice) else places.tolist()
            self._put_metrics(slot, at, [{}] * len(batch) if batch.metrics is None else batch.metrics)

    def put_column(self, slots: NDArray[np.intp], place: int, rows: NDArray[np.float64], marks: NDArray[np.int64]) -> None:
        """Put points of one pair without metrics in their places. `rows` has their numbers, of shape (bars, len(NUMBERS))."""
        self._numbers[slots, place] = rows[:, COMMON]
        self.marks[slots, place] = marks
        for name, usual in RARE.items():
            values = rows[:, AT[name]]
            if name in self._rare or (values == values if usual != usual else values != usual).any():
                self._rare_column(name)[slots, place] = values

    def put_metrics(self, slot: int, place: int, metrics: Mapping[str, Metric]) -> None:
        """Give a point metrics."""
        self._put_metrics(slot, (place,), (metrics,))

    def put(self, slot: int, place: int, point: PairPoint, numbers: list[float]) -> None:
        """Put a point in its place. `numbers` are those of `numbers_of`."""
        alpha, beta, stderr, r2, *rare, y, x, spread, zscore, corr, corr_returns, coverage, mean, std = numbers
        self.ts[slot] = point.ts
        row = alpha, beta, stderr, r2, y, x, spread, zscore, corr, corr_returns, mean, std
        _pack_into(self._bytes, (slot * self.width + place) * _ROW, *row)
        mark = point.revision << _REVISION | CODE[point.quality] << _QUALITY | point.definition << _DEFINITION
        self.marks[slot, place] = point.hedge.n | mark
        for (name, usual), value in zip(RARE.items(), (*rare, coverage), strict=True):
            if name in self._rare or (value != usual and (value == value or usual == usual)):
                self._rare_column(name)[slot, place] = value
        if self._metrics or point.metrics:
            self._put_metrics(slot, (place,), (point.metrics,))

    def _rare_column(self, name: str) -> NDArray[np.float64]:
        if name not in self._rare:
            self._rare[name] = np.full((SLOTS, self.width), RARE[name])
        return self._rare[name]

    def _put_metrics(self, slot: int, places: Sequence[int], metrics: Sequence[Mapping[str, Metric]]) -> None:
        for place, found in zip(places, metrics, strict=True):
            if found:
                self._metrics[slot, place] = found
            else:
                self._metrics.pop((slot, place), None)

    def mark(self, slot: int, place: int) -> int:
        """Return the mark of a cell; 0 if there is no point in it."""
        return int(self.marks[slot, place]) if place < self.width else 0

    def point(self, key: tuple[str, str, int], slot: int, place: int) -> PairPoint:
        """Return the point of a cell that has one, without its state. `key` is its pair, timeframe and time (ms)."""
        alpha, beta, stderr, r2, y, x, spread, zscore, corr, corr_returns, mean, std = self._numbers[slot, place].tolist()
        rare = self._rare
        innovation, innovation_std, weight, coverage = [
            float(rare[name][slot, place]) if name in rare else usual for name, usual in RARE.items()
        ]
        hedge = alpha, beta, stderr, r2, innovation, innovation_std, weight
        mark = int(self.marks[slot, place])
        marks = mark & 0xFFFFFFFF, mark >> _QUALITY & 0xFF, mark >> _REVISION & 0xFFFF, mark >> _DEFINITION
        metrics = self._metrics.get((slot, place), NO_METRICS)
        return point_of(key, (*hedge, y, x, spread, zscore, corr, corr_returns, coverage, mean, std), marks, metrics, None)

    def read(self, place: int, slots: slice, numbers: NDArray[np.float64]) -> None:
        """Copy the numbers of one pair at some bars, all columns, into `numbers` of shape (bars, ALL)."""
        numbers[:, COMMON] = self._numbers[slots, place]
        for name, usual in RARE.items():
            numbers[:, AT[name]] = self._rare[name][slots, place] if name in self._rare else usual

    def metrics(self, place: int, slots: slice) -> dict[int, Mapping[str, Metric]]:
        """Return the metrics of one pair at some bars, by time (ms), where there are any."""
        if not self._metrics:
            return {}
        found = {slot: self._metrics.get((slot, place)) for slot in range(SLOTS)[slots]}
        return {int(self.ts[slot]): metrics for slot, metrics in found.items() if metrics}
