"""Makes the alerts that report what has become of a rule."""

from msgspec.structs import replace

from quantd.conditions.model import Channel, Clause, clauses
from quantd.conditions.verdict import Verdict
from quantd.flow.alerts.moment import Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.text import text
from quantd.model import Alert, AlertState
from quantd.rule_state import RuleState

NO_DATA = "no data"
"""The value of an alert that no value brought about."""


def reporting(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, reason: str = "") -> Alert:
    """Return the alert that reports the state into which a verdict has brought the rule. It is about the firing `state.firing`."""
    value = NO_DATA if found.value is None else found.value
    told: AlertState = "firing" if state.holds else "resolved"
    alert = Alert(
        id=state.firing,
        alert_id=rule.id,
        rule=rule.rule.name,
        pair=rule.on,
        state=told,
        value=value,
        threshold=_threshold(found.clause, found.value),
        since=moment.since if state.since is None else state.since,
        ts=moment.ts,
        text=text(rule, moment if state.holds else None, reason),
        metric=found.clause.term.metric,
        bar=moment.bar,
        severity=rule.rule.severity,
        labels=rule.rule.labels,
        late=moment.late,
        reason=reason,
    )
    return unused(state, alert)


def blind(rule: AlertRule) -> Verdict:
    """Return the verdict of a rule for which there is no value."""
    return Verdict(None, next(clauses(rule.rule.when)), None)


def again(rule: AlertRule, state: RuleState, told: AlertState, now: int, reason: str = "", repeat: int = 0) -> Alert:
    """Return an alert about the last change, with its value, as told at `now`."""
    alert = state.alert or reporting(rule, state, blind(rule), Moment(now, now))
    words = f"{alert.text} ({reason})" if reason else alert.text
    told_again = replace(
        alert,
        state=told,
        ts=now,
        text=words,
        severity=rule.rule.severity,
        labels=rule.rule.labels,
        late=False,
        repeat=repeat,
        reason=reason or alert.reason,
    )
    return unused(state, told_again)


def unused(state: RuleState, alert: Alert) -> Alert:
    """Return the alert with the next number whose key is not used up: receivers ignore a key that they have seen."""
    while alert.key in state.used:
        alert = replace(alert, repeat=alert.repeat + 1)
    return alert


def firing_of(rule: AlertRule, state: RuleState) -> Alert | None:
    """Return what a rule fires, as it was last told; None if it does not fire."""
    return again(rule, state, "firing", state.triggered_at or state.since or 0) if state.holds else None


def _threshold(clause: Clause, value: float | str | None) -> float | str:
    """Return the threshold of a clause, of a channel the end that is nearer to the value."""
    if not isinstance(clause, Channel):
        return clause.value
    if not isinstance(value, int | float):
        return clause.low
    return clause.high if abs(value - clause.high) <= abs(value - clause.low) else clause.low
