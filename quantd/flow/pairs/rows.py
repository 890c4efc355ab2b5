"""Joins the bars of two legs into rows."""

from collections.abc import Iterable
from typing import Any

import msgspec

from quantd.flow.pairs.spec import PairSpec, Row
from quantd.model import Bar
from quantd.timeframes import timeframe

_MOST_WAITING = 5_000
"""Largest number of bars of a leg that wait for the other leg, whose past may still be fetched."""


class Rows:
    """The last `most` bars that both legs have. A bar waits for the bar of the other leg. A re-issued bar changes its row."""

    def __init__(self, spec: PairSpec, most: int) -> None:
        self._frame = timeframe(spec.every)
        self._price = spec.price
        self.most = most
        self._waiting: tuple[dict[int, Bar], dict[int, Bar]] = ({}, {})
        self._rows: dict[int, Row] = {}

    def put(self, y_bars: Iterable[Bar], x_bars: Iterable[Bar], head: int) -> tuple[set[int], list[Row]]:
        """Add bars of each leg. Return the times (ms) of the rows up to `head` that changed, and the new rows after it, oldest first."""
        changed = self._mend(0, y_bars) | self._mend(1, x_bars)
        y, x = self._waiting
        fresh = []
        for ts in sorted(y.keys() & x.keys()):
            row = self._rows[ts] = self._row(y.pop(ts), x.pop(ts))
            if ts > head:
                fresh.append(row)
            else:
                changed.add(ts)
        if changed:
            self._rows = dict(sorted(self._rows.items()))
        return changed, fresh

    def until(self, head: int) -> list[Row]:
        """Return the rows up to the time `head` (ms), oldest first."""
        return [self._rows[ts] for ts in sorted(self._rows) if ts <= head]

    def restore(self, rows: Iterable[Row]) -> None:
        """Continue with these rows, oldest first. Bars that wait stay."""
        self._rows = {row.ts: row for row in rows}

    def waits_after(self, head: int) -> bool:
        """Return whether a bar after the time `head` (ms) waits for the other leg."""
        return any(ts > head for waiting in self._waiting for ts in waiting)

    @property
    def oldest(self) -> int:
        """The time (ms) of the oldest row. Earlier bars are ignored."""
        return next(iter(self._rows), 0)

    @property
    def count(self) -> int | None:
        """Number of rows; None if a leg has no bar at all."""
        return len(self._rows) if self._rows or all(self._waiting) else None

    def forget(self) -> None:
        """Drop rows that no later bar can change, and bars that the other leg will never match."""
        shorten(self._rows, self.most)
        for waiting in self._waiting:
            shorten(waiting, _MOST_WAITING)

    def _mend(self, leg: int, bars: Iterable[Bar]) -> set[int]:
        """Put re-issued bars into their rows; other bars wait for the other leg. Return the times (ms) of the rows that changed."""
        changed = set()
        for bar in bars:
            row = self._rows.get(bar.ts)
            if row is None and bar.ts < self.oldest:
                continue
            if row is None:
                self._waiting[leg][bar.ts] = bar
                continue
            close = self._price(bar.close)
            mended = {"y": close, "y_quality": bar.quality} if leg == 0 else {"x": close, "x_quality": bar.quality}
            self._rows[bar.ts] = new = msgspec.structs.replace(row, **mended)
            if new != row:
                changed.add(bar.ts)
        return changed

    def _row(self, y: Bar, x: Bar) -> Row:
        return Row(y.ts, self._frame.index(y.ts), self._price(y.close), self._price(x.close), y.quality, x.quality)


def shorten(table: dict[int, Any], most: int) -> None:
    """Drop the first entries of a table that has more than `most`."""
    while len(table) > most:
        del table[next(iter(table))]
