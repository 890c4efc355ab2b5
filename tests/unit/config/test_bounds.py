"""What is called never or always true is so, whatever the data; and what they can decide is not called so."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.model import Compare, Term
from quantd.conditions.parse import parse_condition
from quantd.config.bounds import (
    LEAST_PRICE,
    LIVE,
    Ends,
    between,
    close_ranges,
    demand_reachable,
    flaw,
    judged_coverage,
    largest_z,
    mistake,
    verdict,
    z_range,
)
from quantd.stats.zscore import ZScore, plain, weighted

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
FEW = st.integers(-3, 3).map(float)
"""Few numbers, so that thresholds meet the ends of ranges and values meet thresholds."""
OPERATORS = st.sampled_from(list(COMPARE))


def said(text: str, window: int = 10, prices: str = "raw", coverage: float = 0.0, **zscore: Any) -> str | None:
    ranges = close_ranges(z_range(ZScore(**zscore), window), prices)
    return mistake(parse_condition(text), {**ranges, "coverage": judged_coverage(coverage)})


@given(OPERATORS, FEW, FEW, FEW, st.lists(st.floats(0.0, 1.0)))
def test_no_value_of_the_range_contradicts_the_verdict(op: str, threshold: float, one: float, other: float, shares: list[float]) -> None:
    low, high = sorted((one, other))
    values = [low, high, *(low + share * (high - low) for share in shares)]
    expected = {"always": {True}, "never": {False}}
    found = verdict(op, threshold, (low, high))
    if found:
        assert {COMPARE[op](value, threshold) for value in values} == expected[found]


@given(OPERATORS, FEW, FEW, FEW)
def test_what_data_can_decide_is_left_to_them(op: str, threshold: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    if verdict(op, threshold, (low, high)) is None:
        between_them = [low, high, threshold, (low + high) / 2, (low + threshold) / 2, (high + threshold) / 2]
        assert {COMPARE[op](value, threshold) for value in between_them if low <= value <= high} == {True, False}


@given(OPERATORS, FEW, FEW, FEW, st.floats(0.0, 1.0))
def test_the_size_of_no_value_contradicts_what_is_said(op: str, threshold: float, one: float, other: float, share: float) -> None:
    low, high = sorted((one, other))
    condition = parse_condition(f"abs(m) {op} {threshold}")
    found = mistake(condition, {"m": between("m", low, high)})
    inside = [low, high, low + share * (high - low), *([0.0] if low <= 0.0 <= high else [])]
    outcomes = {COMPARE[op](abs(value), threshold) for value in inside}
    if found:
        assert outcomes == {" is always true" in found}


@pytest.mark.parametrize(
    ("op", "threshold", "ends", "expected"),
    [
        (">", 1.0, (-1.0, 1.0), "never"),
        (">=", 1.0, (-1.0, 1.0), None),
        ("<", -1.0, (-1.0, 1.0), "never"),
        ("<=", -1.0, (-1.0, 1.0), None),
        (">=", -1.0, (-1.0, 1.0), "always"),
        (">", -1.0, (-1.0, 1.0), None),
        ("==", 1.0, (-1.0, 1.0), None),
        ("==", 1.1, (-1.0, 1.0), "never"),
        ("!=", 1.1, (-1.0, 1.0), "always"),
        ("==", 2.0, (2.0, 2.0), "always"),
        ("!=", 2.0, (2.0, 2.0), "never"),
        ("<=", 0.0, (LEAST_PRICE, math.inf), "never"),
        (">", 0.0, (LEAST_PRICE, math.inf), "always"),
        ("<", 1e308, (-math.inf, math.inf), None),
    ],
)
def test_the_ends(op: str, threshold: float, ends: Ends, expected: str | None) -> None:
    assert verdict(op, threshold, ends) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("abs(zscore) > 2.84", "zscore >= 2.846", "zscore < -2.8", "corr >= 1", "corr < 1", "corr == -1", "abs(corr_returns) > 0.7"),
        *("y > 1", "beta > 1e300", "abs(spread) >= 1e-300", "spread_std > 0", "coverage < 1", "coverage >= 1", "spread_mean == 0"),
    ],
)
def test_what_stays_accepted(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abs(zscore) > 3", "is never true: over a window of 10 |zscore| is at most 2.85; take a longer window, a lower threshold, or "
         "`zscore: {against: before}`"),
        ("zscore < -3", "is never true: over a window of 10 |zscore| is at most 2.85"),
        ("zscore == 3", "is never true: over a window of 10"),
        ("abs(zscore) < 9", "is always true: over a window of 10 |zscore| is at most 2.85"),
        ("abs(zscore) > -1", "is always true: abs(zscore) is never below 0; take another threshold"),
        ("abs(spread) < 0", "is never true: abs(spread) is never below 0"),
        ("corr > 1.5", "is never true: corr is from -1 to 1"),
        ("corr < 1.5", "is always true: corr is from -1 to 1"),
        ("corr_returns > 1", "is never true: corr_returns is from -1 to 1"),
        ("corr != -2", "is always true: corr is from -1 to 1"),
        ("coverage > 2", "is never true: coverage is from 0 to 1"),
        ("coverage >= 0", "is always true: coverage is from 0 to 1"),
        ("y < 0", "is never true: y is above 0"),
        ("x > -1", "is always true: x is above 0"),
        ("spread_std < 0", "is never true: spread_std is never below 0"),
    ],
)  # fmt: skip
def test_what_is_a_mistake(text: str, expected: str) -> None:
    assert (said(text) or "").startswith(f"{parse_condition(text)} {expected}")


@pytest.mark.parametrize(
    ("text", "expected", "suggestion"),
    [
        ("zscore crosses above 3", "zscore crosses above 3 is never true: over a window of 10", None),
        ("corr crosses below -1", "corr crosses below -1 is never true: corr is from -1 to 1", None),
        ("corr crosses above -1.1", "corr crosses above -1.1 is never true: corr is from -1 to 1", None),
        ("corr inside 2..3", "corr inside 2..3 is never true: corr is from -1 to 1", None),
        ("corr inside -1..1", "corr inside -1..1 is always true: corr is from -1 to 1", None),
        ("corr outside -1..1", "corr outside -1..1 is never true: corr is from -1 to 1", None),
        ("corr outside 1.5..2", "corr outside 1.5..2 is always true: corr is from -1 to 1", None),
        ("abs(spread) inside -2..-1", "abs(spread) inside -2..-1 is never true: abs(spread) is never below 0", None),
        ("spread inside 2..1", "spread inside 2..1 is no channel: it goes from a lower number to a higher one", "1..2"),
        ("spread outside 1..1", "spread outside 1..1 is no channel", None),
        ("move(price of y, 5) < -101%", "move(price of y, 5) < -101 is never true: move(price of y, 5) is never below -100 %", None),
        ("move(corr, 5) > 1 and move(volume of x, 5) >= -100%", "move(volume of x, 5) >= -100 is always true", None),
        ("volume of y < 0", "volume of y < 0 is never true: volume is never below 0", None),
        ("zscore > 2 and zscore < 1", "zscore > 2 and zscore < 1 is never true: its parts exclude one another", None),
        ("abs(zscore) > 2 and zscore inside -1..1", "abs(zscore) > 2 and zscore inside -1..1 is never true", None),
        ("corr > 0.5 or corr < 0.6", "corr > 0.5 or corr < 0.6 is always true: one of its parts always holds", None),
        ("(zscore > 2 and zscore < 1) or corr < 0", "zscore > 2 and zscore < 1 is never true", None),
        ("mood == calm and mood == wild", "mood == calm and mood == wild is never true", None),
        ("mood != calm or mood != wild", "mood != calm or mood != wild is always true", None),
        ("mood == calm or mood == wild", "mood == calm or mood == wild is always true", None),
    ],
)
def test_what_is_a_mistake_in_the_whole_grammar(text: str, expected: str, suggestion: str | None) -> None:
    ranges = {**close_ranges(z_range(ZScore(), 10), "raw"), "coverage": judged_coverage(0.9)}
    found = flaw(parse_condition(text), ranges, {"mood": ("calm", "wild")})
    assert found
    assert found.message.startswith(expected)
    assert found.suggestion == suggestion


@pytest.mark.parametrize(
    "text",
    [
        *("zscore crosses above 2.8", "corr crosses above -1", "corr crosses below 1", "corr inside -1..0.5", "corr outside -0.99..1"),
        *("move(price of y, 5) <= -100%", "move(spread, 5) < -500%", "abs(move(y, 3)) > 1%", "spread outside -1..1"),
        *("zscore > 2 and zscore < 2.5", "corr > 0.5 or corr < 0.5", "zscore > 2 or zscore < -2", "zscore > 1 and abs(zscore) < 2"),
        *("zscore crosses above 1 or zscore <= 1", "price of y > 5 and price of x < 5", "move(y, 3) > 1 and move(y, 4) < 1", "lone == low"),
        *("mood == calm or corr < 0", "mood != calm and mood != wild and corr < 0 or y > 1", "unknown == a or unknown == b"),
    ],
)
def test_what_stays_accepted_in_the_whole_grammar(text: str) -> None:
    words = {"mood": ("calm", "wild", "flat"), "lone": ("low",)}
    assert flaw(parse_condition(text), close_ranges(z_range(ZScore(), 10), "raw"), words) is None


def test_no_value_is_compared_with_infinity() -> None:
    assert mistake(Compare(Term("beta"), ">", math.inf), {}) == "beta > inf compares with inf: give a finite number"


def test_logarithms_of_prices_have_no_bound() -> None:
    assert said("y < 0", prices="log") is None


def test_a_rule_on_coverage_below_its_own_coverage_is_silent() -> None:
    expected = "coverage < 0.5 is never true: a rule judges only where the coverage is 0.9 or more; give it `coverage: 0`"
    assert said("coverage < 0.5", coverage=0.9) == expected
    assert said("coverage < 0.95", coverage=0.9) is None
    assert said("coverage >= 1", coverage=1.0) is not None


@pytest.mark.parametrize("window", [3, 5, 10, 20, 500])
@pytest.mark.parametrize("zscore", [ZScore(), ZScore(method="ew"), ZScore(method="ew", halflife=2.0), ZScore(method="ew", halflife=1e5)])
def test_the_greatest_z_is_that_of_a_bar_beside_equal_ones(window: int, zscore: ZScore) -> None:
    values = np.zeros(window)
    values[-1] = 1.0
    assert largest_z(zscore, window) == pytest.approx(scored(values, zscore), rel=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40), st.sampled_from([None, 0.5, 3.0, 100.0]))
def test_no_z_lies_beyond_the_greatest(values: list[float], halflife: float | None) -> None:
    zscore = ZScore(method="ew", halflife=halflife) if halflife else ZScore()
    if np.ptp(values) > 1e-6:
        assert abs(scored(np.array(values), zscore)) <= z_range(zscore, len(values)).high.at


def scored(values: np.ndarray, zscore: ZScore) -> float:
    """z of the last value, by the means and deviations that the flow uses."""
    middle, std = (weighted(len(values), zscore.halflife or len(values) / 4) if zscore.method == "ew" else plain)(values - values.mean())
    return float(values[-1] - values.mean() - middle) / std


def test_the_window_of_the_zscore_counts() -> None:
    assert said("abs(zscore) > 3", window=10) is not None
    assert mistake(parse_condition("abs(zscore) > 3"), {"zscore": z_range(ZScore(window=20), 10)}) is None


@pytest.mark.parametrize(
    "zscore", [{"method": "robust"}, {"method": "innovation"}, {"against": "before"}, {"method": "rolling", "against": "before"}]
)
def test_scores_without_a_bound(zscore: dict[str, Any]) -> None:
    assert said("abs(zscore) > 1000", **zscore) is None


def test_two_closes_have_no_zscore() -> None:
    expected = "abs(zscore) > 0.1 is never true: over a window of 2 there is no zscore; take a longer window"
    assert said("abs(zscore) > 0.1", window=2) == expected
    assert said("zscore > 0.1", window=2, method="rolling") is None


def test_weights_that_leave_nothing_to_the_other_bars_promise_nothing() -> None:
    assert largest_z(ZScore(method="ew", halflife=0.01), 10) == math.inf


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        *(("corr > 1.5", True), ("corr > 0.9", False), ("price < 0", True), ("price > -1", True), ("price > 1", False)),
        *(("zscore > 50", False), ("spread < -1e9", False)),
    ],
)
def test_rules_on_nowcasts(text: str, wrong: bool) -> None:
    assert (mistake(parse_condition(text), LIVE) is not None) == wrong


def test_a_backtest_reaches_its_thresholds() -> None:
    ten = z_range(ZScore(), 10)
    demand_reachable(2.0, None, ten, before="--against before")
    demand_reachable(2.0, 2.84, ten, before="--against before")
    with pytest.raises(
        ValueError,
        match=r"^entry: no z-score reaches 3: over a window of 10 \|zscore\| is at most 2\.85; take .*, or --against before$",
    ):
        demand_reachable(3.0, 4.0, ten, before="--against before")
    with pytest.raises(ValueError, match=r"^stop: no z-score reaches 4: .*, or against=before$"):
        demand_reachable(2.0, 4.0, ten, before="against=before")
    demand_reachable(2.0, 4.0, ten, before="against=before", hold=True)
    demand_reachable(50.0, 90.0, z_range(ZScore(against="before"), 10), before="against=before")
