"""Finds conditions that no values make true, or that all values make true, by trying to find values for which they are.

A condition is a tree of `and` and `or`. `_fits` walks it and keeps, for each metric, the set of the values that are still possible:

    zscore > 3 and (zscore < 2 or corr < 0)        zscore: above 3   ──▶ and below 2: none left, the next way
                                                                     ──▶ corr: below 0, values are found

What is always true is that whose opposite is never true. The search ends after some steps; what is not decided then is left to the data.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from quantd.conditions.model import All, Clause, Compare, Condition, Cross, Either, Term
from quantd.conditions.sets import Numbers, both, numbers_of, variable, without, words_of

Values = Numbers | frozenset[str]
Domain = Callable[[Term], Values]
"""Returns the values that a term without `abs` may have: numbers, or words."""
_MOST_STEPS = 500


class _Goal(NamedTuple):
    """A condition that has to be true, or false."""

    condition: Condition
    true: bool

    @property
    def parts(self) -> "list[_Goal]":
        """The goals of which this consists; none for a clause."""
        condition = self.condition
        return [_Goal(part, self.true) for part in condition.parts] if isinstance(condition, All | Either) else []

    @property
    def one_is_enough(self) -> bool:
        """Whether one of the parts is enough; otherwise all of them are needed."""
        return isinstance(self.condition, Either) == self.true


class _Undecided(Exception):
    pass


class _Search:
    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._steps = 0

    def fits(self, goals: Sequence[_Goal], left: dict[Term, Values]) -> bool:
        """Return whether values may exist that reach all goals; `left` has what earlier goals have left of the values of each term."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _Undecided
        choices, clauses = _sorted(goals)
        left = dict(left)
        if not all(self._narrowed(clause, true, left) for clause, true in clauses):
            return False
        return not choices or any(self.fits([part, *choices[1:]], left) for part in choices[0].parts)

    def _narrowed(self, clause: Clause, true: bool, left: dict[Term, Values]) -> bool:
        """Take out the values for which a clause is not as it has to be; return whether there is one left."""
        term = variable(clause.term)
        before = left.get(term)
        before = self._domain(term) if before is None else before
        if isinstance(before, frozenset):
            left[term] = _words(clause, before, true)
        elif true or not isinstance(clause, Cross):
            numbers = numbers_of(clause)
            left[term] = both(before, numbers if true else without(numbers))
        else:
            left[term] = before  # what has not crossed may be anywhere
        return bool(left[term])


def _words(clause: Clause, left: frozenset[str], true: bool) -> frozenset[str]:
    if not isinstance(clause, Compare):
        return left
    same = words_of(clause, left)
    return same if true else left - same


def _sorted(goals: Sequence[_Goal]) -> tuple[list[_Goal], list[tuple[Clause, bool]]]:
    """Return the goals of which one part is enough, and the clauses of the others."""
    choices, clauses, waiting = [], [], list(goals)
    while waiting:
        goal = waiting.pop()
        condition = goal.condition
        if not isinstance(condition, All | Either):
            clauses.append((condition, goal.true))
        elif goal.one_is_enough:
            choices.append(goal)
        else:
            waiting += goal.parts
    return choices, clauses


def _possible(goals: Sequence[_Goal], domain: Domain) -> bool:
    try:
        return _Search(domain).fits(goals, {})
    except _Undecided:
        return True


def never(condition: Condition, domain: Domain) -> tuple[Condition, ...]:
    """Return the parts of a condition that exclude one another, whatever the values; none if some values may make it true."""
    return _core(_Goal(condition, true=True), domain)


def always(condition: Condition, domain: Domain) -> tuple[Condition, ...]:
    """Return the parts of a condition of which one is true, whatever the values; none if some values may make it false."""
    return _core(_Goal(condition, true=False), domain)


def implies(condition: Condition, other: Condition, domain: Domain) -> bool:
    """Return whether the other condition certainly holds wherever the first holds."""
    return not _possible([_Goal(condition, true=True), _Goal(other, true=False)], domain)


def _core(goal: _Goal, domain: Domain) -> tuple[Condition, ...]:
    """Return a smallest choice of the parts of an impossible goal that is impossible by itself."""
    if _possible([goal], domain):
        return ()
    if not goal.parts:
        return (goal.condition,)
    if goal.one_is_enough:
        return _core(goal.parts[0], domain)
    kept = parts = goal.parts
    for part in parts:
        others = [each for each in kept if each is not part]
        if others and not _possible(others, domain):
            kept = others
    return _core(kept[0], domain) if len(kept) == 1 else tuple(each.condition for each in kept)
