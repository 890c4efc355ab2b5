"""Alert rules of a running flow."""

import uuid

from msgspec.structs import asdict, replace

from quantd.clock import Clock
from quantd.conditions.model import Operator
from quantd.config.rules import Rule
from quantd.errors import QuantdError
from quantd.flow.alerts.journal import Journal
from quantd.flow.alerts.message import firing_of
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.pair import PairStage
from quantd.model import Alert
from quantd.runtime.runtime import Runtime
from quantd.services.alerts import Alerts, PipelineRule, RestRule
from quantd.services.live.lookup import stage_of
from quantd.services.live.rule_holds import RuleHolds
from quantd.services.live.rulebook import Definition, RuleBook
from quantd.state import Records, State
from quantd.timeframes import timeframe

RULE_EVERY = "1m"


class LiveAlerts(Alerts):
    """Judges the rules made by request with the engine of a runtime, and stores them and the firings in `state`."""

    def __init__(self, runtime: Runtime, holds: RuleHolds, clock: Clock, state: State) -> None:
        self._runtime = runtime
        self._holds = holds
        self._clock = clock
        self._engine = runtime.outputs.alerts
        self._troubles = runtime.outputs.troubles
        self._book = RuleBook(state.kept, self._troubles)
        self._journal = Journal(runtime.outputs.keeper)
        self._recall(state.records)
        runtime.outputs.hub.listen("alerts", self._journal.add)

    def add(self, metric: str, pair: str, op: Operator, value: float, owner: str | None = None) -> RestRule:
        rule = Definition(str(uuid.uuid4()), metric, pair, op, value, self._clock.now(), owner)
        self._holds.begin(rule.id, rule.pair)
        self._book.put(rule)
        self._begin(rule)
        self._judge_at_once(rule)
        return self._with_state(rule)

    def rules(self) -> list[RestRule]:
        return [self._with_state(rule) for rule in self._book.all()]

    def _with_state(self, rule: Definition) -> RestRule:
        state = self._engine.states.of(rule.id)
        return RestRule(**asdict(rule), triggered_at=state.triggered_at, trigger_count=state.trigger_count)

    def delete(self, rule_id: str) -> bool:
        rule = self._book.drop(rule_id)
        if rule is None:
            return False
        self._runtime.drop_rule(rule_id)
        self._troubles.end("rules", rule_id)
        self.save()
        self._holds.release(rule_id)
        return True

    def pipeline_rules(self) -> list[PipelineRule]:
        rules, states = self._engine.rules, self._engine.states
        return [
            PipelineRule(each.on, each.rule.name, str(each.rule.when), states.of(each.id).holds)
            for each in rules
            if each.origin == "pipeline"
        ]

    def fired(self) -> list[Alert]:
        return self._journal.fired()

    def clear_fired(self) -> None:
        self._journal.clear()
        self.save()

    def save(self) -> None:
        """Write what has changed to disk, and return when it is there."""
        self._runtime.outputs.keeper.save()
        self._book.save()

    def save_soon(self) -> None:
        """Write what has changed to disk, in the background as far as possible."""
        self._runtime.outputs.keeper.soon()
        self._book.save()

    def hold_all(self) -> None:
        """Subscribe to the legs of every rule that are supported by now."""
        for rule in self._book.all():
            self._hold_again(rule)

    def _recall(self, records: Records) -> None:
        """Restore the rules made by request, and the states of all rules, so that a rule that still holds does not fire again."""
        stored, states = self._book.recall(), self._engine.states
        for rule in stored:
            self._hold_again(rule.definition)
            self._begin(rule.definition)
        self._engine.restore(records.rule_states(), records.places())
        for each in self._engine.rules:
            if alert := firing_of(each, self._engine.states.of(each.id)):
                self._runtime.outputs.dispatcher.adopt(alert, each.rule.send)
        self._runtime.outputs.dispatcher.recall([rule.id for rule in self._engine.rules])
        for rule in stored:
            known = states.of(rule.id)
            if rule.trigger_count > known.trigger_count:  # written by an earlier version
                states.put(rule.id, replace(known, triggered_at=rule.triggered_at, trigger_count=rule.trigger_count))
        self.save()

    def _hold_again(self, rule: Definition) -> None:
        """Hold the legs of a rule that was made earlier. A config that has changed since may not allow its pair: this is reported."""
        try:
            self._holds.hold(rule.id, rule.pair)
        except QuantdError as error:
            self._troubles.begin("rules", rule.id, f"is not judged: {error}")
        else:
            self._troubles.end("rules", rule.id)

    def _begin(self, rule: Definition) -> None:
        text = f"{rule.metric} {rule.op} {float(rule.value)} for {rule.pair}"
        made = Rule(name=rule.metric, when=rule.when, on="tick", every=self._every(rule.pair))
        self._runtime.add_rule(AlertRule(rule.id, made, rule.pair, text))

    def _every(self, pair: str) -> str:
        """Return `1m`, or the shortest timeframe of a pair that has no minutes."""
        every = [series.spec.every for stage in self._stages(pair)[:1] for series in stage.series]
        return RULE_EVERY if RULE_EVERY in every or not every else min(every, key=lambda name: timeframe(name).step)

    def _stages(self, pair: str) -> list[PairStage]:
        return [stage for stage in self._runtime.pairs if stage.name == pair]

    def _judge_at_once(self, rule: Definition) -> None:
        stage = stage_of(self._runtime, rule.pair)
        nowcasts = [point for pair in self._stages(rule.pair) for point in pair.nowcasts()]
        self._runtime.outputs.tell(self._engine.judge_prices(rule.pair, [stage.last] if stage and stage.last else []))
        self._runtime.outputs.tell(self._engine.judge_now(nowcasts))
