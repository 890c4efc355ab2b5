"""Remembers which rows a stream has yielded, within bounds, so that each is yielded once."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, Protocol

from quantd.client.stamps import later
from quantd.times import iso, parse_time

MOST_ROWS = 3_600
MOST_RANGES = 1_000
OVERLAP_MS = 60_000
"""How far back (ms) trades are read again: some come late."""
_ms = lru_cache(2 * MOST_ROWS)(parse_time)
"""A program that keeps a bookmark of each row asks for the same times again and again."""


class Seen(Protocol):
    """The rows of one stream that were yielded."""

    last: str | None
    """The largest time of a row; None without rows."""

    def add(self, row: Any) -> bool:
        """Note a row. Return whether it is new."""
        ...

    def since(self) -> str | None:
        """Return the time from which on the record is to be read again; None without rows."""
        ...

    def reaches(self, row: Any) -> bool:
        """Return whether the first row of the record shows that the record goes back to what was seen."""
        ...

    def start_at(self, row: Any) -> None:
        """Take this row, and all before it, as seen."""
        ...

    def dump(self) -> list[Any]:
        """Return what `load` needs, as JSON."""
        ...

    def load(self, dumped: list[Any]) -> None:
        """Take over what another one has seen."""
        ...


class SeenNothing:
    """Remembers nothing: every row is new."""

    last: str | None = None

    def add(self, row: Any) -> bool:
        self.last = getattr(row, "ts", None)
        return True

    def since(self) -> str | None:
        return None

    def reaches(self, row: Any) -> bool:
        return False

    def start_at(self, row: Any) -> None:
        raise TypeError("rows of this topic are not recorded: go on from a bookmark")

    def dump(self) -> list[Any]:
        return []

    def load(self, dumped: list[Any]) -> None:
        pass


class SeenAlerts(SeenNothing):
    """Firings and resolutions of rules. The last `most` are remembered."""

    def __init__(self, most: int = MOST_RANGES) -> None:
        self._most = most
        self._known: dict[tuple[str, str], None] = {}

    def add(self, row: Any) -> bool:
        key = row.id, row.state
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return super().add(row)

    def dump(self) -> list[Any]:
        return list(self._known)

    def load(self, dumped: list[Any]) -> None:
        self._known = {(str(name), str(state)): None for name, state in dumped}


class SeenRevisions:
    """Rows with a time and, unless it is always the first, a revision. A row is new if its time is unknown, or its revision is greater
    than the known one; an older revision behind a newer one is not. The newest `most` times are remembered."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self.last: str | None = None
        self._most = most
        self._revisions: dict[str, int] = {}

    def add(self, row: Any) -> bool:
        revision = getattr(row, "revision", 0)
        if revision <= self._revisions.get(row.ts, -1):
            return False
        self._revisions[row.ts] = revision
        self.last = row.ts if self.last is None else max(self.last, row.ts)
        if len(self._revisions) >= 2 * self._most:
            self._forget()
        return True

    def since(self) -> str | None:
        return min(sorted(self._revisions)[-self._most :], default=None)

    def reaches(self, row: Any) -> bool:
        return self.last is None or row.ts <= self.last

    def start_at(self, row: Any) -> None:
        self.add(row)

    def dump(self) -> list[Any]:
        """Return times as distances (ms) from the one before, since equal ones take little room, and their revisions."""
        known = sorted(self._revisions)[-self._most :]
        times = [_ms(ts) for ts in known]
        return [[ts - before for before, ts in pairwise([0, *times])], [self._revisions[ts] for ts in known]]

    def load(self, dumped: list[Any]) -> None:
        distances, revisions = dumped or ([], [])
        self._revisions = dict(zip(map(iso, accumulate(distances)), revisions, strict=True))
        self.last = max(self._revisions, default=None)

    def _forget(self) -> None:
        self._revisions = {ts: self._revisions[ts] for ts in sorted(self._revisions)[-self._most :]}


class SeenIds:
    """Trades by id, as ranges of ids. If there are too many ranges, the oldest become one."""

    def __init__(self, most: int = MOST_RANGES) -> None:
        self.last: str | None = None
        self._most = most
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, row: Any) -> bool:
        at = bisect_right(self._firsts, row.id) - 1
        if at >= 0 and row.id <= self._lasts[at]:
            return False
        self.last = row.ts if self.last is None else max(self.last, row.ts)
        self._insert(at, row.id)
        return True

    def since(self) -> str | None:
        return self.last and later(self.last, -OVERLAP_MS)

    def reaches(self, row: Any) -> bool:
        return not self._lasts or row.id <= self._lasts[-1] + 1

    def start_at(self, row: Any) -> None:
        self.last = row.ts
        self._firsts, self._lasts = [0], [row.id]

    def dump(self) -> list[Any]:
        return [self.last, *self._ranges()]

    def load(self, dumped: list[Any]) -> None:
        self.last, *ranges = dumped or [None]
        self._firsts, self._lasts = [first for first, _ in ranges], [last for _, last in ranges]

    def _ranges(self) -> Iterator[list[int]]:
        return ([first, last] for first, last in zip(self._firsts, self._lasts, strict=True))

    def _insert(self, at: int, number: int) -> None:
        """Add an id behind the range of this index."""
        joins = at >= 0 and self._lasts[at] == number - 1
        meets = at + 1 < len(self._firsts) and self._firsts[at + 1] == number + 1
        if joins and meets:
            self._lasts[at] = self._lasts.pop(at + 1)
            del self._firsts[at + 1]
        elif joins:
            self._lasts[at] = number
        elif meets:
            self._firsts[at + 1] = number
        else:
            self._firsts.insert(at + 1, number)
            self._lasts.insert(at + 1, number)
            if len(self._firsts) > self._most:
                del self._firsts[1], self._lasts[0]
