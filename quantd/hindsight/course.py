"""The course of what a rule watches: the rows of the past, in order, and the value of its first term at each of them."""

from collections.abc import Callable, Sequence
from math import inf, isfinite

from msgspec import Struct
from msgspec.structs import replace

from quantd.conditions.model import Channel, Clause, Compare, Cross, clauses
from quantd.flow.alerts.places import needed_coverage
from quantd.flow.alerts.rule import AlertRule, is_sound, values_of
from quantd.model import Metric, PairPoint
from quantd.timeframes import timeframe

HALF = 0.5
"""The z-score within which a spread counts as near its mean."""


class Course(Struct, frozen=True):
    """The rows that a rule is judged on, ascending, and what its first clause looks at: `values` are without `abs`, None where the rule
    could not be judged. `ends` are the ends of the bars (ms)."""

    rule: AlertRule
    rows: Sequence[PairPoint]
    ends: Sequence[int]
    values: Sequence[Metric]

    @property
    def clause(self) -> Clause:
        """The first clause of the condition."""
        return next(clauses(self.rule.rule.when))

    @property
    def step(self) -> int:
        """The length of a bar (ms)."""
        return timeframe(self.rule.rule.every).step

    def stretch(self, start: int, end: int) -> range:
        """Return the places of the bars that end within start <= end of bar <= end."""
        from bisect import bisect_left, bisect_right

        return range(bisect_left(self.ends, start), bisect_right(self.ends, end))


def course(rule: AlertRule, rows: Sequence[PairPoint]) -> Course:
    """Return the course of a rule over these rows."""
    frame, term = timeframe(rule.rule.every), replace(next(clauses(rule.rule.when)).term, absolute=False)
    values = [values_of(row)(term) if is_sound(needed_coverage(rule), row.quality, row.coverage) else None for row in rows]
    return Course(rule, rows, [frame.end(row.ts) for row in rows], values)


def extreme(clause: Clause, values: Sequence[Metric]) -> float | None:
    """Return the number that is farthest beyond the threshold of a clause; None without a number.

    >>> from quantd.conditions.parse import parse_condition
    >>> extreme(parse_condition("abs(zscore) > 2"), [2.1, -3.0, None, 2.5])
    -3.0
    """
    far = _distance(clause)
    numbers = [float(value) for value in values if isinstance(value, int | float) and isfinite(value)]
    return max(numbers, key=lambda value: far(abs(value) if clause.term.absolute else value), default=None)


def _distance(clause: Clause) -> Callable[[float], float]:
    if isinstance(clause, Channel):
        middle = (clause.low + clause.high) / 2
        return (lambda value: abs(value - middle)) if clause.side == "outside" else (lambda value: -abs(value - middle))
    if isinstance(clause, Cross):
        return (lambda value: value) if clause.side == "above" else (lambda value: -value)
    return _beyond(clause)


def _beyond(clause: Compare) -> Callable[[float], float]:
    if clause.op in (">", ">="):
        return lambda value: value
    if clause.op in ("<", "<="):
        return lambda value: -value
    level = clause.value if not isinstance(clause.value, str) else inf
    return lambda value: abs(value - level)


def time_to_revert(found: Course, fired: int) -> tuple[int | None, int | None]:
    """Return how long after `fired` (ms) the z-score was within HALF of its mean, and how long until it was at its mean or beyond."""
    if found.clause.term.metric != "zscore" or found.clause.term.bars:
        return None, None
    places = found.stretch(fired, found.ends[-1])
    scores = [(found.ends[at] - fired, value) for at in places if isinstance(value := found.values[at], int | float)]
    if not scores:
        return None, None
    sign = 1 if scores[0][1] >= 0 else -1
    half = next((after for after, value in scores if abs(value) < HALF), None)
    return half, next((after for after, value in scores if value * sign <= 0), None)
