"""The points of one series that an older definition left in the record, and the points that replace them.

They are rebuilt in one pass along the bars, a stretch at a time, oldest first. A recursive regression learns from the first bar on, since
it cannot resume a state of an older definition.
"""

import sys

import msgspec
from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import QuantdError
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.flow.repair.points import Legs, PointRebuilder
from quantd.flow.repair.revisions import next_revisions
from quantd.history.history import History
from quantd.model import PairPoint
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.timeframes import timeframe

_SEARCHED, _FED, _SKIPPED = 3_600, 600, 86_400
"""Numbers of bars per step: few enough that the daemon can stop and that a repair need not wait. Steps grow where nothing is found."""


class RegressionError(QuantdError):
    """Raised when the regression fails at recorded bars."""


class Progress(Struct):
    """The progress of an upgrade: points before `at` (ms) are done, and those from there to before `end` (ms) remain."""

    at: int = 0
    end: int = 0
    made: int = 0
    left: int = 0
    """Number of points that stay as they are, since their bars are not recorded."""
    failures: int = 0
    """Number of failures of the regression."""


class OutdatedPoints:
    """The outdated points of one pair on one timeframe. Every method that reads the store must be called in a thread.

    Bars are fed to a series as soon as one of their points is outdated.
    """

    def __init__(self, spec: PairSpec, legs: Legs, history: History, clock: Clock) -> None:
        self.name = f"{spec.pair} {spec.every}"
        self.progress = Progress()
        self._counted = 0
        self._spec = msgspec.structs.replace(spec, jobs=())
        self._history = history
        self._points = PointRebuilder(self._spec, self._guarded, history, legs)
        self._step = timeframe(spec.every).step
        self._clock = clock
        self._guard = self._fresh_guard()
        self._series: PairSeries | None = None
        self._fed = 0
        self._stretch = _FED

    def start(self, at: int) -> None:
        """Start, or restart after a failure, with what is recorded at `at` (ms) and later."""
        self._guard, self._series = self._fresh_guard(), None
        span = self._history.recorded_span("points", self._spec.pair, self._spec.every)
        self.progress.at, self.progress.end = (max(at, span[0]), span[1] + 1) if span else (at, at)

    @property
    def found(self) -> bool:
        """Whether an outdated point has been found."""
        return self._series is not None

    def rebuild_next(self) -> list[PairPoint]:
        """Rebuild the next stretch. Return the points that replace outdated ones, under the next revision. Raises RegressionError."""
        if self._series is None:
            self._find()
            return []
        start, end = self._fed, self._fed + self._stretch * self._step
        bars = self._points.bars(start, end)
        old = {point.ts: point for point in self._outdated(max(start, self.progress.at), end)}
        quiet = not (bars.y or bars.x or old)
        if self._stretch > _FED and not quiet:
            self._stretch = _FED  # read it again in smaller steps
            return []
        self._stretch = min(2 * self._stretch, _SKIPPED) if quiet else _FED
        made = {point.ts: point for point in self._series.add(bars.y, bars.x)}
        self._demand_no_faults()
        self.progress.left += sum(ts >= self._counted and ts not in made for ts in old)
        self._fed, self._counted = end, max(self._counted, end)
        self.progress.at = max(self.progress.at, end)
        return next_revisions([made[ts] for ts in old if ts in made], old)

    def _demand_no_faults(self) -> None:
        """Raise RegressionError if the regression has failed. A fresh one can still make its points."""
        health = self._guard.health()
        if health.faults:
            self.progress.failures += 1
            raise RegressionError(f"the regression failed {health.faults} times, last: {health.last_error}")

    def _find(self) -> None:
        """Search the next stretch for the first outdated point. If there is one, start a series with the bars that it depends on."""
        found = self._outdated(self.progress.at, self.progress.at + _SEARCHED * self._step)
        if not found:
            self.progress.at += _SEARCHED * self._step
            return
        self.progress.at = found[0].ts
        self._fed = self._points.warm_up_from(self.progress.at)
        self._series = PairSeries(self._spec, self._guarded, reopen=0)

    def _outdated(self, start: int, end: int) -> list[PairPoint]:
        return self._history.outdated_points(self._spec.pair, self._spec.every, start, min(end, self.progress.end))

    def _fresh_guard(self) -> Guard:
        """Return a separate guard, so that faults here do not affect the live pair. It has no quarantine: a fault ends the stretch
        anyway."""
        return Guard("regression", f"{self.name} (rebuilt)", self._clock, limit=sys.maxsize)

    def _guarded(self, plugin: Plugin, user: str) -> Guard:
        return self._guard
