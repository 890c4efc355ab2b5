"""The pairs of a table of points: their places, and the newest of their states."""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quantd.columns.points import PointColumns
from quantd.history.point_block import Places
from quantd.history.recent import VERSIONS
from quantd.history.whole import Whole
from quantd.model import PairPoint

_STATES = 8
"""Number of states that stay in memory: of the newest batches, and of each pair's points that were put alone."""
_ODD = 1_000
"""Largest number of points of a pair that do not fit into the columns."""
_SEQUENCES = 16
"""Number of groups of pairs whose places are known at once."""


class Member:
    """A pair of a table: its place, since when its points are whole, and its points that do not fit into the columns, by time (ms)."""

    __slots__ = ("odd", "place", "whole")

    def __init__(self, place: int, whole: Whole) -> None:
        self.place = place
        self.whole = whole
        self.odd: dict[int, PairPoint] = {}

    def put_odd(self, point: PairPoint) -> None:
        """Put a point that does not fit into the columns."""
        self.odd[point.ts] = point
        if len(self.odd) > _ODD:
            oldest = min(self.odd)
            self.whole.lose(oldest)
            del self.odd[oldest]


class Members:
    """The pairs of a table by name. A pair has a place as long as it is one of them; then another pair may have it."""

    def __init__(self) -> None:
        self.of: dict[str, Member] = {}
        self.versions = np.zeros(0, np.int64)
        """The version of each pair, by its place."""
        self.newest = np.zeros(0, np.int64)
        """The time (ms) of the newest point of each pair, by its place; -1 without any."""
        self._free: list[int] = []
        self._places: dict[tuple[str, int], tuple[list[str], NDArray[np.intp], Places]] = {}
        """The places of pairs that were put together, by the first of them and their number."""

    def add(self, pair: str, whole: Whole) -> Member:
        """Give a pair a place."""
        place = self._free.pop() if self._free else len(self.of)
        if place == len(self.versions):
            self.versions = np.concatenate([self.versions, np.zeros(place + 4, np.int64)])
            self.newest = np.concatenate([self.newest, np.full(place + 4, -1)])
        self.versions[place], self.newest[place] = next(VERSIONS), -1
        self.of[pair] = member = Member(place, whole)
        return member

    def drop(self, pair: str) -> Member:
        """Remove a pair."""
        member = self.of.pop(pair)
        self._free.append(member.place)
        self._places.clear()
        return member

    def places(self, pairs: Sequence[str]) -> tuple[NDArray[np.intp], Places]:
        """Return the places of pairs, -1 for those that are no members, and how to address them: as a slice if they follow one another."""
        names = list(pairs)
        known = self._places.get((names[0], len(names))) if names else None
        if known is not None and known[0] == names:
            return known[1:]
        places = np.array([member.place if (member := self.of.get(pair)) else -1 for pair in pairs], np.intp)
        if (places < 0).any() or not len(places):
            return places, places
        first, count = int(places[0]), len(places)
        how: Places = slice(first, first + count) if (places == np.arange(first, first + count)).all() else places
        if len(self._places) >= _SEQUENCES:
            del self._places[next(iter(self._places))]
        self._places[names[0], len(names)] = names, places, how
        return places, how

    def newest_of(self, pairs: Sequence[str]) -> NDArray[np.int64]:
        """Return the time (ms) of the newest point of each pair; -1 without any."""
        places, _ = self.places(pairs)
        return np.where(places >= 0, self.newest[places], -1)


class NewestStates:
    """The states of the newest points, by place, time and revision. Others are in the store alone."""

    def __init__(self) -> None:
        self._batches: deque[tuple[NDArray[np.intp], PointColumns]] = deque(maxlen=_STATES)
        self._alone: dict[int, dict[int, tuple[int, bytes]]] = {}

    def put_batch(self, places: NDArray[np.intp], batch: PointColumns) -> None:
        """Keep the states of a batch, if it has any."""
        if batch.states is not None:
            self._batches.append((places, batch))

    def put(self, place: int, point: PairPoint) -> None:
        """Keep the state of a point, if it has one."""
        if point.state is not None:
            states = self._alone.setdefault(place, {})
            states.pop(point.ts, None)
            states[point.ts] = point.revision, point.state
            if len(states) > _STATES:
                del states[next(iter(states))]

    def drop(self, place: int) -> None:
        """Drop the states of a place."""
        self._alone.pop(place, None)
        for number, (places, batch) in enumerate(self._batches):
            self._batches[number] = np.where(places == place, -1, places), batch

    def of(self, place: int, revisions: Mapping[int, int]) -> dict[int, bytes]:
        """Return the states by time (ms) of the points of a place, whose revisions by time are given."""
        found = {(ts, revision): state for ts, (revision, state) in self._alone.get(place, {}).items() if ts in revisions}
        for places, batch in self._batches:
            if batch.ts in revisions and batch.states is not None:
                for at in np.flatnonzero(places == place).tolist():
                    if (state := batch.states[at]) is not None:
                        found[batch.ts, int(batch.marks[2, at])] = state
        return {ts: state for (ts, revision), state in found.items() if revisions[ts] == revision}

    def __bool__(self) -> bool:
        return bool(self._alone or self._batches)
