"""The recent rows of one series, held in memory."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Generic, TypeVar

from quantd.model import Bar, PairPoint

RECENT = 3_600
"""Number of rows of a series that stay in memory."""
VERSIONS = count(1)
"""The versions of all series. None is given twice, so that a series that was dropped and added again has another one."""
Row = TypeVar("Row", Bar, PairPoint)


class RecentRows(Generic[Row]):
    """The recent rows of one series by time, each at its last revision. `recorded` reads older rows from the store."""

    def __init__(self, recorded: Callable[[int, int, int | None], list[Row]]) -> None:
        self.version = next(VERSIONS)
        """Grows with each change of the series. What was read at a version is what is read now if the version is the same."""
        self._rows: dict[int, Row] = {}
        self._most = RECENT
        self._newest = -1
        self._in_order = True
        """Whether the rows are ordered by time. If not, they are sorted when a reader needs the order."""
        self._recorded: Callable[[int, int, int | None], list[Row]] = recorded

    def put(self, row: Row) -> None:
        self.version = next(VERSIONS)
        if row.ts < self._newest and row.ts not in self._rows:
            if len(self._rows) >= self._most and row.ts < (self._oldest() or 0):
                return
            self._in_order = False
        self._newest = max(self._newest, row.ts)
        self._rows[row.ts] = row
        self._evict()

    def _oldest(self) -> int | None:
        if not self._in_order:
            self._rows = dict(sorted(self._rows.items()))
            self._in_order = True
        return next(iter(self._rows), None)

    def _evict(self) -> None:
        while len(self._rows) > self._most and (oldest := self._oldest()) is not None:
            del self._rows[oldest]

    def restore(self, rows: Iterable[Row]) -> None:
        """Add any number of rows of an earlier run to the rows that are already present."""
        earlier: dict[int, Row] = {row.ts: row for row in rows if row.ts not in self._rows}
        self.version = next(VERSIONS)
        if earlier:
            self._rows |= earlier
            self._newest = max(self._newest, *earlier)
            self._in_order = False
            self._most = max(self._most, len(self._rows) + RECENT // 2)

    def amend(self, rows: Iterable[Row]) -> None:
        """Add later revisions of rows, and rows that came late, unless they are older than all rows in memory."""
        oldest, self.version = self._oldest(), next(VERSIONS)
        for row in rows:
            if oldest is not None and row.ts >= oldest:
                self.put(row)

    def get(self, ts: int) -> Row | None:
        return self._rows.get(ts)

    def recent(self) -> list[Row]:
        return [self._rows[ts] for ts in sorted(self._rows)]

    def read(self, start: int, end: int, count: int | None = None) -> list[Row]:
        """Return the rows of start <= ts < end, recorded ones included, ascending; with `count`, only the newest `count` rows. Any thread
        may call."""
        recent = self._rows.copy()
        found = {row.ts: row for row in self._recorded(start, end, count)}
        for ts, row in recent.items():
            if start <= ts < end and (ts not in found or _rank(found[ts]) <= _rank(row)):
                found[ts] = row
        return [found[ts] for ts in sorted(found)[-count if count else 0 :]]


def _rank(row: Bar | PairPoint) -> tuple[int, int]:
    """Return the rank of a row. Of two rows of one time, the one of higher rank counts, as in a store."""
    return (row.definition, row.revision) if isinstance(row, PairPoint) else (0, row.revision)
