"""How a mistake in a condition is shown."""

import pytest

from quantd.conditions.errors import WrongCondition, pointed
from quantd.conditions.parse import parse_condition


def test_carets_stand_below_the_wrong_word() -> None:
    text = "zscore > 2 AND corr < 0.5"
    with pytest.raises(WrongCondition) as caught:
        parse_condition(text)
    assert pointed(text, caught.value).splitlines() == [
        "zscore > 2 AND corr < 0.5",
        "           ^^^ expected `and`, `or` or the end, found 'AND' (did you mean 'and'?)",
    ]


def test_the_text_of_a_mistake_tells_the_column() -> None:
    assert str(WrongCondition("expected a number", 9, 12)) == "column 10: expected a number"
