"""A rule tells each change of its state once."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.clock import Clock, EventClock
from quantd.columns.points import PointColumns
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
from quantd.model import Hedge, PairPoint
from quantd.rule_state import RuleState
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, MINUTE

PAIR = "Y-X"


def engine(when: str, every: str = "1m", clock: Clock | None = None) -> AlertEngine:
    made = AlertEngine(clock)
    made.add(Rule(name="stretched", when=parse_condition(when), every=every, send=("log", "mail")), PAIR)
    return made


def points(*zscores: float | None, revision: int = 0, after: int = 0) -> list[PairPoint]:
    """Return points with these z-scores, the first at the bar `after` that of the start."""
    rows = fakes.points(len(zscores), pair=PAIR, start=START + after * MINUTE)
    return [msgspec.structs.replace(row, zscore=z, revision=revision) for row, z in zip(rows, zscores, strict=True)]


def states(judge: AlertEngine, rows: list[PairPoint]) -> list[tuple[str, float | str]]:
    return [(alert.state, alert.value) for alert, _ in judge.judge(rows)]


def test_it_fires_once_a_crossing_and_resolves_once() -> None:
    rule = engine("abs(zscore) > 2")
    rows = points(1.0, 2.0, 2.1, 3.0, -2.5, 2.0, 1.0, -4.0)
    assert states(rule, rows) == [("firing", 2.1), ("resolved", 2.0), ("firing", 4.0)]


def test_no_value_changes_nothing() -> None:
    rule = engine("zscore > 2")
    assert states(rule, points(None, 3.0, None, 3.0, None)) == [("firing", 3.0)]
    assert states(rule, points(None, 1.0, after=5)) == [("resolved", 1.0)]


def test_a_re_issued_point_is_not_judged() -> None:
    assert states(engine("zscore > 2"), points(5.0, revision=1)) == []


def test_both_ends_of_a_firing_bear_its_id_and_go_to_the_rule_s_sinks() -> None:
    rows = points(3.0, 1.0)
    (fired, rule), (resolved, _) = engine("zscore > 2").judge(rows)
    assert rule.rule.send == ("log", "mail")
    first, second = (row.ts + MINUTE for row in rows)
    assert (fired.id, fired.since, fired.ts, fired.threshold) == (resolved.id, first, first, 2.0)
    assert (resolved.since, resolved.ts) == (first, second)


@pytest.mark.parametrize(("every", "opens", "ends"), [("1m", START, START + MINUTE), ("14h", START + 14 * HOUR, START + DAY)])
def test_an_alert_of_a_bar_fires_at_its_end_and_names_its_opening(every: str, opens: int, ends: int) -> None:
    (row,) = points(3.0)
    ((fired, _),) = engine("zscore > 2", every).judge([msgspec.structs.replace(row, every=every, ts=opens)])
    assert (fired.bar, fired.since, fired.ts, fired.id) == (opens, ends, ends, f"Y-X/stretched@{ends}")


@pytest.mark.parametrize("late", [False, True])
def test_what_is_judged_long_after_its_bar_fires_then(late: bool) -> None:
    clock = EventClock(START + HOUR)
    rule = engine("adf_stat < -2", clock=clock)
    rows = fakes.points(8, pair=PAIR)[6:]
    ((fired, _),) = rule.judge_late(rows, {"adf_stat"}) if late else rule.judge(rows)
    assert (fired.bar, fired.since, fired.ts) == (rows[0].ts, rows[0].ts + MINUTE, START + HOUR)


def test_no_alert_fires_before_its_bar_has_ended() -> None:
    """The exchange's clock may be ahead of the daemon's."""
    ((fired, _),) = engine("zscore > 2", clock=EventClock(START)).judge(points(3.0))
    assert fired.ts == START + MINUTE


def between_closes(when: str) -> AlertEngine:
    made = AlertEngine(EventClock(START + HOUR))
    made.put(AlertRule("rule", Rule(name="rule", when=parse_condition(when), every="1m", on="tick"), PAIR, "text"))
    return made


def test_what_is_judged_between_closes_is_of_a_trade_and_of_no_bar() -> None:
    (row,) = points(3.0)
    ((fired, _),) = between_closes("zscore > 2").judge_now([msgspec.structs.replace(row, ts=START + 7, provisional=True)])
    assert (fired.bar, fired.since, fired.ts) == (None, START + 7, START + 7)


def test_firings_of_one_millisecond_have_ids_of_their_own() -> None:
    rule = between_closes("price > 2")
    ticks = [
        msgspec.structs.replace(tick, ts=START, price=price) for tick, price in zip(fakes.ticks(5), (3.0, 1.0, 3.0, 1.0, 3.0), strict=True)
    ]
    ticks += [msgspec.structs.replace(tick, ts=START + 1) for tick in ticks[1:3]]
    told = [alert.id for alert, _ in rule.judge_prices(PAIR, ticks)]
    first, again, third, later = f"rule@{START}", f"rule@{START}.2", f"rule@{START}.3", f"rule@{START + 1}"
    assert told == [first, first, again, again, third, third, later]


def test_a_rule_whose_state_is_restored_does_not_fire_again_and_keeps_the_id_of_its_firing() -> None:
    rule = engine("zscore > 2")
    known = RuleState("firing", 5, firing="Y-X/stretched@5.2", times=2, triggered_at=5, trigger_count=7)
    rule.states.restore({"Y-X/stretched": known}, ["Y-X/stretched"])
    ((resolved, _),) = rule.judge(points(3.0, 1.0))
    assert (resolved.state, resolved.id, resolved.since) == ("resolved", "Y-X/stretched@5.2", 5)
    rule.judge(points(3.0, after=2))
    assert rule.states.of("Y-X/stretched").trigger_count == 8


def test_a_rule_that_is_removed_leaves_nothing_and_begins_afresh() -> None:
    rule = engine("zscore > 2")
    assert states(rule, points(3.0)) == [("firing", 3.0)]
    rule.remove("Y-X/stretched")
    assert (rule.rules, rule._places._at, rule.states.of("Y-X/stretched")) == ([], {}, RuleState())
    rule.add(Rule(name="stretched", when=parse_condition("zscore > 2"), every="1m"), PAIR)
    assert states(rule, points(3.0)) == [("firing", 3.0)]
    assert rule.states.of("Y-X/stretched").trigger_count == 1


def test_other_pairs_and_timeframes_are_left_alone() -> None:
    assert states(engine("zscore > 2", every="5m"), points(9.0)) == []
    assert states(engine("zscore > 2"), [msgspec.structs.replace(row, pair="A-B") for row in points(9.0)]) == []


def test_a_metric_of_a_job_is_never_taken_for_the_pair_s_own() -> None:
    rows = [msgspec.structs.replace(row, metrics={"zscore": 0.0}) for row in points(3.0)]
    assert states(engine("zscore > 2"), rows) == [("firing", 3.0)]


@pytest.mark.parametrize("when", ["beta == 2", "adf_stat < -2.5", "spread > 0", "coverage >= 1"])
def test_a_condition_speaks_of_any_number_of_a_point(when: str) -> None:
    (row,) = fakes.points(6, pair=PAIR)[5:]
    (change,) = engine(when).judge([row])
    assert change[0].state == "firing"


def test_a_rule_of_the_same_name_takes_the_place_of_the_earlier() -> None:
    rule = engine("zscore > 2")
    rule.add(Rule(name="stretched", when=parse_condition("zscore > 8"), every="1m"), PAIR)
    assert states(rule, points(3.0, 9.0)) == [("firing", 9.0)]


@pytest.mark.parametrize(("coverage", "judged"), [(0.9, [False, False, True]), (0.0, [True, True, True])])
def test_numbers_over_incomplete_data_are_held_back(coverage: float, judged: list[bool]) -> None:
    made = AlertEngine()
    made.add(Rule(name="stretched", when=parse_condition("zscore > 2"), every="1m", coverage=coverage), PAIR)
    (point,) = points(5.0)
    odds: list[dict[str, Any]] = [{"quality": "gap"}, {"coverage": 0.89}, {"coverage": 0.9}]
    for odd, told in zip(odds, judged, strict=True):
        made.add(Rule(name="stretched", when=parse_condition("zscore > 2"), every="1m", coverage=coverage), PAIR)
        assert bool(states(made, [msgspec.structs.replace(point, **odd)])) == told


def test_a_state_is_told_whatever_the_data_are_like() -> None:
    (point,) = points(None)
    broken = msgspec.structs.replace(point, quality="gap", coverage=0.1, metrics={"health": "broken"})
    assert states(engine("health == broken"), [broken]) == [("firing", "broken")]


CONDITIONS = [
    *("zscore > 1", "abs(zscore) >= 1", "zscore != 0", "abs(corr) < 1", "corr_returns < 0", "beta > 1", "alpha <= 0", "coverage >= 1"),
    *("health == broken", "health != broken", "adf_stat < 0", "abs(adf_stat) > 1", "spread_std > 0"),
]
NUMBERS = st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0])
METRICS = st.fixed_dictionaries(
    {}, optional={"health": st.sampled_from(["broken", "well", None]), "adf_stat": st.sampled_from([-2.0, 0, 2, None])}
)


@given(st.data())
def test_points_of_one_bar_are_judged_together_as_one_by_one(data: st.DataObject) -> None:
    names = data.draw(st.permutations(["A-B", "C-D", "E-F", "G-H"]))
    rules = data.draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(CONDITIONS), st.sampled_from([0.0, 0.9])), max_size=12))
    together, alone = AlertEngine(), AlertEngine()
    for number, (pair, when, coverage) in enumerate(rules):
        for each in (together, alone):
            each.add(Rule(name=f"rule {number}", when=parse_condition(when), every="1m", coverage=coverage), pair)
    for bar in range(3):
        rows = [
            msgspec.structs.replace(
                fakes.points(6, pair=pair)[5],
                ts=START + bar * MINUTE,
                hedge=Hedge(data.draw(NUMBERS), data.draw(NUMBERS), 60),
                zscore=data.draw(NUMBERS),
                corr_returns=data.draw(st.none() | NUMBERS),
                coverage=data.draw(st.sampled_from([0.5, 1.0])),
                quality=data.draw(st.sampled_from(["complete", "gap"])),
                metrics=data.draw(METRICS),
            )
            for pair in data.draw(st.permutations(names))[:3]
        ]
        assert together.judge_batch(PointColumns.of(rows)) == alone.judge(rows)


def test_it_names_the_pairs_and_timeframes_of_its_rules_on_now_casts() -> None:
    judge = between_closes("zscore > 2")
    assert judge.watched == {(PAIR, "1m")}
    assert judge.watched is judge.watched
    judge.put(AlertRule("price", Rule(name="any", when=parse_condition("price > 2"), on="tick"), "Y", ""))
    judge.add(Rule(name="closed", when=parse_condition("zscore > 2"), every="1h"), PAIR)
    assert judge.watched == {(PAIR, "1m")}
    for rule in judge.rules:
        judge.remove(rule.id)
    assert judge.watched == frozenset()
