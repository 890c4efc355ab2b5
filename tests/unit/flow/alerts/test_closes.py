"""Closed bars are judged once and in order: those of an outage, too, and again those that were mended."""

from collections.abc import Sequence
from typing import Any

import msgspec

from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.told import Told
from quantd.history.history import History
from quantd.model import Bar, PairPoint
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE

PAIR, PLACE = "Y-X", "Y-X 1m"


def row(bar: int, zscore: float | None, **keys: Any) -> PairPoint:
    """A point of a bar after the start."""
    (made,) = fakes.points(6, pair=PAIR)[5:]
    return msgspec.structs.replace(made, ts=START + bar * MINUTE, zscore=zscore, **keys)


def engine(history: History | None = None, when: str = "zscore > 2", **keys: Any) -> AlertEngine:
    made = AlertEngine(None, history)
    made.put(AlertRule("rule", Rule(name="rule", when=parse_condition(when), every="1m", **keys), PAIR, ""))
    return made


def told(changes: Sequence[Told]) -> list[tuple[Any, ...]]:
    """What was told: the state, the bar, and `late` or a reason."""
    return [
        (alert.state, None if alert.bar is None else (alert.bar - START) // MINUTE, *(["late"] if alert.late else []))
        for alert, _ in changes
    ]


class Course:
    """A rule over points that are kept in a history, some of them mended later."""

    def __init__(self, **keys: Any) -> None:
        self.history = History(None)
        self.engine = engine(self.history, **keys)

    def closes(self, *points: PairPoint) -> list[tuple[Any, ...]]:
        self.history.put_points(points)
        return told(self.engine.judge(points))

    def mends(self, *points: PairPoint) -> list[Told]:
        mended = [msgspec.structs.replace(point, revision=1) for point in points]
        self.history.amend(mended)
        return self.engine.judge(mended)


def test_a_firing_that_mended_data_contradict_is_withdrawn_with_the_reason() -> None:
    course = Course()
    assert course.closes(row(0, 1.0), row(1, 3.25), row(2, 3.0)) == [("firing", 1)]
    ((fired, _),) = course.mends(row(1, 1.1), row(2, 1.0))
    assert (fired.state, fired.id, fired.late) == ("withdrawn", f"rule@{START + 2 * MINUTE}", True)
    assert fired.reason == "value was 3.25, mended data say 1.1"
    assert course.engine.states.of("rule").phase == "inactive"
    assert course.engine.states.of("rule").trigger_count == 0
    assert course.closes(row(3, 3.0)) == [("firing", 3)]


def test_a_bar_that_closed_as_a_gap_is_judged_once_it_is_mended() -> None:
    course = Course()
    assert course.closes(row(0, 1.0), row(1, 3.0, quality="gap"), row(2, 1.0)) == []
    assert told(course.mends(row(1, 3.0))) == [("firing", 1, "late"), ("resolved", 2, "late")]
    assert course.engine.states.of("rule").phase == "inactive"


def test_a_mended_bar_that_holds_makes_it_fire_late_and_go_on() -> None:
    course = Course()
    course.closes(row(0, 1.0), row(1, 1.0, quality="gap"))
    assert told(course.mends(row(1, 3.0))) == [("firing", 1, "late")]
    assert course.closes(row(2, 3.0), row(3, 0.0)) == [("resolved", 3)]


def test_a_repair_that_changes_nothing_is_not_told() -> None:
    course = Course()
    course.closes(row(0, 1.0), row(1, 3.0), row(2, 3.0), row(3, 1.0))
    assert course.mends(row(1, 2.9), row(2, 2.1)) == []
    assert course.mends(row(1, 2.9, quality="gap")) != [], "no value, no firing"


def test_data_whose_repair_did_not_hold_up_fire_nothing() -> None:
    course = Course()
    course.closes(row(0, 1.0), row(1, 1.0, quality="gap"))
    assert course.mends(row(1, 9.0, quality="gap")) == []
    assert course.mends(row(1, 9.0, coverage=0.5)) == []


def test_an_end_that_mended_data_contradict_is_a_reminder_of_the_firing() -> None:
    course = Course()
    course.closes(row(0, 3.0), row(1, 1.0))
    ((alert, _),) = course.mends(row(1, 3.0))
    assert (alert.state, alert.repeat, alert.late, alert.reason) == ("firing", 1, True, "mended data show that it has not ended")
    assert course.closes(row(2, 1.0)) == [("resolved", 2)]


def test_that_reminder_has_a_number_of_its_own() -> None:
    course = Course(repeat=(90_000,))
    assert course.closes(row(0, 3.0), row(1, 3.0), row(2, 1.0)) == [("firing", 0), ("firing", 0), ("resolved", 2)]
    keys = [alert.key for alert, _ in course.mends(row(2, 3.0))]
    keys += [alert.key for bar in (3, 4, 5) for alert, _ in course.engine.judge([row(bar, 3.0)])]
    assert [key.rsplit("/", 1)[1] for key in keys] == ["2", "3", "4"]


def test_an_end_that_came_earlier_is_not_told_twice() -> None:
    course = Course()
    course.closes(row(0, 3.0), row(1, 3.0), row(2, 1.0))
    assert course.mends(row(1, 1.0)) == []


def test_what_must_last_is_counted_again_over_mended_bars() -> None:
    course = Course(for_=2 * MINUTE)
    assert course.closes(row(0, 3.0), row(1, 3.0, quality="gap"), row(2, 3.0)) == []
    assert told(course.mends(row(1, 3.0))) == [("firing", 2, "late")]
    assert Course(for_=2 * MINUTE).closes(row(0, 3.0), row(1, 3.0), row(2, 3.0)) == [("firing", 2)]


def test_a_volume_that_is_mended_is_judged_again_though_its_point_is_not() -> None:
    course = Course(when="zscore > 2 and volume of y > 5")
    bars = fakes.flat_bars([1.0, 1.0], symbol="Y")
    course.history.put_bars(bars)
    assert course.closes(row(0, 3.0), row(1, 3.0)) == []
    mended = msgspec.structs.replace(bars[0], volume=9.0, revision=1)
    course.history.amend([mended])
    assert told(course.engine.judge_bars([mended])) == [("firing", 0, "late"), ("resolved", 1, "late")]


def resumed(state: AlertEngine, **keys: Any) -> AlertEngine:
    """An engine after a restart that goes on where another one has stopped."""
    made = engine(**keys)
    stored = {rule_id: known for rule_id, known in state.states.unsaved.items() if known}
    made.states.restore(stored, ["rule"], state.states.unsaved_places)
    return made


NEWEST = START + 6 * MINUTE


def test_what_began_in_an_outage_and_holds_is_told_once_with_its_true_beginning() -> None:
    before = engine()
    before.judge([row(0, 1.0), row(1, 1.0)])
    after = resumed(before)
    outage = [row(bar, zscore) for bar, zscore in enumerate((1.0, 1.0, 1.0, 3.0, 3.0, 3.0))]
    assert after.judge(outage, NEWEST) == []
    ((alert, _),) = after.judge([row(6, 3.0)], NEWEST)
    assert (alert.state, alert.since, alert.bar, alert.late) == ("firing", START + 4 * MINUTE, START + 3 * MINUTE, False)


def test_what_came_and_went_in_an_outage_is_told_only_if_the_rule_asks_for_it() -> None:
    outage = [row(bar, zscore) for bar, zscore in enumerate((1.0, 3.0, 3.0, 1.0, 1.0, 1.0))]
    for late, wanted in ((False, []), (True, [("firing", 1, "late"), ("resolved", 3, "late")])):
        before = engine()
        before.judge([row(0, 1.0)])
        after = resumed(before, late=late)
        assert after.judge(outage, NEWEST) == []
        assert told(after.judge([row(6, 1.0)], NEWEST)) == wanted


def test_the_end_of_a_firing_that_was_told_is_told_after_an_outage() -> None:
    before = engine()
    assert told(before.judge([row(0, 3.0)])) == [("firing", 0)]
    after = resumed(before)
    assert after.judge([row(1, 1.0), row(2, 3.0), row(3, 1.0), row(4, 3.0)], NEWEST) == []
    assert told(after.judge([row(6, 3.0)], NEWEST)) == [("resolved", 1), ("firing", 4)]


def test_a_rule_that_is_new_after_an_outage_begins_at_the_newest_bar() -> None:
    before = engine()
    before.judge([row(0, 1.0)])
    after = engine(late=True)
    after.states.restore({}, ["rule"], before.states.unsaved_places)
    assert after.judge([row(1, 3.0), row(2, 1.0), row(3, 3.0)], NEWEST) == []
    assert told(after.judge([row(6, 3.0)], NEWEST)) == [("firing", 6)]


def test_a_bar_is_not_judged_again_after_a_restart() -> None:
    before = engine()
    before.judge([row(0, 3.0), row(1, 1.0)])
    after = resumed(before)
    assert after.judge([row(0, 3.0), row(1, 3.0)]) == []


def test_bars_of_a_symbol_are_judged() -> None:
    history = History(None)
    made = AlertEngine(EventClock(START), history)
    for name, when in (("high", "price > 2 and volume >= 1"), ("jump", "move(close, 2) > 50"), ("wild", "coverage < 1")):
        rule = Rule(name=name, when=parse_condition(when), every="1m", coverage=0.0 if name == "wild" else 0.9)
        made.put(AlertRule(name, rule, "Y", ""))
    bars: list[Bar] = fakes.flat_bars([1.0, 3.0, 1.4, 4.6, 1.0], symbol="Y")
    bars[2] = msgspec.structs.replace(bars[2], quality="gap")
    history.put_bars(bars)
    found = [(alert.rule, alert.state, (alert.bar or 0) - START) for alert, _ in made.judge_bars(bars)]
    minutes = [(name, state, at // MINUTE) for name, state, at in found]
    assert minutes == [
        *[("high", "firing", 1), ("wild", "firing", 2), ("jump", "firing", 3), ("wild", "resolved", 3)],
        *[("high", "resolved", 4)],
    ]


def test_an_end_that_is_told_again_and_a_firing_that_comes_back_have_keys_of_their_own() -> None:
    course = Course()
    course.history.put_points(points := [row(0, 3.0), row(1, 1.0)])
    keys = [alert.key for alert, _ in course.engine.judge(points)]
    for bar, zscore in ((1, 3.0), (1, 1.0), (1, 3.0), (1, 1.0), (0, 1.0), (0, 3.0), (0, 1.0)):
        keys += [alert.key for alert, _ in course.mends(row(bar, zscore))]
    first = f"rule@{START + MINUTE}"
    assert [key.removeprefix(first) for key in keys] == [
        *("/firing", "/resolved", "/firing/1", "/resolved/1", "/firing/2", "/resolved/2", "/withdrawn"),
        *(".2/firing", ".2/resolved", ".2/withdrawn"),
    ]


def test_of_what_is_held_until_the_newest_bar_no_reminder_is_told_before() -> None:
    before = engine(repeat=(MINUTE,))
    before.judge([row(0, 1.0)])
    for newest, wanted in ((1.0, []), (3.0, [("firing", 1)])):
        after = resumed(before, repeat=(MINUTE,))
        assert after.judge([row(1, 3.0)], NEWEST) == []
        assert after.advance(START + 5 * MINUTE) == []
        assert told(after.judge([row(6, newest)], NEWEST)) == wanted


def test_what_is_held_is_not_on_disk_before_it_is_told() -> None:
    before = engine()
    before.judge([row(0, 1.0)])
    after = resumed(before)
    after.states.saved()
    after.judge([row(1, 3.0)], NEWEST)
    assert (after.states.unsaved, after.states.unsaved_places) == ({}, {})
    after.states.saved()
    assert told(after.judge([row(6, 3.0)], NEWEST)) == [("firing", 1)]
    assert (after.states.unsaved.keys(), after.states.unsaved_places.keys()) == ({"rule"}, {PLACE})


def test_what_is_held_and_mended_before_it_is_told_is_told_as_mended() -> None:
    for mended, wanted in ((1.0, []), (3.0, [("firing", 1)])):
        before = engine()
        before.judge([row(0, 1.0)])
        history = History(None)
        after = resumed(before, history=history)
        history.put_points(points := [row(1, 3.0), row(2, 3.0 if mended > 2 else 1.0)])
        assert after.judge(points, NEWEST) == []
        history.amend(again := [row(1, mended, revision=1)])
        assert after.judge(again, NEWEST) == []
        assert told(after.judge([row(6, mended)], NEWEST)) == wanted


def test_what_fires_again_after_it_was_withdrawn_is_another_firing() -> None:
    course = Course()
    keys = [alert.key for alert, _ in course.engine.judge([])]
    course.history.put_points(points := [row(0, 1.0), row(1, 3.0), row(2, 3.0)])
    keys += [alert.key for alert, _ in course.engine.judge(points)]
    for revision, value in enumerate((1.0, 3.0, 1.0, 3.0), 1):
        mended = [row(1, value, revision=revision), row(2, value, revision=revision)]
        course.history.amend(mended)
        keys += [alert.key for alert, _ in course.engine.judge(mended)]
    first = f"rule@{START + 2 * MINUTE}"
    assert keys == [
        *(f"{first}/firing", f"{first}/withdrawn"),
        *(f"{first}.2/firing", f"{first}.2/withdrawn"),
        f"{first}.3/firing",
    ]
    assert [alert.key for alert, _ in course.engine.judge([row(3, 1.0)])] == [f"{first}.3/resolved"]


def test_no_key_comes_twice_however_data_are_mended() -> None:
    course = Course()
    course.history.put_points(points := [row(0, 1.0), row(1, 3.0), row(2, 3.0), row(3, 3.0)])
    keys = [alert.key for alert, _ in course.engine.judge(points)]
    for revision, value in enumerate((1.0, 3.0, 1.0, 3.0), 1):
        mended = [row(1, value, revision=revision), row(2, value, revision=revision)]
        course.history.amend(mended)
        keys += [alert.key for alert, _ in course.engine.judge(mended)]
    assert len(set(keys)) == len(keys)
    (over,) = course.engine.judge([row(4, 1.0)])
    assert f"{over[0].id}/firing" in keys
    assert f"{over[0].id}/withdrawn" not in keys
