"""The state machine of a rule against a slow, obvious model: whatever comes, and wherever the daemon is restarted."""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quantd.conditions.model import Condition, clauses
from quantd.conditions.parse import parse_condition
from quantd.conditions.verdict import Verdict
from quantd.config.rules import Flapping, Rule, Times
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.state import due, judged, passed
from quantd.model import Alert
from quantd.rule_state import RuleState
from tests.properties.slow_alerts import S, SlowAlerts, Told

WHEN, UNTIL = parse_condition("zscore > 2"), parse_condition("zscore < 1")
holding = st.sampled_from([True, True, False, None])
spans = st.sampled_from([0, 0, 1, 3, 7]).map(lambda seconds: seconds * S)
rules = st.builds(
    Rule,
    name=st.just("rule"),
    when=st.just(WHEN),
    until=st.sampled_from([None, UNTIL]),
    for_=spans,
    keep_firing_for=spans,
    cooldown=spans,
    times=st.sampled_from([Times(), Times(), Times(2, 3), Times(3, 5)]),
    repeat=st.lists(st.integers(1, 9).map(lambda seconds: seconds * S), max_size=3).map(tuple),
    expires=st.one_of(st.none(), st.integers(1, 60).map(lambda seconds: seconds * S)),
    no_data=st.sampled_from(["keep", "fire", "resolve"]),
    no_data_for=spans.filter(bool),
    flapping=st.one_of(
        st.just(False),
        st.builds(Flapping, changes=st.integers(2, 5), within=st.integers(1, 9).map(lambda seconds: seconds * S)),
    ),
)


class Machine(RuleBasedStateMachine):
    """Time goes on in whole seconds; between them the machine sleeps until the moment that it has named."""

    @initialize(keys=rules)
    def begin(self, keys: Rule) -> None:
        self.rule = AlertRule("rule", keys, "Y-X", "text")
        self.state, self.slow = RuleState(), SlowAlerts(keys)
        self.told: list[Alert] = []
        self.now = self.judged_at = 0

    @rule(seconds=st.integers(0, 4), when=holding, until=holding, share=st.sampled_from([1, 1, 0.5, 0]))
    def judge(self, seconds: int, when: bool | None, until: bool | None, share: float) -> None:
        self.wait(seconds)
        covered = int((self.now - self.judged_at) * share)
        self.judged_at = self.now
        found, ended = verdict_of(when, WHEN), verdict_of(until, UNTIL)
        moment = Moment(self.now, self.now, covered=covered)
        change = judged(self.rule, self.state, found, moment, ended if self.rule.rule.until else None)
        assert change is None or change.alerts or change.state != self.state
        self._take(change)
        self.slow.judge(self.now, when, until, covered)

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += S
            self.slow.second(self.now)
        while (at := due(self.rule, self.state)) is not None and at <= self.now:
            self._take(passed(self.rule, self.state, at))
        assert passed(self.rule, self.state, self.now) is None

    @rule()
    def restart(self) -> None:
        """All that the machine knows is in the state, which is stored as JSON."""
        self.state = msgspec.json.decode(msgspec.json.encode(self.state), type=RuleState)

    @invariant()
    def both_tell_the_same(self) -> None:
        if hasattr(self, "slow"):
            assert [told_of(alert) for alert in self.told] == self.slow.told
            assert self.state.phase == self.slow.phase

    @invariant()
    def no_two_messages_have_one_key(self) -> None:
        if hasattr(self, "slow"):
            keys = [alert.key for alert in self.told]
            assert len(set(keys)) == len(keys)

    def _take(self, change: Change | None) -> None:
        if change:
            self.state = change.state
            self.told += change.alerts


def verdict_of(holds: bool | None, condition: Condition) -> Verdict:
    return Verdict(holds, next(clauses(condition)), None if holds is None else 1.5)


def told_of(alert: Alert) -> Told:
    reason = "flapping" if alert.state == "flapping" else "" if alert.repeat else alert.reason
    return (alert.state, alert.since, alert.ts, alert.repeat, reason)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
