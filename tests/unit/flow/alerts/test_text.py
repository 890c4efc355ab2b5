"""The text of an alert."""

import msgspec
import pytest

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.moment import Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.text import legs, text, three_digits


def rule(when: str, on: str = "BTCUSDT-ETHUSDT") -> AlertRule:
    return AlertRule("rule", Rule(name="rule", when=parse_condition(when)), on, "wide")


def at(zscore: float | None, beta: float | None) -> Moment:
    return Moment(1, 1, zscore=zscore, beta=beta)


@pytest.mark.parametrize(
    ("moment", "trade"),
    [
        (at(2.1, 25.31), "sell BTCUSDT, buy 25.3 ETHUSDT"),
        (at(-2.1, 25.31), "buy BTCUSDT, sell 25.3 ETHUSDT"),
        (at(2.1, -0.5), "sell BTCUSDT, sell 0.5 ETHUSDT"),
        (at(-2.1, -0.5), "buy BTCUSDT, buy 0.5 ETHUSDT"),
        (at(2.1, None), "sell BTCUSDT, buy ETHUSDT"),
        (at(2.1, 0.0), "sell BTCUSDT"),
        (at(0.0, 25.31), ""),
        (at(None, 25.31), ""),
    ],
)
def test_which_leg_is_dear(moment: Moment, trade: str) -> None:
    """The spread y - beta x is high if y is dear: then y is sold, and beta x are bought."""
    assert legs("BTCUSDT-ETHUSDT", moment) == trade


@pytest.mark.parametrize(
    ("moment", "trade"),
    [
        (at(2.1, 0.87), "sell BTCUSDT, buy ETHUSDT for 0.87 times its worth"),
        (at(-2.1, 0.87), "buy BTCUSDT, sell ETHUSDT for 0.87 times its worth"),
    ],
)
def test_a_beta_of_logarithms_is_a_ratio_of_worths(moment: Moment, trade: str) -> None:
    assert legs("BTCUSDT-ETHUSDT", moment, log=True) == trade
    assert text(msgspec.structs.replace(rule("zscore > 2"), log=True), moment) == f"wide: {trade}"


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("abs(zscore) > 2", "wide: sell BTCUSDT, buy 25.3 ETHUSDT"),
        ("corr > 0.5 and zscore > 2", "wide: sell BTCUSDT, buy 25.3 ETHUSDT"),
        ("corr < 0.5", "wide"),
        ("move(zscore, 3) > 10%", "wide"),
    ],
)
def test_only_a_rule_on_a_z_score_says_so(when: str, told: str) -> None:
    assert text(rule(when), at(2.1, 25.31)) == told


def test_a_resolution_says_what_the_rule_is_and_the_reason_if_there_is_one() -> None:
    assert text(rule("zscore > 2")) == "wide"
    assert text(rule("zscore > 2"), reason="no data for 5m") == "wide (no data for 5m)"
    assert text(rule("zscore > 2"), at(2.1, 2.0), "no data for 5m") == "wide: sell BTCUSDT, buy 2 ETHUSDT (no data for 5m)"


def test_a_symbol_has_no_legs() -> None:
    assert legs("BTCUSDT", at(2.1, 25.31)) == ""


@pytest.mark.parametrize(
    ("value", "written"),
    [(25.31, "25.3"), (99.96, "100"), (123456.7, "123457"), (0.5, "0.5"), (1e-9, "0.000000001"), (1.23456e-6, "0.00000123"), (2.0, "2")],
)
def test_three_digits(value: float, written: str) -> None:
    assert three_digits(value) == written
