"""What is called never or always true, against every combination of a few values."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.certain import Values, always, implies, never
from quantd.conditions.model import All, Compare, Condition, Either, Term, clauses
from quantd.conditions.parse import parse_condition
from quantd.conditions.sets import interval
from quantd.conditions.verdict import verdict

LOW, HIGH = -2.0, 2.0
GRID = [LOW + step / 2 for step in range(9)]
"""Values of which one lies between any two thresholds, and one on each."""
WORDS = frozenset({"up", "down", "flat"})
TERMS = st.builds(Term, st.sampled_from(["a", "b"]), absolute=st.booleans())
LEVELS = st.integers(-3, 3).map(float)
CLAUSES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Compare, TERMS, st.sampled_from([">", "<", ">=", "<=", "==", "!="]), LEVELS),
    st.builds(Compare, st.just(Term("w")), st.sampled_from(["==", "!="]), st.sampled_from(sorted(WORDS))),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    CLAUSES,
    lambda parts: st.builds(lambda kind, each: kind(tuple(each)), st.sampled_from([All, Either]), st.lists(parts, min_size=2, max_size=3)),
    max_leaves=6,
)


def domain(term: Term) -> Values:
    return WORDS if term.metric == "w" else interval(LOW, HIGH)


def outcomes(*conditions: Condition) -> set[tuple[bool | None, ...]]:
    """The verdicts on conditions for all combinations of values."""
    names = sorted({clause.term.metric for condition in conditions for clause in clauses(condition)})
    choices: list[list[Any]] = [sorted(WORDS) if name == "w" else GRID for name in names]
    every = (valued(dict(zip(names, each, strict=True))) for each in product(*choices))
    return {tuple(verdict(condition, values).holds for condition in conditions) for values in every}


def valued(values: dict[str, Any]) -> Callable[[Term], Any]:
    return lambda term: abs(values[term.metric]) if term.absolute else values[term.metric]


@given(CONDITIONS)
def test_exactly_what_no_values_decide_is_said(condition: Condition) -> None:
    found = outcomes(condition)
    assert bool(never(condition, domain)) == (found == {(False,)})
    assert bool(always(condition, domain)) == (found == {(True,)})


@given(CONDITIONS, CONDITIONS)
def test_one_condition_implies_another(one: Condition, other: Condition) -> None:
    assert implies(one, other, domain) == ((True, False) not in outcomes(one, other))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a > 1 and a < 1", ["a > 1", "a < 1"]),
        ("b > 0 and a > 1 and w == up and abs(a) < 1", ["a > 1", "abs(a) < 1"]),
        ("b > 0 and (a > 1 and a < 0 or w == up and w == down)", ["a > 1", "a < 0"]),
        ("a > 0 and (b < 1 or w == up) and a < 0", ["a > 0", "a < 0"]),
        ("a crosses above 1 and a < 0", ["a crosses above 1", "a < 0"]),
    ],
)
def test_the_parts_that_exclude_one_another_are_named(text: str, parts: list[str]) -> None:
    assert [str(part) for part in never(parse_condition(text), domain)] == parts


def test_what_has_not_crossed_may_be_anywhere() -> None:
    assert not always(parse_condition("a crosses above 1 or a <= 1"), domain)
    assert implies(parse_condition("a crosses above 1"), parse_condition("a > 0"), domain)
    assert not implies(parse_condition("a > 1"), parse_condition("a crosses above 0"), domain)


def test_a_search_that_takes_long_is_left_to_the_data() -> None:
    choices = [f"(a{number} > 1 or b{number} > 1)" for number in range(20)]
    text = " and ".join([*choices[:10], "(c > 1 or c > 1.5)", "(c < 1 or c < 0)", *choices[10:]])
    assert never(parse_condition(text), domain) == ()
