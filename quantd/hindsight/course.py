"""The course of what a rule watches: the rows of the past, in order, and the value of its first term at each of them."""

from collections.abc import Callable, Sequence
from math import inf, isfinite

from msgspec import Struct
from msgspec.structs import replace

from quantd.conditions.model import Channel, Clause, Compare, Cross, clauses
from quantd.conditions.verdict import Values
from quantd.flow.alerts.inputs import Inputs
from quantd.flow.alerts.places import needed_coverage
from quantd.flow.alerts.rule import AlertRule, is_sound
from quantd.history.history import History
from quantd.model import WHOLE, Bar, Metric, PairPoint
from quantd.timeframes import timeframe

HALF = 0.5
"""The z-score within which a spread counts as near its mean."""


Rows = Sequence[PairPoint] | Sequence[Bar]


class Course(Struct, frozen=True):
    """The rows that a rule is judged on, ascending, and what its first clause looks at: `values` are without `abs`, None where the rule
    could not be judged. `ends` are the ends of the bars (ms). `history` has the rows, and the bars of the legs, in memory."""

    rule: AlertRule
    rows: Rows
    history: History
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


def course(rule: AlertRule, rows: Rows, legs: Sequence[Bar] = ()) -> Course:
    """Return the course of a rule over these rows: points of a pair, or bars of a symbol. `legs` are the bars of a pair's legs, for rules
    that name them."""
    term = replace(next(clauses(rule.rule.when)).term, absolute=False)
    history = History(None, recent=len(rows) + len(legs))
    history.put_points(row for row in rows if isinstance(row, PairPoint))
    history.put_bars([*(row for row in rows if isinstance(row, Bar)), *legs])
    inputs, needs, frame = Inputs(history), needed_coverage(rule), timeframe(rule.rule.every)
    values = [_values(inputs, row)(term) if _is_sound(needs, row) else None for row in rows]
    return Course(rule, rows, history, [frame.end(row.ts) for row in rows], values)


def _values(inputs: Inputs, row: PairPoint | Bar) -> Values:
    return inputs.of_point(row) if isinstance(row, PairPoint) else inputs.of_bar(row)


def _is_sound(needs: float, row: PairPoint | Bar) -> bool:
    coverage = row.coverage if isinstance(row, PairPoint) else 1.0 if row.quality in WHOLE else 0.0
    return is_sound(needs, row.quality, coverage)


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
    half, side = None, 0.0
    for at in found.stretch(fired, found.ends[-1]):
        value = found.values[at]
        if not isinstance(value, int | float):
            continue
        side = side or (1.0 if value >= 0 else -1.0)
        after = found.ends[at] - fired
        half = after if half is None and abs(value) < HALF else half
        if value * side <= 0:
            return half, after
    return half, None
