"""The recent points, held in memory."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from quantd.columns.point_series import PointSeries
from quantd.columns.points import PointColumns
from quantd.history.point_members import Member
from quantd.history.point_table import PointTable
from quantd.history.recent import RECENT, VERSIONS, Key
from quantd.history.store_reader import StoreReader
from quantd.history.whole import merged, rank
from quantd.model import DEFINITION, PairPoint
from quantd.times import FOR_EVER


class RecentPoints:
    """The recent points by pair and timeframe, in a table for each timeframe: those of at least the newest `recent` bars. `reader` reads
    the recorded ones."""

    def __init__(self, reader: StoreReader, recent: int = RECENT) -> None:
        self._reader = reader
        self._recent = recent
        self._tables: dict[str, PointTable] = {}
        self._left: dict[Key, int] = {}
        """The time (ms) of the newest point of each series that was forgotten."""
        self._unheld = next(VERSIONS)
        """Version of the series that are not in memory."""

    def version(self, pair: str, every: str) -> int:
        """Return the version of a series."""
        table = self._tables.get(every)
        member = table.member(pair) if table else None
        return table.version(member) if table and member else self._unheld

    def put(self, points: Iterable[PairPoint]) -> None:
        """Add points, or replace those of their times."""
        for point in points:
            table, member = self._added(point.pair, point.every)
            table.put(member, (point,))

    def put_batch(self, batch: PointColumns) -> None:
        """Add the points of one bar, or replace them."""
        table = self._table(batch.every)
        while len(batch) and not table.put_batch(batch):
            for pair in batch.pairs:
                self._added(pair, batch.every)

    def amend(self, points: Iterable[PairPoint]) -> None:
        """Add later revisions of points, and points that came late, unless they are older than all points in memory."""
        for key, rows in _by_series(points):
            table, member = self._added(*key)
            table.amend(member, rows)

    def restore(self, points: PointSeries | Iterable[PairPoint], since: int | None) -> None:
        """Add recorded points; if they are all that is recorded from a time (ms) on, `since` is that time."""
        series = [points] if isinstance(points, PointSeries) else [PointSeries.of(*key, rows) for key, rows in _by_series(points)]
        for each in series:
            table, member = self._added(each.pair, each.every)
            table.restore(member, each, since)

    def recorded(self, points: Iterable[PairPoint]) -> None:
        """Note that the store has taken these points. Only those that are not in memory change what is read."""
        for point in points:
            table = self._tables.get(point.every)
            if table and (member := table.member(point.pair)):
                table.recorded(member, point)
            else:
                self._unheld = next(VERSIONS)

    def get(self, pair: str, every: str, ts: int) -> PairPoint | None:
        """Return the point of a time (ms), of any definition; None if it is not in memory."""
        table = self._tables.get(every)
        return table.get(pair, ts) if table else None

    def has(self, batch: PointColumns) -> NDArray[np.bool_]:
        """Return, for each pair of a batch, whether there is a point of its bar in memory."""
        table = self._tables.get(batch.every)
        return table.has(batch) if table else np.zeros(len(batch), np.bool_)

    def newest(self, every: str, pairs: Sequence[str]) -> NDArray[np.int64]:
        """Return the time (ms) of the newest point in memory of each pair; -1 without any."""
        table = self._tables.get(every)
        return table.newest_of(pairs) if table else np.full(len(pairs), -1)

    def read(self, pair: str, every: str, start: int, end: int) -> PointSeries:
        """Return the points of start <= ts < end, recorded ones included, of any definition, ascending. The store is read only for what
        memory may lack. Most points that are read from memory have no state."""
        table = self._tables.get(every)
        found = table.held(pair, start, end) if table else None
        if found is None:
            return PointSeries.of(pair, every, self._reader.recorded_points(pair, every, start, end))
        held, whole, since = found
        outdated = held.ts[held.marks[3] != DEFINITION]
        if len(outdated):  # they may have been replaced in the store
            since = max(since, int(outdated[-1]) + 1)
        if start >= since:
            return held
        until = min(end, since)
        older = int(held.ts.searchsorted(until))
        rows, unread = merged(held[:older], self._reader.recorded_points(pair, every, start, until))
        if until == since:
            whole.learn(max(unread + 1, start))
        return PointSeries.of(pair, every, [*rows, *held[older:]])

    def read_with_states(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the same points as `read`, each with the state that memory or the store has of it. Always reads the store."""
        table = self._tables.get(every)
        found = table.held(pair, start, end) if table else None
        recorded = self._reader.recorded_points(pair, every, start, end)
        if found is None:
            return recorded
        states = {(point.ts, rank(point)): point.state for point in recorded}
        rows, _ = merged(found[0], recorded)
        return [
            replace(point, state=state) if point.state is None and (state := states.get((point.ts, rank(point)))) else point
            for point in rows
        ]

    def series(self) -> list[Key]:
        """Return the series of which points are in memory."""
        return [(pair, every) for every, table in list(self._tables.items()) for pair in table.pairs()]

    def held(self, pair: str, every: str, start: int = 0) -> PointSeries:
        """Return the points of a series that are in memory from a time (ms) on, of any definition, ascending."""
        table = self._tables.get(every)
        found = table.held(pair, start, FOR_EVER) if table else None
        return found[0] if found else PointSeries.of(pair, every, ())

    def lost(self, pair: str, every: str) -> int:
        """Return the time (ms) of the newest point of a series that is not in memory and may not be recorded yet; -1 if there is none."""
        table = self._tables.get(every)
        member = table.member(pair) if table else None
        return table.lost(member) if table and member else self._left.get((pair, every), -1)

    def forget(self, pair: str) -> None:
        """Drop the points of a pair."""
        self._unheld = next(VERSIONS)
        for every, table in list(self._tables.items()):
            if table.member(pair):
                self._left[pair, every] = table.drop(pair)
                if not table.pairs():
                    del self._tables[every]

    def _table(self, every: str) -> PointTable:
        if every not in self._tables:
            self._tables[every] = PointTable(every, self._reader, self._recent)
        return self._tables[every]

    def _added(self, pair: str, every: str) -> tuple[PointTable, Member]:
        table = self._table(every)
        return table, table.member(pair) or table.add(pair, self._left.get((pair, every), -1))


def _by_series(points: Iterable[PairPoint]) -> Iterable[tuple[Key, Sequence[PairPoint]]]:
    """Group points by series."""
    found: defaultdict[Key, list[PairPoint]] = defaultdict(list)
    for point in points:
        found[point.pair, point.every].append(point)
    return found.items()
