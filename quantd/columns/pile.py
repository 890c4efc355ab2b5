"""Trades and points that wait to be written."""

from collections.abc import Sequence
from itertools import chain

from quantd.columns.ticks import TickBatch
from quantd.model import PairPoint, Tick


class TickPile:
    """Trades in the order in which they were added. They are joined to columns only when they are taken."""

    def __init__(self) -> None:
        self._pieces: list[Sequence[Tick]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, ticks: Sequence[Tick]) -> None:
        """Add trades at the end. They must not change any more."""
        if ticks:
            self._pieces.append(ticks)
            self._count += len(ticks)

    def put_back(self, older: "TickPile") -> None:
        """Add the trades of another pile before these."""
        self._pieces = older._pieces + self._pieces
        self._count += len(older)

    def joined(self) -> TickBatch:
        """Return all trades as one batch, which the pile then consists of. Raises struct.error if a trade has a value of a wrong type."""
        match self._pieces:
            case [TickBatch() as batch]:
                return batch
        batch = TickBatch.joined(self._pieces)
        self._pieces = [batch] if batch else []
        return batch

    def drop(self, count: int) -> TickBatch:
        """Remove and return the oldest trades."""
        batch = self.joined()
        self._pieces, self._count = [batch[count:].copied()] if count < len(batch) else [], max(0, self._count - count)
        return batch[:count]


class PointPile:
    """Points in the order in which they were added. Batches become structs only when they are taken."""

    def __init__(self) -> None:
        self.pieces: list[Sequence[PairPoint]] = []
        """The points as they were added."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, points: Sequence[PairPoint]) -> None:
        """Add points at the end. They must not change any more."""
        if points:
            self.pieces.append(points)
            self._count += len(points)

    def put_back(self, older: "PointPile") -> None:
        """Add the points of another pile before these."""
        self.pieces = older.pieces + self.pieces
        self._count += len(older)

    def taken(self) -> list[PairPoint]:
        """Return all points as structs."""
        return list(chain.from_iterable(self.pieces))

    def cut(self, most: int) -> int:
        """Remove the oldest pieces until at most this many points are left. Return the number of points removed."""
        pieces = dropped = 0
        while self._count - dropped > most:
            dropped += len(self.pieces[pieces])
            pieces += 1
        del self.pieces[:pieces]
        self._count -= dropped
        return dropped
