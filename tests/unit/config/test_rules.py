"""The keys of alert rules."""

import pytest

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Times, WatchedRule, as_times

WHEN = parse_condition("zscore > 2")


def test_a_rule_watches_a_pair_or_a_symbol() -> None:
    pair = WatchedRule(name="a", when=WHEN, of="BTCUSDT-ETHUSDT", window=90)
    assert (pair.pair, pair.symbol) == ("BTCUSDT-ETHUSDT", "")
    symbol = WatchedRule(name="a", when=WHEN, of="BTCUSDT")
    assert (symbol.pair, symbol.symbol) == ("", "BTCUSDT")
    with pytest.raises(ValueError, match=r"^window: a symbol has none"):
        WatchedRule(name="a", when=WHEN, of="BTCUSDT", window=90)


def test_times() -> None:
    assert as_times("3 of 5") == Times(3, 5)
    assert str(as_times(" 1  of 60 ")) == "1 of 60"


@pytest.mark.parametrize("text", ["", "3", "5 of 3", "0 of 3", "3 of 61", "3 / 5", "three of five", "3of5"])
def test_what_is_no_number_of_times(text: str) -> None:
    with pytest.raises(ValueError, match="write it like `3 of 5`"):
        as_times(text)
