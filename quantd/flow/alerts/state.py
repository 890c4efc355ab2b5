"""The state machine of an alert rule. It is pure: it takes a state and a value, and returns the next state and the alert.

no value: stays                    no value: stays
  +-------+                          +-------+
  |       v      condition true      |       v
not holding  --------------------->  holding      an alert `firing`, with an id of its own
             <---------------------               an alert `resolved`, with the id of that firing
                 condition false
"""

import operator
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from quantd.config.rules import Condition
from quantd.flow.alerts.rule import AlertRule
from quantd.model import Alert, Metric, RuleState

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Moment(Struct, frozen=True, gc=False):
    """When a value came about (`since`), when it is judged (`ts`), and the open time of its bar; see `Alert`."""

    since: int
    ts: int
    bar: int | None = None


class Change(Struct, frozen=True):
    """The state of a rule after a value has changed it, and the alert that reports the change."""

    state: RuleState
    alert: Alert


def judged(rule: AlertRule, state: RuleState, value: Metric, moment: Moment) -> Change | None:
    """Judge a value. Return the change, or None if the state stays the same."""
    holds = holding(rule.rule.when, value)
    if holds is None or holds == state.holds:
        return None
    after = _fired(rule.id, state, moment) if holds else replace(state, holds=False)
    return Change(after, _alert(rule, after, value, moment))


def holding(condition: Condition, value: Metric) -> bool | None:
    """Return whether a value fulfils a condition. The result is None without a value, or if only one of value and threshold is a number.

    >>> condition = Condition("zscore", ">", 2.0)
    >>> holding(condition, 2.5), holding(condition, 2.0), holding(condition, None), holding(condition, "broken")
    (True, False, None, None)
    """
    if value is None or isinstance(value, str) != isinstance(condition.value, str):
        return None
    return _COMPARE[condition.op](value, condition.value)


def _fired(rule_id: str, state: RuleState, moment: Moment) -> RuleState:
    """Return the state after a firing. Trades of one millisecond may fire a rule more than once: the id of the second firing ends with
    `.2`."""
    times = state.times + 1 if moment.since == state.since else 1
    firing = f"{rule_id}@{moment.since}" + (f".{times}" if times > 1 else "")
    return RuleState(True, moment.since, firing, times, moment.ts, state.trigger_count + 1)


def _alert(rule: AlertRule, state: RuleState, value: Metric, moment: Moment) -> Alert:
    assert value is not None
    assert state.since is not None
    return Alert(
        id=state.firing,
        alert_id=rule.id,
        rule=rule.rule.name,
        pair=rule.on,
        state="firing" if state.holds else "resolved",
        value=value,
        threshold=rule.rule.when.value,
        since=state.since,
        ts=moment.ts,
        text=rule.text,
        metric=rule.rule.when.metric,
        bar=moment.bar,
    )
