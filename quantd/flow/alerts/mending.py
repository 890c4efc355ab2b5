"""Judges a rule again over bars that were mended after they had been judged.

    bars         1   2   3   4   5   6   7        bar 3 is mended: it was a gap, or had another value
    changes              F       R                before: fired at 3, resolved at 5
    begin again          ^ with the state before the first change from bar 3 on

The outcome is compared with what was told. A firing that no longer comes about is withdrawn, with the reason; a new one is told as late.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from quantd.conditions.verdict import Values, verdict
from quantd.flow.alerts.judging import Step, judge_once
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import passed
from quantd.model import Alert
from quantd.rule_state import RuleState

_WITHDRAWN_KEPT = 1_000


class Row(Struct, frozen=True):
    """A closed bar or point: its values, None if the data are not good enough, and the moment at which they are judged."""

    values: Values | None
    moment: Moment


class Again(Struct, frozen=True):
    """What a rule has come to: its state, and its changes."""

    state: RuleState
    steps: list[Step]

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of the changes."""
        return [alert for step in self.steps for alert in step.alerts]


def judged_again(rule: AlertRule, state: RuleState, rows: Iterable[Row], now: int) -> Again:
    """Judge a rule over rows, starting with this state, and let the time up to `now` (ms) pass."""
    steps: list[Step] = []

    def take(change: Change | None, at: int) -> None:
        nonlocal state
        if change:
            steps.append(Step(at, state, change.alerts))
            state = change.state

    for row in rows:
        take(judge_once(rule, state, row.values, row.moment), row.moment.since)
    take(passed(rule, state, now), now)
    return Again(state, steps)


class Names:
    """The numbers that the ids of firings end with: a firing that comes about again after it was withdrawn is another one to receivers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def withdraw(self, firing: str) -> None:
        """Note that a firing was withdrawn."""
        name, number = _parts(firing)
        self._numbers.pop(name, None)
        self._numbers[name] = number + 1
        while len(self._numbers) > _WITHDRAWN_KEPT:
            del self._numbers[next(iter(self._numbers))]

    def named(self, found: Again) -> Again:
        """Return what a rule has come to with ids that were not withdrawn."""
        if not self._numbers:
            return found
        steps = [Step(step.at, self._state(step.before), tuple(map(self._alert, step.alerts))) for step in found.steps]
        return Again(self._state(found.state), steps)

    def _alert(self, alert: Alert) -> Alert:
        return replace(alert, id=self._id(alert.id))

    def _state(self, state: RuleState) -> RuleState:
        if _parts(state.firing)[0] not in self._numbers:
            return state
        firing = self._id(state.firing)
        return replace(state, firing=firing, times=_parts(firing)[1], alert=state.alert and self._alert(state.alert))

    def _id(self, firing: str) -> str:
        name = _parts(firing)[0]
        number = self._numbers.get(name)
        return firing if number is None else f"{name}.{number}"


def _parts(firing: str) -> tuple[str, int]:
    """Return the id of a firing without its number, and the number."""
    name, _, number = firing.rpartition(".")
    moment = name.rpartition("@")[2]
    return (name, int(number)) if moment.isdigit() and number.isdigit() else (firing, 1)


def corrections(rule: AlertRule, begun: RuleState, told: Sequence[Alert], found: Again, rows: Sequence[Row], now: int) -> list[Alert]:
    """Return the messages that correct what was told since the state `begun`, given what the mended data show."""
    fired = {alert.id: alert for alert in found.alerts if _begins(alert)}
    if begun.holds and begun.alert:
        fired[begun.firing] = begun.alert
    ends = {alert.id for alert in found.alerts if alert.state == "resolved"}
    keys = {alert.key for alert in told}
    withdrawn = [_withdrawn(rule, alert, rows, now) for alert in told if _begins(alert) and alert.id not in fired]
    reminders = {alert.id: alert.repeat for alert in told if alert.repeat}  # the last one of each firing
    resumed = [
        _resumed(fired[alert.id], max(begun.repeats, reminders.get(alert.id, 0)) + 1, now)
        for alert in told
        if alert.state == "resolved" and alert.id in fired.keys() - ends
    ]
    new = [
        replace(alert, late=True, ts=max(now, alert.ts))
        for alert in found.alerts
        if alert.state in ("firing", "resolved") and not alert.repeat and alert.key not in keys
    ]
    return [*withdrawn, *resumed, *new]


def _begins(alert: Alert) -> bool:
    return alert.state == "firing" and not alert.repeat


def _withdrawn(rule: AlertRule, alert: Alert, rows: Sequence[Row], now: int) -> Alert:
    value = next((_value(rule, row.values) for row in rows if row.moment.bar == alert.bar), None)
    said = f"mended data say {_short(value)}" if value is not None else "the mended data have no value"
    return replace(alert, state="withdrawn", ts=max(now, alert.ts), late=True, reason=f"value was {_short(alert.value)}, {said}")


def _value(rule: AlertRule, values: Values | None) -> float | str | None:
    return verdict(rule.rule.when, values).value if values else None


def _resumed(alert: Alert, repeat: int, now: int) -> Alert:
    """Return the reminder, with this number, that a firing lasts, although its end was told."""
    return replace(alert, repeat=repeat, late=True, ts=max(now, alert.ts), reason="mended data show that it has not ended")


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
