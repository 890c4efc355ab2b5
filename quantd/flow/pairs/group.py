"""The pairs with the same settings: most of them in a table, the others alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import log
from typing import Any

import numpy as np
from msgspec import Struct

from quantd.columns.points import CODE, PointColumns
from quantd.flow.pairs.series import PairSeries
from quantd.flow.pairs.table import PairTable
from quantd.model import Bar, PairPoint
from quantd.stats import FloatArray, IntArray

Leg = Any
"""What stands for a leg: a hashable value."""
Bars = Mapping[tuple[Leg, str], Sequence[Bar]]
"""Bars by leg and timeframe."""
Measured = Callable[[str, str], int]
WORTH = 8
"""Number of pairs from which a table costs less than the pairs alone."""
_ASKED_AT_ONCE = 50
_FEW = 5
"""Number of legs up to which the pairs that have them are looked up."""


class Legs(Struct, frozen=True):
    """The legs of a pair."""

    y: Leg
    x: Leg


Made = PointColumns | tuple[PairSeries, list[PairPoint]]
"""The points that bars make: those of many pairs at once, or those of a pair that was alone."""


class PairGroup:
    """Pairs whose series have the same `key`, on one timeframe."""

    def __init__(self, like: PairSeries) -> None:
        self.every = like.spec.every
        self._log = like.spec.log
        self._table = PairTable(like)
        self._legs: dict[PairSeries, Legs] = {}
        self._alone: dict[PairSeries, Legs] = {}
        self._of_leg: dict[Leg, list[PairSeries]] = {}
        self._candidates: dict[PairSeries, None] = {}
        """Pairs that may join the table, if they are settled."""
        self._layout = _Layout([])
        self._changes = 0
        """The changes of the table that `_alone` and `_layout` follow."""

    def __len__(self) -> int:
        return len(self._legs)

    def add(self, series: PairSeries, legs: Legs) -> None:
        """Add a pair."""
        self._legs[series] = self._alone[series] = legs
        for leg in {legs.y, legs.x}:
            self._of_leg.setdefault(leg, []).append(series)
        self._candidates[series] = None

    def drop(self, series: PairSeries) -> None:
        """Remove a pair."""
        if series.table:
            self._table.leave(series)
        self._follow()
        legs = self._legs.pop(series)
        del self._alone[series]
        for leg in {legs.y, legs.x}:
            self._of_leg[leg].remove(series)
            if not self._of_leg[leg]:
                del self._of_leg[leg]

    def step(self, bars: Bars, measure_from: Measured) -> Iterator[Made]:
        """Yield the points that these bars make, those of a pair that is alone by themselves. `measure_from` returns, for pair and
        timeframe, the time (ms) from which on jobs run."""
        if batch := self._step_table(bars):
            yield batch
        for series, legs in self._touched(bars):
            y, x = (bars.get((leg, self.every), ()) for leg in (legs.y, legs.x))
            if (y or x) and series in self._alone:  # it may have been dropped meanwhile
                points = series.add(y, x, measure_from(series.spec.pair, self.every))
                self._candidates[series] = None
                yield series, points

    def _touched(self, bars: Bars) -> list[tuple[PairSeries, Legs]]:
        """Return the pairs that are alone and may have a leg among these bars, in the order in which they were added."""
        legs = [leg for leg, every in bars if every == self.every]
        if len(legs) > _FEW:
            return list(self._alone.items())
        some = {series for leg in legs for series in self._of_leg.get(leg, ()) if series in self._alone}
        return [(series, each) for series, each in self._alone.items() if series in some] if some else []

    def settle(self, most: int) -> bool:
        """Let up to `most` pairs join the table that may. Return whether any may be left."""
        if len(self._legs) < WORTH:
            self._candidates.clear()
        joined = 0
        for series in list(islice(self._candidates, _ASKED_AT_ONCE)):
            del self._candidates[series]
            if series in self._alone and self._table.may_join(series):
                self._table.join(series)
                joined += 1
                if joined == most:
                    break
        self._follow()
        return bool(self._candidates)

    def _step_table(self, bars: Bars) -> PointColumns | None:
        """Let the table take the bars, if they are the next ones of most of its members. Members that they do not suit leave."""
        self._follow()
        layout = self._layout
        given = [bars.get((leg, self.every), ()) for leg in layout.legs]
        if not any(given):
            return None
        ts = _next(given, self._table.head)
        suited = np.array([len(some) == 1 and some[0].ts == ts and some[0].close > 0.0 for some in given])
        stays = suited[layout.y] & suited[layout.x]
        steps = 2 * int(stays.sum()) >= len(stays)
        if not steps:
            touched = np.array([len(some) > 0 for some in given])
            stays = ~(touched[layout.y] | touched[layout.x])
        for series in [self._table.members[p] for p in np.flatnonzero(~stays).tolist()]:
            self._table.leave(series)
        self._follow()
        return self._take(ts, bars) if steps and self._table.members else None

    def _take(self, ts: int, bars: Bars) -> PointColumns:
        """Let all members take the bars of the time `ts` (ms)."""
        layout = self._layout
        last = [bars[leg, self.every][0] for leg in layout.legs]
        closes: FloatArray = np.array([log(bar.close) for bar in last] if self._log else [bar.close for bar in last])
        codes: IntArray = np.array([CODE[bar.quality] for bar in last])
        batch = self._table.step(ts, closes[layout.y], closes[layout.x], (codes[layout.y], codes[layout.x]))
        self._follow()
        return batch

    def _follow(self) -> None:
        """Note which pairs have joined or left the table."""
        if self._changes != self._table.changes:
            self._changes = self._table.changes
            self._layout = _Layout([self._legs[series] for series in self._table.members])
            self._alone = {series: legs for series, legs in self._legs.items() if not series.table}


def _next(given: Sequence[Sequence[Bar]], head: int) -> int:
    """Return the time (ms) of most bars that come alone and are newer than `head`; -1 if there are none."""
    times = Counter(some[0].ts for some in given if len(some) == 1 and some[0].ts > head)
    return times.most_common(1)[0][0] if times else -1


class _Layout:
    """The legs of a table's members, each once, and where each member finds its legs among them."""

    def __init__(self, of: Sequence[Legs]) -> None:
        at: dict[Leg, int] = {}
        for legs in of:
            at.setdefault(legs.y, len(at))
            at.setdefault(legs.x, len(at))
        self.legs = list(at)
        self.y: IntArray = np.array([at[legs.y] for legs in of], np.int64)
        self.x: IntArray = np.array([at[legs.x] for legs in of], np.int64)
