"""Finds trades that have the same id and differ."""

from collections.abc import Sequence

import quantd
from quantd_plugins.feeds.readers.row import Row

NEAR = 1_000
"""Number of rows kept to find another of the same id: rows further apart are sorted by then, or the file is refused."""


class Repeats:
    """Checks the trades as they are played: the first trade of an id counts."""

    def __init__(self) -> None:
        self.count = 0
        """Number of trades that contradict another of the same id."""
        self.first: tuple[quantd.Tick, quantd.Tick] | None = None
        """The first of them, after the trade that it contradicts."""
        self._last: Sequence[Row] = ()
        self._top: dict[str, int] = {}

    def look(self, rows: Sequence[Row]) -> None:
        """Check the next rows; those without ids are ignored."""
        if not self._rise(rows):
            self._compare([*self._last, *rows], len(self._last))
        self._last = rows[-NEAR:] if len(rows) >= NEAR else [*self._last, *rows][-NEAR:]

    def _rise(self, rows: Sequence[Row]) -> bool:
        """Return whether each id is greater than all before. This is the common case, and no rows need be compared then."""
        top = self._top
        rise = True
        for _, _, event in rows:
            if isinstance(event, quantd.Tick):
                if event.id > top.get(event.symbol, 0):
                    top[event.symbol] = event.id
                elif event.id:
                    rise = False
        return rise

    def _compare(self, rows: Sequence[Row], known: int) -> None:
        """Compare the rows; the first `known` ones have been checked before."""
        seen: dict[tuple[str | None, str, int], quantd.Tick] = {}
        for index, (_, kind, event) in enumerate(rows):
            if isinstance(event, quantd.Tick) and event.id:
                earlier = seen.setdefault((kind, event.symbol, event.id), event)
                if index >= known and _facts(earlier) != _facts(event):
                    self.count += 1
                    self.first = self.first or (earlier, event)


def _facts(tick: quantd.Tick) -> tuple[int, float, float, bool]:
    return tick.ts, tick.price, tick.qty, tick.buyer_maker
