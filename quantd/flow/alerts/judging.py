"""Judges one rule at a time, and remembers what is due and what has changed."""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from quantd.conditions.model import Condition, Cross, clauses
from quantd.conditions.verdict import Values, Verdict, verdict
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.places import PlaceRules, Sound, band_of
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import due, judged
from quantd.flow.alerts.table import FRESH, RuleStates
from quantd.flow.alerts.timers import Timers
from quantd.flow.alerts.told import Told
from quantd.model import Alert
from quantd.rule_state import RuleState
from quantd.timeframes import timeframe

_REMEMBERED = 64
"""Number of changes of a rule that are remembered, in case that mended data contradict them."""
_GRACE_MS = 2_000
"""How long (ms) a value may be overdue."""


class Step(Struct, frozen=True):
    """A change of a rule: the moment (ms), the state before, and the alerts that reported it."""

    at: int
    before: RuleState
    alerts: tuple[Alert, ...]


class Steps:
    """The latest changes of a rule, oldest first."""

    def __init__(self) -> None:
        self.since: int | None = None
        """The moment (ms) after which all changes are known; None before the first judgement."""
        self.changes: deque[Step] = deque()

    def add(self, step: Step) -> None:
        """Add a change."""
        self.changes.append(step)
        if len(self.changes) > _REMEMBERED:
            self.since = self.changes.popleft().at

    def before(self, at: int, now: RuleState) -> RuleState:
        """Return the state before this moment (ms), given the present one."""
        return next((step.before for step in self.changes if step.at >= at), now)

    def alerts_from(self, at: int) -> list[Alert]:
        """Return what was told from this moment (ms) on."""
        return [alert for step in self.changes if step.at >= at for alert in step.alerts]

    def replace_from(self, at: int, steps: list[Step]) -> None:
        """Put other changes in the place of those from this moment (ms) on."""
        self.changes = deque([step for step in self.changes if step.at < at] + steps)


class Judging:
    """Takes rules through the state machine. The states are in `states`."""

    def __init__(self, states: RuleStates) -> None:
        self._states = states
        self.timers = Timers()
        self.steps: dict[str, Steps] = {}
        self.restless: dict[str, AlertRule] = {}
        """The rules on which the passing of time has an effect: pending ones, and those that are about to resolve."""

    def begin(self, rule: AlertRule) -> None:
        """Judge a rule from now on."""
        self.steps[rule.id] = Steps()
        self._states.begin(rule.id)
        self.note(rule, self._states.of(rule.id))

    def end(self, rule_id: str) -> None:
        """Judge a rule no longer."""
        self.steps.pop(rule_id, None)
        self.restless.pop(rule_id, None)
        self.timers.set(rule_id, None)

    def judge(self, rule: AlertRule, values: Values | None, moment: Moment) -> Change | None:
        """Judge the values of a moment, None if there are none. Return the change, if any."""
        state = self._states.of(rule.id)
        if state is FRESH and values and band_of(rule) and not verdict(rule.rule.when, values).holds:
            return None
        change = judge_once(rule, state, values, moment)
        if change:
            self.put(rule, state, change, moment.since)
        return change

    def judge_all(
        self, at: PlaceRules, values: Values, sound: Sound, moment: Moment, wanted: Callable[[AlertRule], bool] | None = None
    ) -> list[Told]:
        """Judge the rules of a place, or those that are wanted, and return the changes."""
        told: list[Told] = []

        def judge(rule: AlertRule, values: Values | None) -> bool:
            if wanted and not wanted(rule):
                return True
            change = self.judge(rule, values, moment)
            if change:
                told.extend((alert, rule) for alert in change.alerts)
            return change is not None

        at.judge(values, sound, judge)
        if at.minded is not None and sound(at.minded):
            at.seen = moment.since
        return told

    def mind(self, at: PlaceRules, rule: AlertRule, now: int) -> list[Told]:
        """Judge that a rule has no values, if the next ones are overdue."""
        if at.seen is None:
            at.seen = now
        state = self._states.of(rule.id)
        step = 0 if rule.live else timeframe(rule.rule.every).step
        if now <= at.seen + step + _GRACE_MS or state.blind_since is not None:
            return []
        change = self.judge(rule, None, Moment(at.seen, now))
        return [(alert, rule) for alert in change.alerts] if change else []

    def put(self, rule: AlertRule, before: RuleState, change: Change, at: int) -> None:
        """Take over a change that came about at this moment (ms)."""
        self.steps[rule.id].add(Step(at, before, change.alerts))
        self.set(rule, change.state)

    def set(self, rule: AlertRule, state: RuleState) -> None:
        """Set the state of a rule."""
        self._states.put(rule.id, state)
        self.note(rule, state)

    def note(self, rule: AlertRule, state: RuleState) -> None:
        """Note what is due for a rule in this state."""
        self.timers.set(rule.id, due(rule, state))
        if state.phase == "pending" or (state.phase == "firing" and state.judged is not None):
            self.restless[rule.id] = rule
        else:
            self.restless.pop(rule.id, None)


def judge_once(rule: AlertRule, state: RuleState, values: Values | None, moment: Moment) -> Change | None:
    """Return what values change in a state, None if there are no values."""
    if values is None:
        return judged(rule, state, Verdict(None, next(clauses(rule.rule.when)), None), moment)
    if rule.rule.until is None:
        return judged(rule, state, verdict(rule.rule.when, values, state.crossed), moment)
    count = crossings(rule.rule.when)
    found = verdict(rule.rule.when, values, state.crossed[:count])
    return judged(rule, state, found, moment, verdict(rule.rule.until, values, state.crossed[count:]))


def crossings(condition: Condition) -> int:
    """Return how many crossings a condition names."""
    return sum(isinstance(clause, Cross) for clause in clauses(condition))
