"""Says whether a condition holds for some values, in the three-valued logic of Kleene: without a value a clause is neither true nor false,
and so is what depends on it."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from quantd.conditions.model import All, Channel, Clause, Compare, Condition, Cross, Either, Term
from quantd.model import Metric

Values = Callable[[Term], Metric]
"""Returns the value of a term, its absolute value if the term asks for that; None if there is none."""
Crossed = tuple[bool | None, ...]
"""For each `Cross` of a condition, in order: False on the near side of the level, True after it was crossed, None before that."""
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Verdict(Struct, frozen=True, gc=False):
    """Whether a condition holds, None if that is not known, and the clause and value by which it was decided."""

    holds: bool | None
    clause: Clause
    value: Metric
    crossed: Crossed = ()


def verdict(condition: Condition, values: Values, crossed: Crossed = ()) -> Verdict:
    """Return whether a condition holds. `crossed` is that of the verdict before.

    >>> from quantd.conditions.parse import parse_condition
    >>> condition = parse_condition("abs(zscore) > 2")
    >>> [verdict(condition, {condition.term: z}.get).holds for z in (2.5, 2.0, None)]
    [True, False, None]
    """
    sides = list(crossed)
    found = _judge(condition, values, iter(range(1_000)), sides)
    return Verdict(found.holds, found.clause, found.value, tuple(sides)) if sides else found


def _judge(condition: Condition, values: Values, places: Any, sides: list[bool | None]) -> Verdict:
    if isinstance(condition, All | Either):
        parts = [_judge(part, values, places, sides) for part in condition.parts]
        return _joined(parts, decisive=isinstance(condition, Either))
    value = values(condition.term)
    if isinstance(condition, Cross):
        at = next(places)
        sides.extend([None] * (at + 1 - len(sides)))
        return _crossed(condition, value, at, sides)
    return Verdict(_holds(condition, value), condition, value)


def _joined(parts: Sequence[Verdict], *, decisive: bool) -> Verdict:
    """Return the part that decides: the first one of the decisive outcome, else the first unknown one, else the first."""
    for wanted in (decisive, None):
        for part in parts:
            if part.holds is wanted:
                return part
    return parts[0]


def _crossed(clause: Cross, value: Metric, at: int, sides: list[bool | None]) -> Verdict:
    if not isinstance(value, int | float):
        return Verdict(None, clause, None)
    beyond = value > clause.value if clause.side == "above" else value < clause.value
    sides[at] = None if beyond and sides[at] is None else beyond
    return Verdict(bool(sides[at]), clause, value)


def _holds(clause: Compare | Channel, value: Metric) -> bool | None:
    if value is None:
        return None
    if isinstance(clause, Compare):
        return None if isinstance(value, str) != isinstance(clause.value, str) else _COMPARE[clause.op](value, clause.value)
    return None if isinstance(value, str) else (clause.low <= value <= clause.high) == (clause.side == "inside")
