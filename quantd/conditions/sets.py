"""Sets of values for which a clause holds: of finite numbers, or of words.

A value is a float, so that an open end of an interval is the closed end at the next float: `zscore > 2` holds from `nextafter(2, inf)` on.
"""

import math
import sys

from quantd.conditions.model import Channel, Clause, Compare, Cross, Term

Numbers = tuple[tuple[float, float], ...]
"""Intervals with both ends, in order, none touching another."""
MOST = sys.float_info.max
EVERY_NUMBER: Numbers = ((-MOST, MOST),)


def above(value: float, *, equal: bool) -> Numbers:
    """Return the numbers above a value."""
    low = value if equal else math.nextafter(value, math.inf)
    return ((max(low, -MOST), MOST),) if low <= MOST else ()


def below(value: float, *, equal: bool) -> Numbers:
    """Return the numbers below a value."""
    return mirrored(above(-value, equal=equal))


def interval(low: float, high: float) -> Numbers:
    """Return the numbers from low to high."""
    return both(above(low, equal=True), below(high, equal=True))


def both(one: Numbers, other: Numbers) -> Numbers:
    """Return the numbers that are in both sets.

    >>> both(((0.0, 2.0), (3.0, 5.0)), ((1.0, 4.0),))
    ((1.0, 2.0), (3.0, 4.0))
    """
    found = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple(sorted((low, high) for low, high in found if low <= high))


def without(numbers: Numbers) -> Numbers:
    """Return all other numbers."""
    left = EVERY_NUMBER
    for low, high in numbers:
        left = both(left, (*below(low, equal=False), *above(high, equal=False)))
    return left


def mirrored(numbers: Numbers) -> Numbers:
    """Return the numbers with their signs changed."""
    return tuple((-high, -low) for low, high in reversed(numbers))


def of_size(sizes: Numbers) -> Numbers:
    """Return the numbers whose absolute value is in a set."""
    positive = both(sizes, above(0.0, equal=True))
    negative = both(mirrored(positive), below(0.0, equal=False))
    return (*negative, *positive)


def sizes_of(numbers: Numbers) -> Numbers:
    """Return the hull of the absolute values of a set; an empty set has none."""
    ends = [abs(end) for pair in numbers for end in pair]
    if not ends:
        return ()
    least = 0.0 if any(low <= 0.0 <= high for low, high in numbers) else min(ends)
    return ((least, max(ends)),)


def numbers_of(clause: Clause) -> Numbers:
    """Return the values of the term's metric for which a clause on a number may hold. One that crosses a level holds only beyond it."""
    found = _numbers_of(clause)
    return of_size(found) if clause.term.absolute else found


def _numbers_of(clause: Clause) -> Numbers:
    match clause:
        case Cross(_, side, level):
            return above(level, equal=False) if side == "above" else below(level, equal=False)
        case Channel(_, side, low, high):
            return interval(low, high) if side == "inside" else without(interval(low, high))
        case Compare(_, op, float() | int() as value):
            return _compared(op, value)
    raise TypeError(f"{clause} is not on a number")


def _compared(op: str, value: float) -> Numbers:
    if op in ("==", "!="):
        return interval(value, value) if op == "==" else without(interval(value, value))
    return above(value, equal=op == ">=") if op[0] == ">" else below(value, equal=op == "<=")


def words_of(clause: Compare, every: frozenset[str]) -> frozenset[str]:
    """Return the words for which a clause on a word holds, of all words."""
    same = every & {str(clause.value)}
    return same if clause.op == "==" else every - same


def variable(term: Term) -> Term:
    """Return the term without its absolute value: two clauses on the same variable look at one number."""
    return Term(term.metric, term.of, term.bars)
