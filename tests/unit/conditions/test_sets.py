"""Sets of numbers, against the comparisons that they stand for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.model import Channel, Clause, Compare, Cross, Term
from quantd.conditions.sets import (
    EVERY_NUMBER,
    MOST,
    Numbers,
    above,
    below,
    both,
    interval,
    mirrored,
    numbers_of,
    of_size,
    without,
    words_of,
)
from quantd.conditions.verdict import verdict

FEW = st.integers(-3, 3).map(float)
SETS: st.SearchStrategy[Numbers] = st.lists(st.tuples(FEW, FEW), max_size=3).map(
    lambda ends: without(without(tuple(pair for pair in ends if pair[0] <= pair[1])))
)


def has(numbers: Numbers, value: float) -> bool:
    return any(low <= value <= high for low, high in numbers)


@given(SETS, SETS, FEW)
def test_sets_are_joined_as_their_members_are(one: Numbers, other: Numbers, value: float) -> None:
    assert has(both(one, other), value) == (has(one, value) and has(other, value))
    assert has(without(one), value) != has(one, value)
    assert has(mirrored(one), -value) == has(one, value)
    assert has(of_size(one), value) == has(one, abs(value))


def test_the_ends_of_the_numbers() -> None:
    assert above(MOST, equal=False) == below(-MOST, equal=False) == ()
    assert above(MOST, equal=True) == ((MOST, MOST),)
    assert interval(-math.inf, math.inf) == EVERY_NUMBER
    assert interval(math.inf, -math.inf) == without(EVERY_NUMBER) == ()


NUMBERED = st.one_of(
    st.builds(Compare, st.builds(Term, st.just("m"), absolute=st.booleans()), st.sampled_from([">", "<", ">=", "<=", "==", "!="]), FEW),
    st.builds(Channel, st.builds(Term, st.just("m"), absolute=st.booleans()), st.sampled_from(["inside", "outside"]), FEW, FEW),
)


@given(NUMBERED, FEW | st.floats(-4.0, 4.0))
def test_a_clause_holds_for_the_numbers_of_its_set(clause: Clause, value: float) -> None:
    holds = verdict(clause, lambda term: abs(value) if term.absolute else value).holds
    assert has(numbers_of(clause), value) == holds


@given(st.builds(Cross, st.builds(Term, st.just("m")), st.sampled_from(["above", "below"]), FEW), st.lists(FEW, max_size=5))
def test_what_has_crossed_is_beyond_the_level(clause: Cross, values: list[float]) -> None:
    crossed: tuple[bool | None, ...] = ()
    for value in values:
        found = verdict(clause, {clause.term: value}.get, crossed)
        crossed = found.crossed
        assert not found.holds or has(numbers_of(clause), value)


def test_words() -> None:
    every = frozenset({"up", "down", "flat"})
    assert words_of(Compare(Term("trend"), "==", "up"), every) == {"up"}
    assert words_of(Compare(Term("trend"), "!=", "up"), every) == {"down", "flat"}


def test_a_word_is_no_number() -> None:
    with pytest.raises(TypeError):
        numbers_of(Compare(Term("trend"), "==", "up"))
