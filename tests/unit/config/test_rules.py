"""Conditions of alert rules."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.model import Compare, Term
from quantd.conditions.parse import parse_condition
from quantd.config.rules import METRICS

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("zscore > 2", Compare(Term("zscore"), ">", 2.0)),
        ("abs(zscore)>=2.5", Compare(Term("zscore"), ">=", 2.5, True)),
        ("  abs ( spread ) <  -1e-3 ", Compare(Term("spread"), "<", -0.001, True)),
        ("adf_pvalue <= .05", Compare(Term("adf_pvalue"), "<=", 0.05)),
        ("corr == +1.", Compare(Term("corr"), "==", 1.0)),
        ("health == broken", Compare(Term("health"), "==", "broken")),
        ("health != healthy", Compare(Term("health"), "!=", "healthy")),
    ],
)
def test_conditions(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize("text", ["", "zscore", "zscore > ", "> 2", "zscore = 2", "abs(zscore > 2", "2 < zscore", "a > 1 and b > 2"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match="is not a condition: write it like"):
        parse_condition(text)


@pytest.mark.parametrize("text", ["zscore > two", "abs(health) == broken"])
def test_a_name_is_compared_for_equality_alone(text: str) -> None:
    with pytest.raises(ValueError, match="compares with a name"):
        parse_condition(text)


@given(st.builds(Condition, st.sampled_from(METRICS), st.sampled_from(["<", ">", "<=", ">=", "=="]), FINITE, st.booleans()))
def test_a_condition_is_read_from_what_it_prints(condition: Condition) -> None:
    again = parse_condition(str(condition))
    assert str(again) == str(condition)
    assert again.value == condition.value


@given(st.text())
def test_any_text_is_a_condition_or_not(text: str) -> None:
    with suppress(ValueError):
        assert parse_condition(text).metric in text
