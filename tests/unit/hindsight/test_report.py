"""The report says of a series with known crossings when the rule would have fired, for how long, and how far it went."""

import math

from quantd.hindsight.report import report
from quantd.timeframes import MINUTE
from tests.unit.hindsight.courses import PAIR, end_of, points, rule

CALM = [0.6] * 20


def test_each_crossing_is_one_firing_with_its_times_extreme_and_times_to_revert() -> None:
    #            20   21   22   23   24   25   26   27
    stretched = [2.5, 3.5, 2.2, 1.0, 0.7, 0.4, 0.1, -0.2]
    made = report(rule(), points([*CALM, *stretched, *CALM, -2.1, -2.05, -1.0, -0.9]))
    first, second = made.firings
    assert (first.since, first.fired, first.ended, first.end) == (end_of(20), end_of(20), end_of(23), "resolved")
    assert (first.lasted, first.value, first.extreme) == (3 * MINUTE, 2.5, 3.5)
    assert (first.half, first.mean) == (5 * MINUTE, 7 * MINUTE)
    assert (second.fired, second.ended, second.extreme) == (end_of(48), end_of(50), -2.1)
    assert (second.half, second.mean) == (None, None), "it has not come back within the data"
    assert (made.of, made.when, made.bars, made.unknown) == (PAIR, "abs(zscore) > 2", 52, 0)
    assert made.share == (3 + 2) / 52
    assert (made.flaps, made.until, made.for_) == (0, None, None), "nothing flaps: nothing is to be made calmer"


def test_a_sine_fires_twice_a_period() -> None:
    period, periods = 240, 6
    made = report(rule(), points([3 * math.sin(2 * math.pi * at / period) for at in range(period * periods)]))
    assert len(made.firings) == 2 * periods
    above = sum(abs(3 * math.sin(2 * math.pi * at / period)) > 2 for at in range(period * periods))
    assert made.share == above / (period * periods)
    assert all(abs(abs(float(each.extreme)) - 3) < 0.01 for each in made.firings)
    assert [math.copysign(1, float(each.extreme)) for each in made.firings] == [1, -1] * periods
    quarter = period // 4
    halves = {each.half for each in made.firings}
    assert len(halves) == 1
    assert quarter * MINUTE < (halves.pop() or 0) < 2 * quarter * MINUTE


def test_missing_values_and_data_begin_and_end_nothing() -> None:
    made = report(rule(), points([0.0, 2.5, None, None, 2.6, 0.0]))
    (one,) = made.firings
    assert (one.fired, one.ended, made.unknown) == (end_of(1), end_of(5), 2)
    assert report(rule(), points([0.0, 2.5, 0.0], coverage=0.5)).firings == ()


def test_a_firing_that_lasts_is_open_and_counts_to_the_end_of_the_data() -> None:
    (one,) = report(rule(), points([0.0, 2.5, 2.6])).firings
    assert (one.end, one.ended, one.lasted) == ("open", None, MINUTE)


def test_of_a_rule_on_another_metric_no_time_to_revert_is_told() -> None:
    (one,) = report(rule("coverage < 0.8", coverage=0.0), points([0.0, 1.0], coverage=0.7)).firings
    assert (one.extreme, one.half, one.mean) == (0.7, None, None)


def test_the_report_says_what_it_cannot_know() -> None:
    rows = points([0.0] * 10)
    made = report(rule(on="tick"), [*rows[:4], *rows[7:]])
    assert made.notes[0].startswith("judged at the close of each bar")
    assert made.notes[1] == "3 bars are not recorded"
