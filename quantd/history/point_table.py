"""The recent points of all pairs on one timeframe."""

from collections.abc import Iterable, Sequence
from threading import Lock

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from quantd.columns.point_series import PointSeries
from quantd.columns.points import PointColumns, all_fit, fits, numbers_of
from quantd.history.point_block import Places, outranked, rank_of
from quantd.history.point_blocks import PointBlocks
from quantd.history.point_members import Member, Members, NewestStates
from quantd.history.recent import VERSIONS
from quantd.history.store_reader import StoreReader
from quantd.history.whole import Whole, rank
from quantd.model import PairPoint


class PointTable:
    """The points of all pairs on one timeframe, each at its last revision. Any thread may read.

    A lock makes each change and each copy indivisible: no reader sees a part of a point. Of states, only the newest stay in memory: whoever
    needs others asks for them, and gets them from the store.
    """

    def __init__(self, every: str, reader: StoreReader, recent: int) -> None:
        self._reader = reader
        self._blocks = PointBlocks(every, recent)
        self._members = Members()
        self._states = NewestStates()
        self._odd: set[str] = set()
        """The pairs with points that do not fit into the columns."""
        self._lock = Lock()

    def member(self, pair: str) -> Member | None:
        """Return a pair of the table; None if it has no points in memory."""
        return self._members.of.get(pair)

    def pairs(self) -> list[str]:
        """Return the pairs of the table."""
        return list(self._members.of)

    def add(self, pair: str, lost: int) -> Member:
        """Add a pair, of whose points those up to the time `lost` (ms) may be in the store."""
        with self._lock:
            member = self._members.add(pair, Whole(self._reader, "points", (pair, self._blocks.every), lost))
            self._blocks.widen(member.place + 1)
            return member

    def drop(self, pair: str) -> int:
        """Drop a pair and its points. Return the time (ms) of its newest point that may be in the store."""
        with self._lock:
            member = self._members.drop(pair)
            self._blocks.remove(member.place)
            self._states.drop(member.place)
            self._odd.discard(pair)
            return max(int(self._members.newest[member.place]), member.whole.lost)

    def version(self, member: Member) -> int:
        """Return the version of a pair."""
        return int(self._members.versions[member.place])

    def _changed(self, places: int | Places) -> None:
        self._members.versions[places] = next(VERSIONS)

    # --- changes -----------------------------------------------------------------------------------------------------------------------

    def put_batch(self, batch: PointColumns) -> bool:
        """Put the points of one bar. Return False, without a change, if a pair is not in the table."""
        with self._lock:
            places, how = self._members.places(batch.pairs)
            if not isinstance(how, slice) and (places < 0).any():
                return False
            if not (self._blocks.is_aligned(batch.ts) and all_fit(batch)) or self._overtakes(batch, places, how):
                for point in batch:
                    self._put(self._members.of[point.pair], point)
            elif room := self._blocks.room(batch.ts, int(places.max())):
                room[0].put_batch(room[1], how, batch)
                self._changed(how)
                self._members.newest[how] = np.maximum(self._members.newest[how], batch.ts)
                self._states.put_batch(places, batch)
            else:
                for pair in batch.pairs:
                    self._members.of[pair].whole.lose(batch.ts)
            return True

    def _overtakes(self, batch: PointColumns, places: NDArray[np.intp], how: Places) -> bool:
        """Return whether a point of the batch takes the place of one that is not in the columns, or of one of a higher rank."""
        known = self._blocks.marks(batch.ts, places, how)
        return outranked(known, batch) or any(batch.ts in self._members.of[pair].odd for pair in self._odd)

    def put(self, member: Member, points: Iterable[PairPoint]) -> None:
        """Put points of one pair."""
        with self._lock:
            for point in points:
                self._put(member, point)

    def restore(self, member: Member, series: PointSeries, since: int | None) -> None:
        """Add any number of recorded points to those that are already present. If they are all that is recorded from a time (ms) on,
        `since` is that time."""
        with self._lock:
            fit = self._blocks.are_aligned(series.ts)
            if odd := series.exact.keys() | member.odd.keys():
                fit &= ~np.isin(series.ts, list(odd))
            if fit.any():
                member.whole.lose(self._blocks.restore(member.place, series, fit))
                newest = self._members.newest
                newest[member.place] = max(newest[member.place], series.ts[fit][-1])
            for at in np.flatnonzero(~fit).tolist():
                self._restore_odd(member, series[at])
            self._changed(member.place)
            if since is not None:
                member.whole.learn(since)

    def _restore_odd(self, member: Member, point: PairPoint) -> None:
        known = self._rank(member, point.ts)
        if known is None:
            self._put(member, point)
        elif known < rank(point):
            member.whole.lose(point.ts)

    def amend(self, member: Member, points: Iterable[PairPoint]) -> None:
        """Add later revisions of points, and points that came late, unless they are older than all points in memory."""
        with self._lock:
            oldest = min((at for at in (self._blocks.oldest(member.place), *member.odd) if at >= 0), default=-1)
            for point in points:
                if 0 <= oldest <= point.ts:
                    self._put(member, point)
                else:
                    member.whole.lose(point.ts)
            self._changed(member.place)

    def recorded(self, member: Member, point: PairPoint) -> None:
        """Note that the store has taken a point. Only one that is not in memory changes what is read."""
        known = self._rank(member, point.ts)
        if known is None or known < rank(point):
            member.whole.lose(point.ts)
            self._changed(member.place)

    def _rank(self, member: Member, ts: int) -> tuple[int, int] | None:
        if member.odd and ts in member.odd:
            return rank(member.odd[ts])
        if ts > self._members.newest[member.place] or not self._blocks.is_aligned(ts):
            return None
        mark = self._blocks.mark(ts, member.place)
        return rank_of(mark) if mark else None

    def _put(self, member: Member, point: PairPoint) -> None:
        place, ts = member.place, point.ts
        self._changed(place)
        if ts <= self._members.newest[place] and (known := self._rank(member, ts)) is not None and known > rank(point):
            member.whole.lose(ts)
        if not (self._blocks.is_aligned(ts) and fits(point)):
            self._put_odd(member, point)
            return
        member.odd.pop(ts, None)
        room = self._blocks.room(ts, place)
        if room is None:
            member.whole.lose(ts)
            return
        block, slot = room
        block.put(slot, place, point, numbers_of(point))
        self._members.newest[place] = max(self._members.newest[place], ts)
        self._states.put(place, point)

    def _put_odd(self, member: Member, point: PairPoint) -> None:
        """Put a point that does not fit into the columns."""
        if self._blocks.is_aligned(point.ts):
            self._blocks.erase(point.ts, member.place)
        self._odd.add(point.pair)
        member.put_odd(point)
        self._members.newest[member.place] = max(self._members.newest[member.place], point.ts)

    # --- reading -----------------------------------------------------------------------------------------------------------------------

    def has(self, batch: PointColumns) -> NDArray[np.bool_]:
        """Return, for each pair of a batch, whether there is a point of its bar in memory."""
        with self._lock:
            known: NDArray[np.bool_] = self._blocks.marks(batch.ts, *self._members.places(batch.pairs)) != 0
            for at in [batch.pairs.index(pair) for pair in self._odd if pair in batch.pairs and batch.ts in self._members.of[pair].odd]:
                known[at] = True
            return known

    def newest_of(self, pairs: Sequence[str]) -> NDArray[np.int64]:
        """Return the time (ms) of the newest point of each pair; -1 without any."""
        with self._lock:
            return self._members.newest_of(pairs)

    def get(self, pair: str, ts: int) -> PairPoint | None:
        """Return the point of a time (ms), of any definition, with its state if that is in memory; None if there is no such point."""
        with self._lock:
            member = self._members.of.get(pair)
            if member is None or ts > self._members.newest[member.place]:
                return None
            if member.odd and ts in member.odd:
                return member.odd[ts]
            point = self._blocks.get(pair, member.place, ts) if self._blocks.is_aligned(ts) else None
            states = self._states.of(member.place, {ts: point.revision}) if point and self._states else None
            return replace(point, state=states[ts]) if point and states else point

    def lost(self, member: Member) -> int:
        """Return the time (ms) of the newest point of a pair that may have given way; -1 if there is none."""
        return max(member.whole.lost, self._blocks.floor)

    def held(self, pair: str, start: int, end: int) -> tuple[PointSeries, Whole, int] | None:
        """Return the points of start <= ts < end that are in memory, ascending, with the states that are in memory; since when the pair's
        points are whole; and the time (ms) from which on memory suffices. None if the pair is not in the table."""
        with self._lock:
            member = self._members.of.get(pair)
            if member is None:
                return None
            found = self._blocks.read(pair, member.place, start, end)
            if self._states:
                found.states = self._states.of(member.place, dict(zip(found.ts.tolist(), found.marks[2].tolist(), strict=True)))
            if odd := {ts: point for ts, point in member.odd.items() if start <= ts < end}:
                rows = {point.ts: point for point in found} | odd
                found = PointSeries.of(pair, self._blocks.every, [rows[ts] for ts in sorted(rows)])
            return found, member.whole, max(member.whole.since, self._blocks.floor + 1)
