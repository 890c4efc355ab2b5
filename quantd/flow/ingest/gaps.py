"""Reports the missing trades of a symbol: when ids went missing, when they arrived after all, and when they were given up."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from quantd.flow.ingest.ledger import Hole
from quantd.model import Gap
from quantd.times import FOR_EVER

GRACE_MS = 1_000
"""Ids that are missing for a shorter time (ms) are merely late: another connection, or the next frame, may deliver them."""


def is_fresh(hole: Hole, now: int) -> bool:
    """Return whether the grace period of a hole still runs. If it opened later than `now` (ms), it was timed by another clock and has no
    grace."""
    return abs(hole.opened - now) < GRACE_MS


class Gaps:
    """The gaps of one symbol as they were last reported."""

    def __init__(self, symbol: str, told: Iterable[Gap] = ()) -> None:
        self._symbol = symbol
        self._open = _by_id(told)
        self._seen: list[Hole] | None = None
        self._looked = FOR_EVER
        self._due = FOR_EVER
        """Time (ms) of the last look, and the time at which the next of the seen holes outlives its grace period."""

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def waits(self) -> bool:
        """Whether the grace period of a hole that was seen still runs."""
        return self._due < FOR_EVER

    @property
    def open(self) -> list[Gap]:
        """The open gaps, ordered by id."""
        return self._open.copy()

    def changes(self, holes: list[Hole], now: int) -> list[Gap]:
        """Compare with the holes at `now` (ms), which are sorted and disjoint. Return the gaps that closed, then the new ones."""
        if self._looked <= now < self._due and holes == self._seen:  # usually the same objects, which makes this cheap
            return []
        self._seen, self._looked = holes.copy(), now
        closed = self._close(holes)
        fresh = list(self._fresh(holes, now))
        if fresh:
            self._open = _by_id([*self._open, *fresh])
        return [replace(gap, closed=now) for gap in closed] + fresh

    def _close(self, holes: list[Hole]) -> list[Gap]:
        lasts = [hole.last for hole in holes]
        closed = [gap for gap in self._open if not _stands(gap, holes, bisect_left(lasts, gap.first_id))]
        if closed:
            gone = {_ids(gap) for gap in closed}
            self._open = [gap for gap in self._open if _ids(gap) not in gone]
        return closed

    def _fresh(self, holes: list[Hole], now: int) -> Iterator[Gap]:
        self._due = FOR_EVER
        for hole in _outside(holes, self._open):
            if hole.source == "feed" and is_fresh(hole, now):
                self._due = min(self._due, hole.opened + GRACE_MS)
            else:
                yield Gap(self._symbol, hole.first, hole.last, hole.start, hole.end, hole.opened, None, hole.cause)


def _ids(gap: Gap) -> tuple[int, int]:
    return gap.first_id, gap.last_id


def _by_id(gaps: Iterable[Gap]) -> list[Gap]:
    return sorted({_ids(gap): gap for gap in gaps}.values(), key=_ids)


def _stands(gap: Gap, holes: list[Hole], at: int) -> bool:
    """Return whether a gap still matches: the feed may still deliver a part of it, or the gap is exactly what the feed cannot deliver. Its
    holes begin at `at`."""
    while at < len(holes) and holes[at].first <= gap.last_id:
        hole = holes[at]
        if hole.source == "feed" or (hole.first, hole.last, hole.cause) == (gap.first_id, gap.last_id, gap.cause):
            return True
        at += 1
    return False


def _outside(holes: Iterable[Hole], gaps: Sequence[Gap]) -> Iterator[Hole]:
    """Return the holes that are part of no gap. Both are ordered by id. Gaps may overlap: a killed run may have saved one that has grown
    since."""
    at, reach = 0, -FOR_EVER
    for hole in holes:
        while at < len(gaps) and gaps[at].first_id <= hole.first:
            reach = max(reach, gaps[at].last_id)
            at += 1
        if hole.last > reach:
            yield hole
