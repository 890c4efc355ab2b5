"""What a text of the grammar says, and what is wrong with one that is not of it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.errors import WrongCondition
from quantd.conditions.model import All, Channel, Clause, Compare, Condition, Cross, Either, Term, clauses
from quantd.conditions.parse import DEEPEST, MOST_CLAUSES, located, parse_condition

Z, CORR = Term("zscore"), Term("corr")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("zscore > 2", Compare(Z, ">", 2.0)),
        ("abs(zscore)>=2.5", Compare(Term("zscore", absolute=True), ">=", 2.5)),
        ("  abs ( spread ) <  -1e-3 ", Compare(Term("spread", absolute=True), "<", -0.001)),
        ("adf_pvalue <= .05", Compare(Term("adf_pvalue"), "<=", 0.05)),
        ("corr == +1.", Compare(CORR, "==", 1.0)),
        ("health == broken", Compare(Term("health"), "==", "broken")),
        ("health != healthy", Compare(Term("health"), "!=", "healthy")),
        ("zscore crosses above 2", Cross(Z, "above", 2.0)),
        ("abs(zscore) crosses below .5", Cross(Term("zscore", absolute=True), "below", 0.5)),
        ("zscore inside -1..1", Channel(Z, "inside", -1.0, 1.0)),
        ("zscore outside 1...5", Channel(Z, "outside", 1.0, 0.5)),
        ("volume of y > 3", Compare(Term("volume", "y"), ">", 3.0)),
        ("price of X > 3", Compare(Term("price", "x"), ">", 3.0)),
        ("price of 1000pepeusdt > 3", Compare(Term("price", "1000PEPEUSDT"), ">", 3.0)),
        ("move(price, 5) > 3%", Compare(Term("price", bars=5), ">", 3.0)),
        ("abs(move(price of y, 5)) outside -1%..1", Channel(Term("price", "y", 5, absolute=True), "outside", -1.0, 1.0)),
        ("move(spread, 12) crosses below -2%", Cross(Term("spread", bars=12), "below", -2.0)),
        ("zscore > 1 and corr < 0.5", All((Compare(Z, ">", 1.0), Compare(CORR, "<", 0.5)))),
        ("zscore > 1 or corr < 0.5", Either((Compare(Z, ">", 1.0), Compare(CORR, "<", 0.5)))),
        ("((zscore > 1))", Compare(Z, ">", 1.0)),
    ],
)
def test_conditions(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


def test_and_binds_before_or() -> None:
    assert parse_condition("a > 1 or b > 2 and c > 3") == parse_condition("a > 1 or (b > 2 and c > 3)")
    assert parse_condition("(a > 1 or b > 2) and c > 3") != parse_condition("a > 1 or b > 2 and c > 3")


def test_parts_that_the_same_word_joins_are_equals() -> None:
    assert parse_condition("a > 1 or (b > 2 or (c > 3))") == parse_condition("a > 1 or b > 2 or c > 3")
    assert parse_condition("(a > 1 and b > 2) and c > 3") == parse_condition("a > 1 and b > 2 and c > 3")


@pytest.mark.parametrize(
    ("text", "begin", "message", "suggestion"),
    [
        ("", 0, "expected a condition, like `abs", None),
        ("zscore", 6, "expected >, <, >=, <=, ==, !=, crosses, inside or outside, found the end", None),
        ("zscore > ", 9, "expected a number after `>`, found the end", None),
        ("> 2", 0, "expected a metric, found '>'", None),
        ("abs(zscore > 2", 11, "found '>', expected ) for the parenthesis after abs", None),
        ("2 < zscore", 0, "the metric stands first: write it like `zscore > 2`", None),
        ("zscore > 1 > 0", 11, "a clause compares once", None),
        ("zscore within 1..2", 7, "expected >,", "inside"),
        ("zscore cross above 2", 7, "expected >,", "crosses"),
        ("zscore crosses up 2", 15, "expected above or below after `crosses`, found 'up'", "above"),
        ("zscore > two", 9, "expected a number after `>`, found 'two'; a word is compared by == or !=", None),
        ("abs(health) == broken", 15, "abs(health) is a number", None),
        ("move(price, 3) != broken", 18, "move(price, 3) is a number", None),
        ("zscore > 1 AND corr < 2", 11, "expected `and`, `or` or the end, found 'AND'", "and"),
        ("zscore > 1)", 10, "no parenthesis is open here", None),
        ("(zscore > 1", 11, "found the end, expected ) for the parenthesis at column 1", None),
        ("not zscore > 2", 0, "there is no `not`", None),
        ("not(zscore > 2)", 0, "there is no `not`", None),
        ("absolute(zscore) > 2", 0, "there is no function 'absolute'", None),
        ("ab(zscore) > 2", 0, "there is no function 'ab'", "abs"),
        ("abs(abs(zscore)) > 2", 4, "write `abs` once", None),
        ("move(abs(zscore), 3) > 2", 5, "is written `abs(move(...))`", None),
        ("move(move(price, 2), 3) > 2", 5, "a move of a move is not known", None),
        ("move(price, 0) > 2", 12, "expected a number of bars from 1 to 10,000, found '0'", None),
        ("move(price, 1.5) > 2", 12, "expected a number of bars", None),
        ("move(price) > 2", 10, "expected , and a number of bars, as in", None),
        ("zscore > 3%", 10, "only a move is a percentage", None),
        ("zscore > 1e999", 9, "1e999 is too large", None),
        ("zscore inside 1,2", 15, "found ',', expected .. between the ends", None),
        ("abs(volume) of y > 3", 12, "`of` stands within the parentheses", None),
        ("volume of > 3", 10, "expected y, x or a symbol after `of`, found '>'", None),
        ("zscore > 2 and", 14, "expected a metric, found the end", None),
        ("and > 2", 0, "expected a metric, found 'and'", None),
    ],
)
def test_what_is_no_condition(text: str, begin: int, message: str, suggestion: str | None) -> None:
    with pytest.raises(WrongCondition) as caught:
        parse_condition(text)
    error = caught.value
    assert (error.begin, error.suggestion) == (begin, suggestion)
    assert message in error.message


def test_the_places_of_words() -> None:
    text = "abs(zscore) > 2.5 or volume of y crosses above 3 and move(x, 2) inside -1%..1%"
    found = [
        [text[span.begin : span.end] if span else "" for span in (each.clause, each.metric, each.of, each.relation, each.value)]
        for each in located(text).places
    ]
    assert found == [
        ["abs(zscore) > 2.5", "zscore", "", ">", "2.5"],
        ["volume of y crosses above 3", "volume", "y", "crosses", "3"],
        ["move(x, 2) inside -1%..1%", "x", "", "inside", "-1%..1%"],
    ]


def test_deep_and_long_conditions_are_refused_before_they_are_read() -> None:
    assert parse_condition("(" * DEEPEST + "z > 1" + ")" * DEEPEST)
    with pytest.raises(WrongCondition, match="more than 20 parentheses"):
        parse_condition("(" * 1_500)
    assert len(list(clauses(parse_condition(" or ".join(["z > 1"] * MOST_CLAUSES))))) == MOST_CLAUSES
    with pytest.raises(WrongCondition, match="more than 50 clauses"):
        parse_condition(" or ".join(["z > 1"] * (MOST_CLAUSES + 1)))


METRICS = st.sampled_from(["zscore", "price", "half_life", "b3ta"])
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TERMS = st.builds(Term, METRICS, st.sampled_from(["", "y", "x", "BTCUSDT", "1000PEPEUSDT"]), st.integers(0, 9), st.booleans())
NAMES = st.builds(Term, METRICS, st.sampled_from(["", "y"]))
CLAUSES: st.SearchStrategy[Clause] = st.one_of(
    st.builds(Compare, TERMS, st.sampled_from([">", "<", ">=", "<=", "==", "!="]), FINITE),
    st.builds(Compare, NAMES, st.sampled_from(["==", "!="]), st.sampled_from(["broken", "healthy"])),
    st.builds(Cross, TERMS, st.sampled_from(["above", "below"]), FINITE),
    st.builds(Channel, TERMS, st.sampled_from(["inside", "outside"]), FINITE, FINITE),
)


def _joined(kind: type[All] | type[Either], parts: list[Condition]) -> Condition:
    return kind(tuple(each for part in parts for each in (part.parts if isinstance(part, kind) else (part,))))


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    CLAUSES,
    lambda parts: st.builds(_joined, st.sampled_from([All, Either]), st.lists(parts, min_size=2, max_size=3)),
    max_leaves=8,
)


@given(CONDITIONS)
def test_a_condition_is_read_from_what_it_prints(condition: Condition) -> None:
    assert parse_condition(str(condition)) == condition


WORDS = ["zscore", ">", "<", "==", "2", "-1", "%", "and", "or", "(", ")", "of", "y", ",", "abs", "move", "..", "crosses", "above", "inside"]


@given(st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_a_condition_or_not(text: str) -> None:
    with suppress(WrongCondition):
        assert parse_condition(str(parse_condition(text))) == parse_condition(text)
