"""Why an alert fired, and what a rule would have told over the past."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from quantd.hindsight.model import PastQuestion, Report
from quantd.model import Alert, AlertState, Bar, Metric, PairPoint, Tick
from quantd.pool import ANYBODY, Asker

__all__ = ["Curve", "Explain", "Explanation", "Judged", "PastQuestion", "Report", "Written"]


Written = str | int | float | bool | list[str] | dict[str, str | int]
"""The value of a key of a rule, as it is written in YAML."""


class Judged(Struct, frozen=True):
    """One clause of a rule, and the value that it looked at; None if there was none."""

    clause: str
    value: Metric


class Curve(Struct, frozen=True):
    """The course of what a rule watches, without `abs`; None where there was no value. `ts` are the ends of bars, or times of trades."""

    metric: str
    ts: Sequence[int]
    values: Sequence[float | None]
    levels: Sequence[float]
    """The thresholds."""


class Explanation(Struct, frozen=True):
    """What a rule saw when it fired, as it was then, and how the firing ended.

    `point` is the judged point; for a rule that is judged between closes, that of the last closed bar, whose hedge, mean and standard
    deviation the now-cast has. `ticks` are the last trades of each symbol.
    """

    firing: Alert
    rule: Mapping[str, Written]
    """The keys of the rule that differ from their defaults, as in YAML."""
    clauses: tuple[Judged, ...]
    point: PairPoint | None
    bar: Bar | None
    """The judged bar of a rule on a symbol."""
    ticks: Mapping[str, tuple[Tick, ...]]
    config: str
    """A hash of the pairs and pipelines of the config."""
    curve: Curve
    end: AlertState | None = None
    """How the firing ended: resolved or withdrawn; None while it lasts."""
    ended: int | None = None
    end_value: Metric = None
    reason: str = ""

    def course(self) -> dict[int, float | None]:
        """Return the curve by time. For a rule that is judged between closes, it has the values at which that fired and resolved, too. An
        absolute value gets the sign of the value before it."""
        found = dict(zip(self.curve.ts, self.curve.values, strict=True))
        told = ((self.firing.ts, self.firing.value), (self.ended, self.end_value)) if self.firing.bar is None else ()
        for ts, value in told:
            if ts is not None and ts not in found and isinstance(value, int | float):
                before = [each for at, each in found.items() if at < ts and each is not None]
                found[ts] = math.copysign(value, before[-1]) if before and min(self.curve.levels, default=0.0) < 0 else value
        return dict(sorted(found.items()))

    def marked(self, ts: int) -> tuple[int, float | None]:
        """Return where a moment (ms) is marked: at the last value up to then. A closed bar is judged a little after its end."""
        course = self.course()
        at = max((each for each in course if each <= ts), default=ts)
        return at, course.get(at)


class Explain(Protocol):
    """Explains firings, and judges rules over the record."""

    def explanation(self, firing: str) -> Explanation | None:
        """Return why a firing came about, by its id; by the id of a rule, why its latest firing did. None if neither is known: the latest
        1,000 firings are kept."""
        ...

    def svg(self, firing: str) -> str:
        """Return a drawing of a firing, which needs no browser; empty if it is not known."""
        ...

    async def past(self, asked: PastQuestion, asker: Asker = ANYBODY) -> list[Report]:
        """Return what a rule would have told over the recorded points, for each pair that has it. Raises ValueError for a question that has
        no answer, NotRecorded, and Busy."""
        ...
