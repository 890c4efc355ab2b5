"""Scenario files: what they may say, and what is said about the bad ones."""

from decimal import Decimal

import pytest

from quantd.simulator.scenario import BUILT_IN, ScenarioError, load, parse
from quantd.simulator.wire import Scale

GOOD = "level: 1, tick: 1e-8, step: 1, rate: 1"


@pytest.mark.parametrize("name", [path.stem for path in BUILT_IN.glob("*.yaml")])
def test_the_built_in_ones_load(name: str) -> None:
    assert load(name).symbols


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("symbols: {}", "length >= 1"),
        ("symbols: {X: {level: 1}}", "tick"),
        (f"symbols: {{X: {{{GOOD}, colour: red}}}}", "colour"),
        (f"symbols: {{X: {{{GOOD.replace('rate: 1', 'rate: -1')}}}}}", "rate"),
        (f"symbols: {{X: {{{GOOD.replace('1e-8', '0')}}}}}", "tick and step"),
        (f"symbols: {{x: {{{GOOD}}}}}", "upper case"),
        (f"symbols: {{X: {{{GOOD}, follow: {{leader: Y, beta: 1, ou_sd: 1, ou_halflife_s: 900}}}}}}", "no symbol 'Y'"),
        (f"symbols: {{X: {{{GOOD}, follow: {{leader: X, beta: 1, ou_sd: 1, ou_halflife_s: 900}}}}}}", "follows another"),
        (f"symbols: {{X: {{{GOOD}}}}}\nlimits: {{max_streams: 0}}", "max_streams"),
        ("symbols: [", "line 1"),
        ("7", "object"),
    ],
)
def test_mistakes_are_named(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        parse(text)


def test_faster_multiplies_the_rates() -> None:
    assert load("demo").faster(10).symbols["BTCUSDT"].rate == 140


@pytest.mark.parametrize(
    ("unit", "n", "text"), [("1e-8", 3120, "0.00003120"), ("5", 20001, "100005"), ("0.1", 901234, "90123.4"), ("0.05", 1, "0.05")]
)
def test_decimal_texts(unit: str, n: int, text: str) -> None:
    assert Scale(Decimal(unit)).text(n) == text
