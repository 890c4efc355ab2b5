"""The state machine of a rule, for any values at any moments."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.parse import parse_condition
from quantd.conditions.verdict import Verdict, verdict
from quantd.config.rules import Rule
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import due, judged, passed
from quantd.model import Alert, Metric
from quantd.rule_state import RuleState

RULE = AlertRule("rule", Rule(name="rule", when=parse_condition("zscore > 2"), every="1m", flapping=False), "A-B", "text")
FRESH = RuleState()
Given = list[tuple[Metric, int]]
values = st.one_of(st.none(), st.sampled_from(["broken", "healthy"]), st.floats(-5, 5))
sequences = st.lists(st.tuples(values, st.integers(0, 3)), max_size=30).map(lambda pairs: sorted(pairs, key=lambda pair: pair[1]))


def found(value: Metric) -> Verdict:
    return verdict(RULE.rule.when, lambda term: value)


def alerts_of(changes: Sequence[Change | None]) -> list[Alert]:
    return [alert for change in changes if change for alert in change.alerts]


def steps(told: Sequence[tuple[Metric, int]], state: RuleState = FRESH) -> list[Change | None]:
    """What each value changes, judged one after the other."""
    changes = []
    for value, ts in told:
        changes.append(change := judged(RULE, state, found(value), Moment(ts, ts + 1)))
        state = change.state if change else state
    return changes


@given(sequences)
def test_firing_and_resolved_take_turns_and_share_an_id_that_no_other_firing_has(told: Given) -> None:
    alerts = alerts_of(steps(told))
    assert [alert.state for alert in alerts] == (["firing", "resolved"] * len(alerts))[: len(alerts)]
    firings, resolutions = alerts[::2], alerts[1::2]
    assert [(alert.id, alert.since) for alert in resolutions] == [(alert.id, alert.since) for alert in firings][: len(resolutions)]
    assert len({alert.id for alert in firings}) == len(firings)


@given(sequences)
def test_the_state_says_what_the_last_value_was_and_counts_the_firings(told: Given) -> None:
    changes = [change for change in steps(told) if change]
    held = [holds for value, _ in told if (holds := found(value).holds) is not None]
    state = changes[-1].state if changes else FRESH
    assert state.holds == (held[-1] if held else False)
    firings = [alert for alert in alerts_of(changes) if alert.state == "firing"]
    assert state.trigger_count == len(firings)
    last = [(alert.id, alert.ts) for alert in firings][-1:] or [("", None)]
    assert [(state.firing, state.triggered_at)] == last
    assert state.since == (firings[-1].since if state.holds else None)


@given(sequences, st.integers(0, 30))
def test_a_restart_between_two_values_changes_nothing(told: Given, at: int) -> None:
    """All that the machine knows is in the state."""
    changes = steps(told)
    before = [change.state for change in changes[:at] if change]
    assert changes[at:] == steps(told[at:], before[-1] if before else FRESH)


@given(values, st.booleans())
def test_a_value_that_says_the_same_or_nothing_changes_nothing(value: Metric, holds: bool) -> None:
    state = RuleState("firing", since=5, firing="rule@5", times=1) if holds else RuleState()
    assert (judged(RULE, state, found(value), Moment(9, 9)) is None) == (found(value).holds in (None, holds))


def test_a_rule_that_expires_without_data_is_over() -> None:
    keys = Rule(name="rule", when=parse_condition("zscore > 2"), no_data="fire", no_data_for=5, expires=20)
    rule = AlertRule("rule", keys, "A-B", "text")
    for known in (RuleState(phase="firing", since=1, firing="rule@1", blind_since=3), RuleState(blind_since=3)):
        change = passed(rule, known, 40)
        assert change
        assert due(rule, change.state) is None
        assert [alert.state for alert in change.alerts] == ["resolved"] * known.holds
