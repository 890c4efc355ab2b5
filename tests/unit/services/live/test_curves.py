"""The curve is that of what the first clause looks at."""

import numpy as np
import pytest

from quantd.conditions.model import clauses
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.rule import AlertRule
from quantd.history.history import History
from quantd.services.live.curves import BEFORE, curve, levels
from quantd.testing.fakes import START, bars, points
from quantd.timeframes import MINUTE
from quantd.times import FOR_EVER

PAIR = "BTCUSDT-ETHUSDT"


def rule(when: str, on: str = PAIR) -> AlertRule:
    return AlertRule("r", Rule(name="r", when=parse_condition(when), every="1m"), on, "")


def past() -> History:
    history = History(None)
    history.put_points(points(300))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        history.put_bars(bars(300, symbol=symbol))
    return history


def test_it_has_the_last_values_before_the_firing() -> None:
    found = curve(rule("corr < 0"), past(), START + 300 * MINUTE, FOR_EVER)
    assert (len(found.ts), found.ts[-1], found.metric) == (BEFORE, START + 300 * MINUTE, "corr")
    assert set(found.values) == {0.9}


def test_a_value_that_is_missing_is_none() -> None:
    found = curve(rule("zscore > 2"), past(), START + 10 * MINUTE, START + 10 * MINUTE)
    assert found.values[:5] == [None] * 5
    assert None not in found.values[5:]


def test_the_result_of_a_job_is_found_by_its_name() -> None:
    assert curve(rule("adf_stat < 0"), past(), START, FOR_EVER).values[-1] == -3.0


def test_a_symbol_s_rule_and_a_leg_s_term_have_bars() -> None:
    history = past()
    closes = [bar.close for bar in history.bars("ETHUSDT", "1m", 0, FOR_EVER)]
    assert curve(rule("close of x > 1"), history, FOR_EVER, FOR_EVER).values == closes[-BEFORE:]
    assert curve(rule("price > 1", "ETHUSDT"), history, FOR_EVER, FOR_EVER).values == closes[-BEFORE:]
    moved = curve(rule("move(close, 2) > 1", "ETHUSDT"), history, FOR_EVER, FOR_EVER)
    assert np.allclose(moved.values[-1], 100 * (closes[-1] / closes[-3] - 1))
    assert moved.metric == "move(close, 2)"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("abs(zscore) > 2", [-2.0, 2.0]),
        ("zscore outside -1..3", [-1.0, 3.0]),
        ("zscore crosses above 2 or zscore < -1 or corr < 0.5", [-1.0, 2.0]),
        ("health == broken", []),
    ],
)
def test_the_thresholds_are_those_of_its_term(when: str, expected: list[float]) -> None:
    condition = parse_condition(when)
    assert levels(condition, next(clauses(condition)).term) == expected
