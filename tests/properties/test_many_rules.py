"""Many rules on one pair, of which most values concern few: each tells exactly what it tells when it is looked at for each value."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.columns.points import PointColumns
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Flapping, Rule, Times
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.judging import judge_once
from quantd.flow.alerts.moment import Change, Moment
from quantd.flow.alerts.places import needed_coverage
from quantd.flow.alerts.rule import AlertRule, is_sound, values_of
from quantd.flow.alerts.state import due, passed
from quantd.flow.alerts.table import FRESH
from quantd.model import Alert, PairPoint
from quantd.rule_state import RuleState
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE

NUMBERS = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
TERMS = ["zscore", "abs(zscore)", "corr"]
(LIKE,) = fakes.points(6, pair="Y-X")[5:]
spans = st.sampled_from([0, 0, 0, MINUTE, 2 * MINUTE])
plain = st.builds("{} {} {}".format, st.sampled_from(TERMS), st.sampled_from([">", "<", ">=", "<=", "==", "!="]), st.sampled_from(NUMBERS))
joined = st.builds("{} and {}".format, plain, plain) | st.just("zscore crosses above 1") | st.just("zscore inside -1..1")
keys = st.fixed_dictionaries(
    {"when": (plain | plain | joined).map(parse_condition)},
    optional={
        "until": plain.map(parse_condition),
        "for_": spans,
        "keep_firing_for": spans,
        "cooldown": spans,
        "times": st.sampled_from([Times(2, 3)]),
        "repeat": st.sampled_from([(MINUTE,), (90_000, 3 * MINUTE)]),
        "expires": st.integers(0, 15).map(lambda bars: START + bars * MINUTE),
        "no_data": st.sampled_from(["fire", "resolve"]),
        "no_data_for": st.sampled_from([MINUTE, 3 * MINUTE]),
        "coverage": st.sampled_from([0.0, 0.5, 0.95]),
        "flapping": st.sampled_from([False, Flapping(3, 3 * MINUTE)]),
    },
)
few_keys = st.fixed_dictionaries(
    {"when": plain.map(parse_condition)},
    optional={"for_": spans, "keep_firing_for": spans, "repeat": st.just((90_000,)), "flapping": st.just(Flapping(3, 3 * MINUTE))},
)
numbers = st.sampled_from([*NUMBERS, *NUMBERS, -1.5, 2.5, None])
points = st.builds(
    lambda zscore, corr, quality, coverage: msgspec.structs.replace(LIKE, zscore=zscore, corr=corr, quality=quality, coverage=coverage),
    numbers,
    numbers,
    st.sampled_from(["complete", "complete", "complete", "gap"]),
    st.sampled_from([1.0, 1.0, 0.7, 0.2]),
)


class Alone:
    """One rule, judged at each point by the state machine alone."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.state = FRESH
        self.told: list[Alert] = []

    def judge(self, point: PairPoint) -> None:
        end = point.ts + MINUTE
        while (at := due(self.rule, self.state)) is not None and at <= end:
            self._take(passed(self.rule, self.state, at))
        needs = needed_coverage(self.rule)
        sound = is_sound(needs, point.quality, point.coverage)
        if sound or self.rule.rule.no_data != "keep":
            moment = Moment(end, end, point.ts, MINUTE, point.zscore, point.hedge.beta)
            self._take(judge_once(self.rule, self.state, values_of(point) if sound else None, moment))

    def _take(self, change: Change | None) -> None:
        if change:
            self.state, self.told = change.state, self.told + list(change.alerts)


def rule_of(number: int, keys: dict[str, Any]) -> Rule:
    defaults: dict[str, Any] = {"name": f"{number}", "every": "1m", "flapping": False}
    return Rule(**(defaults | keys))


def restarted(engine: AlertEngine, rules: list[AlertRule]) -> AlertEngine:
    states = {rule.id: engine.states.of(rule.id) for rule in rules}
    stored = msgspec.json.decode(msgspec.json.encode(states), type=dict[str, RuleState])
    return made(rules, stored, engine.states.places)


def made(rules: list[AlertRule], stored: dict[str, RuleState], places: dict[str, int]) -> AlertEngine:
    engine = AlertEngine()
    for rule in rules:
        engine.put(rule)
    engine.restore(stored, places)
    return engine


@settings(max_examples=300)
@given(
    st.lists(few_keys | keys, min_size=1, max_size=12),
    st.lists(points, max_size=14),
    st.sets(st.integers(0, 13), max_size=2),
    st.booleans(),
)
def test_rules_together_tell_what_each_tells_alone(
    given: list[dict[str, Any]], rows: list[PairPoint], stops: set[int], columns: bool
) -> None:
    rules = [AlertRule(f"rule{number}", rule_of(number, each), "Y-X", "") for number, each in enumerate(given)]
    alone = {rule.id: Alone(rule) for rule in rules}
    engine = made(rules, {}, {})
    told: dict[str, list[Alert]] = {rule.id: [] for rule in rules}
    for bar, row in enumerate(rows):
        point = msgspec.structs.replace(row, ts=START + bar * MINUTE)
        if bar in stops:
            engine = restarted(engine, rules)
        for alert, rule in engine.judge_batch(PointColumns.of([point])) if columns else engine.judge([point]):
            told[rule.id].append(alert)
        for each in alone.values():
            each.judge(point)
        for rule_id, each in alone.items():
            assert told[rule_id] == each.told
            assert engine.states.of(rule_id).phase == each.state.phase
