"""Trades and points that wait to be written."""

from collections.abc import Sequence
from itertools import chain
from typing import Generic, TypeVar

from quantd.columns.ticks import TickBatch
from quantd.model import PairPoint, Tick

Row = TypeVar("Row", Tick, PairPoint)


class _Pile(Generic[Row]):
    """Rows in the order in which they were added, in the pieces in which they came."""

    def __init__(self) -> None:
        self.pieces: list[Sequence[Row]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows at the end. They must not change any more."""
        if rows:
            self.pieces.append(rows)
            self._count += len(rows)

    def put_back(self, older: "_Pile[Row]") -> None:
        """Add the rows of another pile before these."""
        self.pieces = older.pieces + self.pieces
        self._count += len(older)


class TickPile(_Pile[Tick]):
    """Trades in the order in which they were added. They are joined to columns only when they are taken."""

    def joined(self) -> TickBatch:
        """Return all trades as one batch, which the pile then consists of. Raises struct.error if a trade has a value of a wrong type."""
        match self.pieces:
            case [TickBatch() as batch]:
                return batch
        batch = TickBatch.joined(self.pieces)
        self.pieces = [batch] if batch else []
        return batch

    def drop(self, count: int) -> TickBatch:
        """Remove and return the oldest trades."""
        batch = self.joined()
        self.pieces, self._count = [batch[count:].copied()] if count < len(batch) else [], max(0, self._count - count)
        return batch[:count]


class PointPile(_Pile[PairPoint]):
    """Points in the order in which they were added. Batches become structs only when they are taken."""

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
