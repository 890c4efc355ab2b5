"""Since when memory holds every row of a series, so that the store need not be asked."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from quantd.history.recent import Key, Kind
from quantd.history.store_reader import StoreReader
from quantd.model import Bar, PairPoint
from quantd.times import FOR_EVER

Row = TypeVar("Row", Bar, PairPoint)


class Whole:
    """Knows from which time on memory holds every row of one series.

    A row of the store was written either by an earlier run, or by this one:

    - An earlier run wrote its rows before this run read which series are recorded. So they are at most as new as the newest row of the
      series was then: rows from `unread` on were not written by an earlier run, or have been restored, or were found in memory when the
      store was read. If the store has found damage, rows may turn up in it that nobody has seen, so nothing is concluded from it.
    - This run puts each row into memory before it records it. Such a row is in memory, unless memory refused it, dropped it, or holds a
      row of a lower rank in its place. `lost` is the time of the newest row of which that is true; it never falls. If a row was recorded
      without being put into memory, `History.recorded` notes it as such, too.

    So memory suffices for all rows from the later of both times on. Both bounds only have to be safe: where they are too late, the store
    is read as well.
    """

    __slots__ = ("_key", "_kind", "_reader", "_unread", "lost")

    def __init__(self, reader: StoreReader, kind: Kind, key: Key, lost: int) -> None:
        self._reader = reader
        self._kind: Kind = kind
        self._key = key
        self._unread = FOR_EVER
        self.lost = lost
        """The time (ms) of the newest row of this run that may be in the store and is not in memory; -1 if there is none."""

    @property
    def since(self) -> int:
        """The time (ms) from which on memory holds every row."""
        if self._unread == FOR_EVER:
            self._unread = self._reader.unread_from(self._kind, *self._key)
        return max(self._unread, self.lost + 1)

    def lose(self, ts: int) -> None:
        """Note that a row of this time (ms) is not in memory, or not at the rank that the store may have it at."""
        self.lost = max(self.lost, ts)

    def learn(self, ts: int) -> None:
        """Note that of this time (ms) and later, the store was read and held nothing that is not in memory."""
        if ts < self._unread and self._reader.is_sound():
            self._unread = ts


def rank(row: Bar | PairPoint) -> tuple[int, int]:
    """Return the rank of a row. Of two rows of one time, the one of higher rank counts, as in a store."""
    return (row.definition, row.revision) if isinstance(row, PairPoint) else (0, row.revision)


def merged(held: Iterable[Row], recorded: Sequence[Row]) -> tuple[list[Row], int]:
    """Return the rows of memory and of the store, ascending, and the time (ms) of the newest one that the store alone has, or has at a
    higher rank; -1 if there is none."""
    found = {row.ts: row for row in recorded}
    newest = {row.ts: rank(row) for row in recorded}
    for row in held:
        if row.ts not in found or newest[row.ts] <= rank(row):
            found[row.ts] = row
            newest.pop(row.ts, None)
    return [found[ts] for ts in sorted(found)], max(newest, default=-1)
