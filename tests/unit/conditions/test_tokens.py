"""The words of a condition, and their places."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.errors import WrongCondition
from quantd.conditions.tokens import LONGEST, Token, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zscore>-2.5", ["zscore", ">", "-2.5", ""]),
        ("z inside -1..1", ["z", "inside", "-1", "..", "1", ""]),
        ("z inside 1...5", ["z", "inside", "1", "..", ".5", ""]),
        ("1.e3 2. .5e-2 1000PEPEUSDT 5m", ["1.e3", "2.", ".5e-2", "1000PEPEUSDT", "5m", ""]),
        ("volume of 币安人生USDT >= 3 %", ["volume", "of", "币安人生USDT", ">=", "3", "%", ""]),
        (" \t\n", [""]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert [token.text for token in tokens(text)] == expected


@pytest.mark.parametrize(
    ("text", "begin", "suggestion"),
    [
        ("z = 2", 2, "=="),
        ("z =< 2", 2, "<="),
        ("z <> 2", 2, "!="),
        ("z ≥ 2", 2, ">="),
        ("z > 1 && y > 2", 6, "and"),
        ("z > 1 || y > 2", 6, "or"),
        ("z > - 2", 4, None),
        ("z > 2;", 5, None),
        ("z > \N{MINUS SIGN}2", 4, "-"),
        ("z > \N{EN DASH}2", 4, "-"),
        ("z\N{ZERO WIDTH SPACE} > 2", 1, None),
    ],
)
def test_what_has_no_meaning(text: str, begin: int, suggestion: str | None) -> None:
    with pytest.raises(WrongCondition) as caught:
        tokens(text)
    assert (caught.value.begin, caught.value.suggestion) == (begin, suggestion)


def test_a_long_text_is_refused() -> None:
    assert tokens(" " * LONGEST)
    with pytest.raises(WrongCondition, match="at most 2,000 characters"):
        tokens(" " * (LONGEST + 1))


@given(st.text())
def test_tokens_stand_where_they_say(text: str) -> None:
    found: list[Token] = []
    with suppress(WrongCondition):
        found = tokens(text)
    assert all(text[token.begin : token.end] == token.text for token in found)
    assert not found or "".join(token.text for token in found) == "".join(text.split())
