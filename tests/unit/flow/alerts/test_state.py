"""The state machine of a rule, for any values at any moments."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import Change, Moment, holding, judged
from quantd.model import Metric, RuleState

RULE = AlertRule("rule", Rule(name="rule", when=parse_condition("zscore > 2"), every="1m"), "A-B", "text")
FRESH = RuleState()
Given = list[tuple[Metric, int]]
values = st.one_of(st.none(), st.sampled_from(["broken", "healthy"]), st.floats(-5, 5))
sequences = st.lists(st.tuples(values, st.integers(0, 3)), max_size=30).map(lambda pairs: sorted(pairs, key=lambda pair: pair[1]))


def steps(told: Sequence[tuple[Metric, int]], state: RuleState = FRESH) -> list[Change | None]:
    """What each value changes, judged one after the other."""
    changes = []
    for value, ts in told:
        changes.append(change := judged(RULE, state, value, Moment(ts, ts + 1)))
        state = change.state if change else state
    return changes


@given(sequences)
def test_firing_and_resolved_take_turns_and_share_an_id_that_no_other_firing_has(told: Given) -> None:
    alerts = [change.alert for change in steps(told) if change]
    assert [alert.state for alert in alerts] == (["firing", "resolved"] * len(alerts))[: len(alerts)]
    firings, resolutions = alerts[::2], alerts[1::2]
    assert [(alert.id, alert.since) for alert in resolutions] == [(alert.id, alert.since) for alert in firings][: len(resolutions)]
    assert len({alert.id for alert in firings}) == len(firings)


@given(sequences)
def test_the_state_says_what_the_last_value_was_and_counts_the_firings(told: Given) -> None:
    changes = [change for change in steps(told) if change]
    held = [holds for value, _ in told if (holds := holding(RULE.rule.when, value)) is not None]
    state = changes[-1].state if changes else FRESH
    assert state.holds == (held[-1] if held else False)
    firings = [change.alert for change in changes if change.alert.state == "firing"]
    assert state.trigger_count == len(firings)
    last = [(alert.id, alert.since, alert.ts) for alert in firings][-1:] or [("", None, None)]
    assert [(state.firing, state.since, state.triggered_at)] == last


@given(sequences, st.integers(0, 30))
def test_a_restart_between_two_values_changes_nothing(told: Given, at: int) -> None:
    """All that the machine knows is in the state."""
    changes = steps(told)
    before = [change.state for change in changes[:at] if change]
    assert changes[at:] == steps(told[at:], before[-1] if before else FRESH)


@given(values, st.booleans())
def test_a_value_that_says_the_same_or_nothing_changes_nothing(value: Metric, holds: bool) -> None:
    state = RuleState(holds, 5, "rule@5", 1, 5, 1)
    assert (judged(RULE, state, value, Moment(9, 9)) is None) == (holding(RULE.rule.when, value) in (None, holds))
