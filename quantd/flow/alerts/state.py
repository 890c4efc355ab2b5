"""The state machine of an alert rule. It is pure: it takes a state and a verdict, and returns the next state and the alerts.

no value: stays                    no value: stays
  +-------+                          +-------+
  |       v      condition true      |       v
inactive     --------------------->  firing       an alert `firing`, with an id of its own
             <---------------------               an alert `resolved`, with the id of that firing
                 condition false
"""

from msgspec import Struct
from msgspec.structs import replace

from quantd.conditions.model import Channel, Clause
from quantd.conditions.verdict import Verdict
from quantd.flow.alerts.rule import AlertRule
from quantd.model import Alert, AlertState, RuleState


class Moment(Struct, frozen=True, gc=False):
    """When a value came about (`since`), when it is judged (`ts`), and the open time of its bar; see `Alert`."""

    since: int
    ts: int
    bar: int | None = None


class Change(Struct, frozen=True):
    """The state of a rule after a value has changed it, and the alerts that report the change."""

    state: RuleState
    alerts: tuple[Alert, ...] = ()


def judged(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment) -> Change | None:
    """Judge a verdict. Return the change, or None if the state stays the same."""
    if found.holds is None or found.holds == state.holds:
        return None
    after = _fired(rule.id, state, moment) if found.holds else replace(state, phase="inactive", ended=moment.since)
    return Change(after, (_alert(rule, after, found, moment),))


def _fired(rule_id: str, state: RuleState, moment: Moment) -> RuleState:
    """Return the state after a firing. Trades of one millisecond may fire a rule more than once: the id of the second firing ends with
    `.2`."""
    times = state.times + 1 if moment.since == state.since else 1
    firing = f"{rule_id}@{moment.since}" + (f".{times}" if times > 1 else "")
    return replace(
        state,
        phase="firing",
        since=moment.since,
        firing=firing,
        times=times,
        triggered_at=moment.ts,
        trigger_count=state.trigger_count + 1,
    )


def _alert(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment) -> Alert:
    assert found.value is not None
    assert state.since is not None
    told: AlertState = "firing" if state.holds else "resolved"
    return Alert(
        id=state.firing,
        alert_id=rule.id,
        rule=rule.rule.name,
        pair=rule.on,
        state=told,
        value=found.value,
        threshold=_threshold(found.clause, found.value),
        since=state.since,
        ts=moment.ts,
        text=rule.text,
        metric=found.clause.term.metric,
        bar=moment.bar,
        severity=rule.rule.severity,
        labels=rule.rule.labels,
    )


def _threshold(clause: Clause, value: float | str) -> float | str:
    """Return the threshold of a clause, of a channel the end that is nearer to the value."""
    if not isinstance(clause, Channel):
        return clause.value
    assert not isinstance(value, str)
    return clause.high if abs(value - clause.high) <= abs(value - clause.low) else clause.low
