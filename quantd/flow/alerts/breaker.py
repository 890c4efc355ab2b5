"""The flood breaker: a rule that changes too often sends one message, and is silent until it has been quiet for a while.

           so many changes within that time              no change for that time
each told  ------------------------------->  none told  ------------------------>  each told
               an alert `flapping`                       an alert `firing` or `resolved`, as the rule then is
"""

from msgspec.structs import replace

from quantd.config.rules import Flapping
from quantd.flow.alerts.message import again
from quantd.flow.alerts.moment import Change
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.text import text
from quantd.model import Alert
from quantd.rule_state import RuleState
from quantd.timeframes import duration_text


def reported(rule: AlertRule, state: RuleState, alert: Alert, at: int) -> Change:
    """Return how a change of the state at a moment, which this alert reports, is told."""
    breaker = rule.rule.flapping
    state = replace(state, alert=alert, told_at=alert.ts if state.holds else None, repeats=0)
    if not isinstance(breaker, Flapping):
        return Change(state, (alert,))
    if state.flapping:
        return Change(replace(state, changes=(at,), untold=state.untold + 1))
    changes = (*(each for each in state.changes if each > at - breaker.within), at)
    if len(changes) < breaker.changes:
        return Change(replace(state, changes=changes), (alert,))
    quiet = duration_text(breaker.within)
    reason = f"{len(changes)} changes within {quiet}, silent until there is none for {quiet}"
    flapping = replace(alert, state="flapping", reason=reason, text=text(rule, reason=reason))
    return Change(replace(state, changes=(at,), flapping=True, untold=0), (flapping,))


def quiet_at(rule: AlertRule, state: RuleState) -> int | None:
    """Return when a flapping rule will have been quiet for long enough; None if it does not flap."""
    breaker = rule.rule.flapping
    if not state.flapping:
        return None
    return state.changes[-1] + breaker.within if isinstance(breaker, Flapping) else state.changes[-1]


def calmed(rule: AlertRule, state: RuleState, now: int, why: str = "no longer flapping") -> Change:
    """Return the end of the silence: one alert says what the rule is now, and how many changes were not told."""
    reason = f"{why}, {state.untold} change{'s' * (state.untold != 1)} not told"
    alert = again(rule, state, "firing" if state.holds else "resolved", now, reason)
    after = replace(state, flapping=False, untold=0, changes=(), told_at=now if state.holds else None)
    return Change(after, (alert,))
