"""What an older definition has left of one series in the record, and the points that belong in its place."""

import msgspec

from quantd.clock import Clock
from quantd.flow.history import History
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.model import PairPoint
from quantd.plugin.base import Plugin, Store
from quantd.plugin.guard import Guard
from quantd.timeframes import timeframe

_LOOKED_AT, _MADE, _SKIPPED = 3_600, 600, 86_400
"""Bars at once: little enough that the daemon can stop, and that a repair need not wait. Where there are none, further steps are taken."""


class Outdated:
    """Of one pair on one timeframe. Reads the store: each call is for a thread.

    Points of before `at` (ms) are done; the bars of those from there on are fed to a series as soon as one is outdated."""

    def __init__(self, spec: PairSpec, legs: tuple[str, str], store: Store, history: History, clock: Clock) -> None:
        self.name = f"{spec.pair} {spec.every}"
        self.at = self.end = self._first = 0
        self.made = self.left = 0
        self._spec = msgspec.structs.replace(spec, jobs=())
        self._legs = legs
        self._store = store
        self._history = history
        self._step = timeframe(spec.every).step
        self._guard = Guard("regression", f"{self.name} (made anew)", clock)  # of its own: it must not silence the live pair
        self._series: PairSeries | None = None
        self._fed = 0
        self._bars = _MADE

    def look(self, at: int) -> None:
        """See what is kept of `at` (ms) and later: this is to be done."""
        self._first, last = self._store.kept("points").get((self._spec.pair, self._spec.every), (0, at - 1))
        self.at, self.end = max(at, self._first), last + 1

    def go_back(self, at: int) -> None:
        """Something has failed: begin again at `at`."""
        self.at = max(at, self._first)
        self._series = None

    @property
    def found(self) -> bool:
        """Whether an outdated point has been met."""
        return self._series is not None

    def go_on(self) -> list[PairPoint]:
        """A stretch further: the points that take the place of outdated ones, under the next revision."""
        if self._series is None:
            self._find()
            return []
        start, end = self._fed, self._fed + self._bars * self._step
        y, x = (self._store.bars(leg, self._spec.every, start, end) for leg in self._legs)
        old = {point.ts: point.revision for point in self._outdated(max(start, self.at), end)}
        if self._bars > _MADE and (y or x or old):
            self._bars = _MADE  # and read again, less at once
            return []
        self._bars = _MADE if y or x or old else min(2 * self._bars, _SKIPPED)
        made = self._series.add(y, x)
        points = [msgspec.structs.replace(point, revision=old[point.ts] + 1) for point in made if point.ts in old]
        self._fed, self.at = end, max(self.at, end)
        self.made, self.left = self.made + len(points), self.left + len(old) - len(points)
        return points

    def _find(self) -> None:
        """The first outdated point, if it is in the next stretch: from the bars that it needs on there is a series then."""
        found = self._outdated(self.at, self.at + _LOOKED_AT * self._step)
        if not found:
            self.at += _LOOKED_AT * self._step
            return
        self.at = found[0].ts
        self._fed = self._bars_before(self.at)
        self._series = PairSeries(self._spec, self._guarded, reopen=0)

    def _outdated(self, start: int, end: int) -> list[PairPoint]:
        return self._history.outdated_points(self._spec.pair, self._spec.every, start, min(end, self.end))

    def _bars_before(self, ts: int) -> int:
        """From when on (ms) the point at `ts` depends on bars: for a recursive regression from the first on."""
        spec, kept = self._spec, self._store.kept("bars")
        first = max(kept.get((leg, spec.every), (ts, ts))[0] for leg in self._legs)
        reach = spec.memory * self._step
        while not spec.regression.recursive and ts - reach > first:
            y, x = ({bar.ts for bar in self._store.bars(leg, spec.every, ts - reach, ts)} for leg in self._legs)
            if len(y & x) >= spec.memory:
                return ts - reach
            reach *= 2
        return min(first, ts)

    def _guarded(self, plugin: Plugin, user: str) -> Guard:
        return self._guard
