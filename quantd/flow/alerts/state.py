"""The state machine of an alert rule. It is pure: it takes a state and what has come about, and returns the next state and the alerts.

           begins to hold            has held for `for`, and `cooldown` is over
inactive  ---------------->  pending  ----------------------------------------->  firing      an alert `firing`
          <----------------           (at once without these keys)
           ceases to hold
          <---------------------------------------------------------------------              an alert `resolved`
                    has been over (`until`, or no longer holds) for `keep_firing_for`

A judgement without a value changes nothing but the start of the time without data. Times that must last are counted in `covered`: the
time for which there are data. What time alone brings about (`passed`): reminders, the end of flapping, `no_data`, and `expires`.
"""

from msgspec.structs import replace

from quantd.conditions.model import Cross, clauses
from quantd.conditions.verdict import Verdict
from quantd.flow.alerts.breaker import calmed, quiet_at, reported
from quantd.flow.alerts.message import again, blind, reporting
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.rule_state import RuleState
from quantd.timeframes import duration_text


def judged(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, ended: Verdict | None = None) -> Change | None:
    """Judge the verdict of `when`, and that of `until` if the rule has one: while it fires, `until` says whether it is over. Return the
    change, or None if the state stays the same and there is nothing to tell."""
    elapsed = passed(rule, state, moment.since)
    before = elapsed.state if elapsed else state
    if has_expired(rule, moment.since):
        return elapsed
    change = _judged(rule, _remembered(rule, before, found, ended), found, moment, ended)
    alerts = (elapsed.alerts if elapsed else ()) + change.alerts
    return Change(change.state, alerts) if alerts or change.state != state else None


def passed(rule: AlertRule, state: RuleState, now: int) -> Change | None:
    """Say what time alone has brought about until `now`, or None if nothing. If a moment was missed, it takes effect at `now`."""
    after, alerts = state, list[Change]()
    while (at := due(rule, after)) is not None and at <= now:
        alerts.append(_elapsed(rule, after, now, at))
        after = alerts[-1].state
    return Change(after, tuple(alert for change in alerts for alert in change.alerts)) if alerts else None


def due(rule: AlertRule, state: RuleState) -> int | None:
    """Return the moment at which `passed` has something to do; None if it has nothing to do before the next judgement."""
    if state.phase == "inactive" and state.blind_since is None and not state.flapping:
        return None
    moments = [at for at in (_without_data_at(rule, state), quiet_at(rule, state), _reminder_at(rule, state)) if at is not None]
    if rule.rule.expires is not None:
        moments = [at for at in moments if at < rule.rule.expires]
        if state.phase != "inactive" or state.flapping:
            moments.append(rule.rule.expires)
    return min(moments, default=None)


def has_expired(rule: AlertRule, now: int) -> bool:
    """Return whether the rule has ended: it is judged no more."""
    return rule.rule.expires is not None and now >= rule.rule.expires


def _elapsed(rule: AlertRule, state: RuleState, now: int, at: int) -> Change:
    """Return what is due at a moment."""
    if has_expired(rule, now):
        return _expired(rule, state, now)
    if at == _without_data_at(rule, state):
        return _without_data(rule, state, now)
    return calmed(rule, state, now) if at == quiet_at(rule, state) else _reminded(rule, state, now)


def _judged(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, ended: Verdict | None) -> Change:
    holds = _holds(rule, state, found)
    if state.phase != "firing":
        return _waited(rule, state, found, moment, holds)
    if rule.rule.until is None or state.blind:
        return _fires(rule, state, found, moment, None if holds is None else not holds)
    return _fires(rule, state, ended or blind(rule), moment, ended.holds if ended else None)


def _holds(rule: AlertRule, state: RuleState, found: Verdict) -> bool | None:
    """Return whether what the rule waits for holds: its condition, in as many of the latest judgements as it wants."""
    if found.holds is None or rule.rule.times.of == 1:
        return found.holds
    return state.recent.bit_count() >= rule.rule.times.needed


def _remembered(rule: AlertRule, state: RuleState, found: Verdict, ended: Verdict | None) -> RuleState:
    """Return the state with what later judgements need: the sides of levels that may be crossed, and the latest verdicts."""
    times = rule.rule.times
    if times.of > 1 and found.holds is not None:
        state = replace(state, recent=(state.recent << 1 | found.holds) & ((1 << times.of) - 1))
    if found.crossed or (ended and ended.crossed):
        levels = sum(isinstance(clause, Cross) for clause in clauses(rule.rule.when))
        known = state.crossed + (None,) * (levels - len(state.crossed))
        crossed = (found.crossed or known[:levels]) + ((ended and ended.crossed) or known[levels:])
        state = replace(state, crossed=crossed)
    return state


def _waited(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, holds: bool | None) -> Change:
    """Return the change of a rule that does not fire."""
    if holds is None:
        return Change(_unseen(rule, state, moment))
    state = replace(state, blind_since=None)
    if not holds:
        return Change(replace(state, phase="inactive", since=None, covered=0, judged=None))
    pending = state.phase == "pending"
    covered = state.covered + moment.covered if pending else 0
    since = state.since if pending and state.since is not None else moment.since
    if covered >= rule.rule.for_ and moment.since >= _rested(rule, state):
        return _fired(rule, state, found, moment, since)
    return Change(replace(state, phase="pending", since=since, covered=covered, judged=moment.since))


def _fires(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, over: bool | None) -> Change:
    """Return the change of a rule that fires, by whether what it fired for is over."""
    if over is None:
        return Change(_unseen(rule, state, moment))
    state = replace(state, blind_since=None)
    if not over:
        return Change(replace(state, covered=0, judged=None, blind=False))
    covered = state.covered + moment.covered if state.judged is not None else 0
    if covered < rule.rule.keep_firing_for:
        return Change(replace(state, covered=covered, judged=moment.since))
    return _resolved(rule, state, found, moment, "data are back" if state.blind else "")


def _unseen(rule: AlertRule, state: RuleState, moment: Moment) -> RuleState:
    """Return the state after a judgement without a value."""
    if rule.rule.no_data == "keep" or state.blind_since is not None:
        return state
    return replace(state, blind_since=moment.since)


def _fired(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, since: int, reason: str = "") -> Change:
    """Return the firing. Trades of one millisecond may fire a rule more than once: the id of the second firing ends with `.2`."""
    name = f"{rule.id}@{since}"
    times = state.times + 1 if state.firing == name or state.firing.startswith(f"{name}.") else 1
    while _id(name, times) + "/firing" in state.used:
        times += 1
    after = replace(
        state,
        phase="firing",
        since=since,
        covered=0,
        judged=None,
        blind=bool(reason),
        firing=_id(name, times),
        times=times,
        triggered_at=moment.ts,
        trigger_count=state.trigger_count + 1,
    )
    return reported(rule, after, reporting(rule, after, found, moment, reason), moment.since)


def _id(name: str, times: int) -> str:
    return name + (f".{times}" if times > 1 else "")


def _resolved(rule: AlertRule, state: RuleState, found: Verdict, moment: Moment, reason: str = "") -> Change:
    """Return the resolution. Its alert has the `since` of the firing; what counts towards the next firing begins anew."""
    after = replace(state, phase="inactive", covered=0, judged=None, recent=0, blind=False, ended=moment.since)
    change = reported(rule, after, reporting(rule, after, found, moment, reason), moment.since)
    return Change(replace(change.state, since=None), change.alerts)


def _rested(rule: AlertRule, state: RuleState) -> int:
    """Return from when on the rule may fire again."""
    return 0 if state.ended is None or not rule.rule.cooldown else state.ended + rule.rule.cooldown


def _without_data_at(rule: AlertRule, state: RuleState) -> int | None:
    """Return when missing data take effect; None if they do not."""
    if state.blind_since is None or rule.rule.no_data == "keep":
        return None
    at = state.blind_since + rule.rule.no_data_for
    if rule.rule.no_data == "fire":
        return None if state.holds else max(at, _rested(rule, state))
    return None if state.phase == "inactive" else at


def _without_data(rule: AlertRule, state: RuleState, now: int) -> Change:
    reason = f"no data for {duration_text(rule.rule.no_data_for)}"
    if rule.rule.no_data == "fire":
        return _fired(rule, state, blind(rule), Moment(now, now), now if state.blind_since is None else state.blind_since, reason)
    if state.holds:
        return _resolved(rule, state, blind(rule), Moment(now, now), reason)
    return Change(replace(state, phase="inactive", since=None, covered=0, judged=None))


def _expired(rule: AlertRule, state: RuleState, now: int) -> Change:
    """Return the end of the rule. It is told if the last that was told is not that the rule has resolved."""
    after = replace(state, phase="inactive", since=None, covered=0, judged=None, blind=False, blind_since=None, told_at=None)
    if state.flapping:
        return calmed(rule, after, now, "expired")
    return Change(after, (again(rule, state, "resolved", now, "expired"),) if state.holds else ())


def _reminder_at(rule: AlertRule, state: RuleState) -> int | None:
    """Return when to remind of the firing; None if not."""
    ladder = rule.rule.repeat
    if not (state.holds and ladder and state.told_at is not None) or state.flapping:
        return None
    return state.told_at + max(1, ladder[min(state.repeats, len(ladder) - 1)])


def _reminded(rule: AlertRule, state: RuleState, now: int) -> Change:
    repeats = state.repeats + 1
    return Change(replace(state, told_at=now, repeats=repeats), (again(rule, state, "firing", now, repeat=repeats),))
