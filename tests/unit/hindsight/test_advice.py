"""The suggested keys make a flapping rule calmer, and a calm one is left alone."""

from quantd.hindsight.report import report
from quantd.timeframes import MINUTE
from tests.unit.hindsight.courses import points, rule

JITTER = [0.5] * 10 + [2.1, 1.9, 2.2, 1.85, 2.3, 1.7, 2.1] + [0.5] * 10


def test_the_nearest_level_that_ends_the_flaps_is_suggested() -> None:
    made = report(rule(), points(JITTER))
    assert (len(made.firings), made.flaps) == (4, 3)
    assert made.until is not None
    assert (made.until.text, made.until.firings, made.until.flaps, made.until.delay) == ("abs(zscore) < 1.6", 1, 0, 0)
    assert made.until.share == 7 / 27


def test_a_level_that_would_fire_for_more_than_twice_as_long_is_not_suggested() -> None:
    made = report(rule(), points([0.5] * 10 + [2.1, 0.3] * 5 + [0.5] * 10))
    assert made.flaps == 4
    assert made.until is None


def test_below_a_level_the_suggestion_lies_above_it_towards_the_usual_value() -> None:
    made = report(rule("corr < 0.95"), points([0.0] * 4))
    assert made.until is None, "it does not flap"
    falling = rule("zscore < -2")
    made = report(falling, points([-value for value in JITTER]))
    assert made.until is not None
    assert made.until.text == "zscore > -1.6"


def test_the_shortest_delay_that_halves_the_flaps_is_suggested() -> None:
    long = [2.5] * 10
    made = report(rule(), points(JITTER + long + [0.5] * 3))
    assert made.for_ is not None
    assert (made.for_.text, made.for_.firings, made.for_.flaps) == ("1m", 1, 0)
    assert made.for_.delay > 10 * MINUTE, "the first firing that is left is a later one"


def test_a_rule_that_has_the_keys_keeps_them() -> None:
    made = report(rule(for_=MINUTE), points(JITTER))
    assert made.for_ is None
