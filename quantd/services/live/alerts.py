"""Alert rules of a running flow."""

import uuid
from collections.abc import Sequence

from quantd.clock import Clock
from quantd.config.model import Config
from quantd.config.rules import Condition, Rule
from quantd.config.texts import as_legs
from quantd.flow.alerts.engine import Watch
from quantd.flow.alerts.journal import Journal
from quantd.flow.pair import PairStage
from quantd.model import Alert
from quantd.runtime.runtime import Runtime
from quantd.services.alerts import Alerts, PipelineRule, RestRule
from quantd.services.live.lookup import stage_of
from quantd.services.live.rulebook import RuleBook
from quantd.services.symbols import Symbols
from quantd.state import State
from quantd.timeframes import timeframe

RULE_EVERY = "1m"


class LiveAlerts(Alerts):
    """Has the engine of a runtime judge the rules made by request, and keeps them and what has fired in `state`."""

    def __init__(self, runtime: Runtime, config: Config, symbols: Symbols, clock: Clock, state: State) -> None:
        self._runtime = runtime
        self._config = config
        self._symbols = symbols
        self._clock = clock
        self._engine = runtime.outlets.alerts
        self._book = RuleBook(state.kept, runtime.outlets.troubles)
        self._journal = Journal(state.records, runtime.outlets.troubles)
        self._recall(state)
        runtime.outlets.hub.listen("alerts", self._remember)

    def add(self, metric: str, pair: str, op: str, value: float) -> RestRule:
        rule = RestRule(str(uuid.uuid4()), metric, pair, op, value, self._clock.now())
        self._book.put(rule)
        self._watch(rule)
        self._judge_at_once(rule)
        return rule

    def rules(self) -> list[RestRule]:
        return self._book.all()

    def delete(self, rule_id: str) -> bool:
        rule = self._book.drop(rule_id)
        if rule is None:
            return False
        self._engine.remove(rule_id)
        self._journal.forget([rule_id])
        self.save()
        if rule.metric != "price" and not self._wanted(rule.pair):
            self._runtime.drop_pair(rule.pair)
        self._symbols.release(_holder(rule))
        return True

    def pipeline_rules(self) -> list[PipelineRule]:
        watches = [watch for watch in self._engine.watches if not watch.live]
        return [PipelineRule(watch.on, watch.rule.name, str(watch.rule.when), watch.since is not None) for watch in watches]

    def fired(self) -> list[Alert]:
        return self._journal.fired()

    def clear_fired(self) -> None:
        self._journal.clear()
        self.save()

    def save(self) -> None:
        """Put on disk what has changed since the last call."""
        self._journal.save()
        self._book.save()

    def hold_all(self) -> None:
        """Stream the legs of every rule that are supported by now."""
        for rule in self.rules():
            self._hold_legs(rule)

    def _recall(self, state: State) -> None:
        """Take up the rules that were there before a restart."""
        for rule in self._book.recall():
            self._watch(rule)
        stood = state.records.firing()
        self._journal.forget([each.alert_id for each in stood if not self._engine.resume(each.alert_id, each.since, each.id)])
        self.save()

    def _watch(self, rule: RestRule) -> None:
        self._hold_legs(rule)
        condition = Condition(rule.metric, rule.op, rule.value)  # type: ignore[arg-type]
        text = f"{rule.metric} {rule.op} {float(rule.value)} for {rule.pair}"
        self._engine.put(Watch(rule.id, Rule(rule.metric, condition, self._every(rule.pair)), rule.pair, text, live=True))

    def _every(self, pair: str) -> str:
        """A minute, or the shortest timeframe of a pair that has no minutes."""
        every = [series.spec.every for stage in self._stages(pair)[:1] for series in stage.series]
        return RULE_EVERY if RULE_EVERY in every or not every else min(every, key=lambda name: timeframe(name).step)

    def _stages(self, pair: str) -> list[PairStage]:
        return [stage for stage in self._runtime.pairs if stage.name == pair]

    def _wanted(self, pair: str) -> bool:
        """Whether the config or a rule names the pair."""
        return pair in [each.name for each in self._config.pairs] or any(rule.pair == pair for rule in self._book.all())

    def _hold_legs(self, rule: RestRule) -> None:
        if rule.metric == "price":
            self._symbols.hold(_holder(rule), [rule.pair])
            return
        legs = as_legs(rule.pair)
        self._symbols.hold(_holder(rule), legs)
        if not self._stages(rule.pair):
            self._runtime.watch_pair(*legs)

    def _judge_at_once(self, rule: RestRule) -> None:
        stage = stage_of(self._runtime, rule.pair)
        nowcasts = [point for pair in self._stages(rule.pair) for point in pair.nowcasts()]
        self._runtime.outlets.tell(self._engine.judge_prices(rule.pair, [stage.last] if stage and stage.last else []))
        self._runtime.outlets.tell(self._engine.judge_now(nowcasts))

    def _remember(self, alerts: Sequence[Alert]) -> None:
        self._journal.add(alerts)
        for alert in alerts:
            rule = self._book.get(alert.alert_id)
            if rule and alert.state == "firing":
                rule.triggered_at = alert.ts
                rule.trigger_count += 1
                self._book.touch([rule.id])


def _holder(rule: RestRule) -> str:
    return f"rule:{rule.id}"
