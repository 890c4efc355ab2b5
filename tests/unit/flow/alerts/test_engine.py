"""A rule tells each change of its state once."""

import msgspec
import pytest

from quantd.config.rules import Rule, parse_condition
from quantd.flow.alerts.engine import AlertEngine
from quantd.model import PairPoint
from quantd.testing import fakes

PAIR = "Y-X"


def engine(when: str, every: str = "1m") -> AlertEngine:
    made = AlertEngine()
    made.add(Rule("stretched", parse_condition(when), every, ("log", "mail")), PAIR)
    return made


def points(*zscores: float | None, revision: int = 0) -> list[PairPoint]:
    rows = fakes.points(len(zscores), pair=PAIR)
    return [msgspec.structs.replace(row, zscore=z, revision=revision) for row, z in zip(rows, zscores, strict=True)]


def states(judge: AlertEngine, rows: list[PairPoint]) -> list[tuple[str, float]]:
    return [(alert.state, alert.value) for alert, _ in judge.judge(rows)]


def test_it_fires_once_a_crossing_and_resolves_once() -> None:
    rule = engine("abs(zscore) > 2")
    rows = points(1.0, 2.0, 2.1, 3.0, -2.5, 2.0, 1.0, -4.0)
    assert states(rule, rows) == [("firing", 2.1), ("resolved", 2.0), ("firing", 4.0)]


def test_no_value_changes_nothing() -> None:
    rule = engine("zscore > 2")
    assert states(rule, points(None, 3.0, None, 3.0, None)) == [("firing", 3.0)]
    assert states(rule, points(None, 1.0)) == [("resolved", 1.0)]


def test_a_re_issued_point_is_not_judged() -> None:
    assert states(engine("zscore > 2"), points(5.0, revision=1)) == []


def test_both_ends_of_a_firing_bear_its_id_and_go_to_the_rule_s_sinks() -> None:
    rows = points(3.0, 1.0)
    (fired, sinks), (resolved, _) = engine("zscore > 2").judge(rows)
    assert sinks == ("log", "mail")
    assert (fired.id, fired.since, fired.ts, fired.threshold) == (resolved.id, rows[0].ts, rows[0].ts, 2.0)
    assert (resolved.since, resolved.ts) == (rows[0].ts, rows[1].ts)


def test_other_pairs_and_timeframes_are_left_alone() -> None:
    assert states(engine("zscore > 2", every="5m"), points(9.0)) == []
    assert states(engine("zscore > 2"), [msgspec.structs.replace(row, pair="A-B") for row in points(9.0)]) == []


@pytest.mark.parametrize("when", ["beta == 2", "adf_stat < -2.5", "spread > 0", "coverage >= 1"])
def test_a_condition_speaks_of_any_number_of_a_point(when: str) -> None:
    (row,) = fakes.points(6, pair=PAIR)[5:]
    (change,) = engine(when).judge([row])
    assert change[0].state == "firing"


def test_a_rule_of_the_same_name_takes_the_place_of_the_earlier() -> None:
    rule = engine("zscore > 2")
    rule.add(Rule("stretched", parse_condition("zscore > 8"), "1m"), PAIR)
    assert states(rule, points(3.0, 9.0)) == [("firing", 9.0)]


@pytest.mark.parametrize(("coverage", "judged"), [(0.9, [False, False, True]), (0.0, [True, True, True])])
def test_numbers_over_incomplete_data_are_held_back(coverage: float, judged: list[bool]) -> None:
    made = AlertEngine()
    made.add(Rule("stretched", parse_condition("zscore > 2"), "1m", (), coverage), PAIR)
    (point,) = points(5.0)
    for odd, told in zip(({"quality": "gap"}, {"coverage": 0.89}, {"coverage": 0.9}), judged, strict=True):
        made.add(Rule("stretched", parse_condition("zscore > 2"), "1m", (), coverage), PAIR)
        assert bool(states(made, [msgspec.structs.replace(point, **odd)])) == told


def test_a_state_is_told_whatever_the_data_are_like() -> None:
    (point,) = points(None)
    broken = msgspec.structs.replace(point, quality="gap", coverage=0.1, metrics={"health": "broken"})
    assert states(engine("health == broken"), [broken]) == [("firing", "broken")]
