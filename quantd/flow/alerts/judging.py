"""Judges one rule at a time, and remembers what is due and what has changed."""

from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from quantd.conditions.model import Condition, Cross, clauses
from quantd.conditions.verdict import Crossed, Values, Verdict, verdict
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import due, judged, passed
from quantd.flow.alerts.table import RuleStates
from quantd.flow.alerts.timers import Timers
from quantd.model import Alert
from quantd.rule_state import RuleState

_REMEMBERED = 64
"""Number of changes of a rule that are remembered, in case that mended data contradict them."""
_MOST_AT_ONCE = 1_000


class Step(Struct, frozen=True):
    """A change of a rule: the moment (ms), the state before, and the alerts that reported it."""

    at: int
    before: RuleState
    alerts: tuple[Alert, ...]


class Steps:
    """The latest changes of a rule, oldest first. They are known from `since` (ms) on."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.changes: deque[Step] = deque()

    def add(self, step: Step) -> None:
        """Add a change."""
        self.changes.append(step)
        if len(self.changes) > _REMEMBERED:
            self.since = self.changes.popleft().at

    def before(self, at: int, now: RuleState) -> RuleState:
        """Return the state before this moment (ms), given the present one."""
        return next((step.before for step in self.changes if step.at >= at), now)

    def replace_from(self, at: int, steps: list[Step]) -> list[Alert]:
        """Put other changes in the place of those from this moment (ms) on. Return the alerts of these."""
        gone = [step for step in self.changes if step.at >= at]
        self.changes = deque([step for step in self.changes if step.at < at] + steps)
        return [alert for step in gone for alert in step.alerts]


class Judging:
    """Takes rules through the state machine. The states are in `states`."""

    def __init__(self, states: RuleStates) -> None:
        self._states = states
        self.timers = Timers()
        self.steps: dict[str, Steps] = {}
        self.restless: dict[str, AlertRule] = {}
        """The rules on which the passing of time has an effect: pending ones, and those that are about to resolve."""

    def begin(self, rule: AlertRule, since: int) -> None:
        """Judge a rule from this moment (ms) on."""
        self.steps[rule.id] = Steps(since)
        self._states.begin(rule.id)
        self._note(rule, self._states.of(rule.id))

    def end(self, rule_id: str) -> None:
        """Judge a rule no longer."""
        self.steps.pop(rule_id, None)
        self.restless.pop(rule_id, None)
        self.timers.set(rule_id, None)

    def judge(self, rule: AlertRule, values: Values | None, moment: Moment) -> Change | None:
        """Judge the values of a moment, None if there are none. Return the change, if any."""
        state = self._states.of(rule.id)
        change = judge_once(rule, state, values, moment)
        if change:
            self.put(rule, state, change, moment.since)
        return change

    def put(self, rule: AlertRule, before: RuleState, change: Change, at: int) -> None:
        """Take over a change that came about at this moment (ms)."""
        self.steps[rule.id].add(Step(at, before, change.alerts))
        self.set(rule, change.state)

    def set(self, rule: AlertRule, state: RuleState) -> None:
        """Set the state of a rule."""
        self._states.put(rule.id, state)
        self._note(rule, state)

    def _note(self, rule: AlertRule, state: RuleState) -> None:
        self.timers.set(rule.id, due(rule, state))
        if state.phase == "pending" or (state.phase == "firing" and state.judged is not None):
            self.restless[rule.id] = rule
        else:
            self.restless.pop(rule.id, None)


def judge_once(rule: AlertRule, state: RuleState, values: Values | None, moment: Moment) -> Change | None:
    """Return what values change in a state, None if there are no values."""
    if values is None:
        first = next(clauses(rule.rule.when))
        return judged(rule, state, Verdict(None, first, None), moment)
    count = crossings(rule.rule.when)
    found = verdict(rule.rule.when, values, state.crossed[:count])
    ended, crossed = None, _padded(found.crossed, count)
    if rule.rule.until is not None:
        until = verdict(rule.rule.until, values, state.crossed[count:])
        ended = until if state.holds else None
        crossed += _padded(until.crossed, crossings(rule.rule.until))
    change = judged(rule, state, found, moment, ended)
    if not crossed or crossed == state.crossed:
        return change
    return Change(replace(change.state if change else state, crossed=crossed), change.alerts if change else ())


def pass_time(rule: AlertRule, state: RuleState, until: int) -> list[tuple[int, Change]]:
    """Return the changes that time alone makes up to a moment (ms), each with its moment."""
    found: list[tuple[int, Change]] = []
    while (at := due(rule, state)) is not None and at <= until and len(found) < _MOST_AT_ONCE:
        change = passed(rule, state, at)
        if change is None:
            break
        found.append((at, change))
        state = change.state
    return found


def crossings(condition: Condition) -> int:
    """Return how many crossings a condition names."""
    return sum(isinstance(clause, Cross) for clause in clauses(condition))


def _padded(crossed: Crossed, count: int) -> Crossed:
    return crossed + (None,) * (count - len(crossed))
