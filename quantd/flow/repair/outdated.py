"""The points that an older definition has left of one series in the record, and the points that belong in its place."""

import sys

import msgspec

from quantd.clock import Clock
from quantd.errors import QuantdError
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.history.history import History
from quantd.model import PairPoint
from quantd.plugin.base import Plugin, Store
from quantd.plugin.guard import Guard
from quantd.timeframes import timeframe

_LOOKED_AT, _MADE, _SKIPPED = 3_600, 600, 86_400
"""Bars at once: little enough that the daemon can stop, and that a repair need not wait. Where there are none, further steps are taken."""


class RegressionError(QuantdError):
    """The regression failed at recorded bars."""


class Outdated:
    """The outdated points of one pair on one timeframe. Reads the store: each call is for a thread.

    Points of before `at` (ms) are done; the bars of those from there on are fed to a series as soon as one is outdated."""

    def __init__(self, spec: PairSpec, legs: tuple[str, str], store: Store, history: History, clock: Clock) -> None:
        self.name = f"{spec.pair} {spec.every}"
        self.at = self.end = 0
        self.made = self.left = self.failures = 0
        self._counted = 0
        self._spec = msgspec.structs.replace(spec, jobs=())
        self._legs = legs
        self._store = store
        self._history = history
        self._step = timeframe(spec.every).step
        self._clock = clock
        self._guard = self._fresh_guard()
        self._series: PairSeries | None = None
        self._fed = 0
        self._bars = _MADE

    def look(self, at: int) -> None:
        """Begin, or begin again after a failure: what is kept of `at` (ms) and later is to be done."""
        self._guard, self._series = self._fresh_guard(), None
        self.at = self.end = at
        kept = self._store.kept("points")
        span = kept.get((self._spec.pair, self._spec.every))
        if span:
            self.at, self.end = max(at, span[0]), span[1] + 1

    @property
    def found(self) -> bool:
        """Whether an outdated point has been met."""
        return self._series is not None

    def go_on(self) -> list[PairPoint]:
        """A stretch further: the points that take the place of outdated ones, under the next revision. Raises RegressionError."""
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
        made = {point.ts: point for point in self._series.add(y, x)}
        self._demand_no_faults()
        self.left += sum(ts >= self._counted and ts not in made for ts in old)
        self._fed, self.at, self._counted = end, max(self.at, end), max(self._counted, end)
        return [msgspec.structs.replace(made[ts], revision=revision + 1) for ts, revision in old.items() if ts in made]

    def _demand_no_faults(self) -> None:
        """Raise RegressionError where the regression has failed: its points can still be made, by a fresh one."""
        health = self._guard.health()
        if health.faults:
            self.failures += 1
            raise RegressionError(f"the regression failed {health.faults} times, last: {health.last_error}")

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

    def _fresh_guard(self) -> Guard:
        """One beside the live pair's, which these faults do not touch. It gives no rest: after a stretch with a fault there is no next."""
        return Guard("regression", f"{self.name} (made anew)", self._clock, limit=sys.maxsize)

    def _guarded(self, plugin: Plugin, user: str) -> Guard:
        return self._guard
