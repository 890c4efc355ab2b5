"""The present values that alert rules look at."""

from quantd.conditions.verdict import Values, verdict
from quantd.flow.alerts.inputs import Inputs
from quantd.flow.alerts.rule import AlertRule, metrics_of
from quantd.model import Bar, Metric, PairPoint
from quantd.runtime.runtime import Runtime
from quantd.services.live.lookup import stage_of
from quantd.services.live.rule_analyses import RuleAnalyses


class RuleValues:
    """Looks up the values by which rules are judged now."""

    def __init__(self, runtime: Runtime, analyses: RuleAnalyses) -> None:
        self._runtime = runtime
        self._history = runtime.outputs.history
        self._inputs = Inputs(self._history)
        self._analyses = analyses

    def of(self, rule: AlertRule) -> Metric:
        """Return the value of the part of a rule's condition that decides at present; None if there is none."""
        if (values := self._values(rule)) is None:
            return None
        return verdict(rule.rule.when, values, self._runtime.outputs.alerts.states.of(rule.id).crossed).value

    def _values(self, rule: AlertRule) -> Values | None:
        if "-" in rule.on:
            return self._of_pair(rule)
        if rule.live:
            stage = stage_of(self._runtime, rule.on)
            every = "" if metrics_of(rule.rule.when) == {"price"} else rule.rule.every
            return self._inputs.of_tick(stage.last, every) if stage and stage.last else None
        bar = self._bar(rule)
        return self._inputs.of_bar(bar) if bar else None

    def _of_pair(self, rule: AlertRule) -> Values | None:
        if rule.live:
            nowcast = self._nowcast(rule)
            return self._inputs.of_nowcast(nowcast) if nowcast else None
        point = self._analyses.newest(rule.id) if rule.analysis else self._point(rule)
        return self._inputs.of_point(point) if point else None

    def _nowcast(self, rule: AlertRule) -> PairPoint | None:
        every, pairs = rule.rule.every, (pair for pair in self._runtime.pairs if pair.name == rule.on)
        return next((point for pair in pairs for point in pair.nowcasts() if point.every == every), None)

    def _point(self, rule: AlertRule) -> PairPoint | None:
        every = rule.rule.every
        (ts,) = self._history.newest_points(every, [rule.on]).tolist()
        return None if ts < 0 else self._history.recent_point(rule.on, every, ts)

    def _bar(self, rule: AlertRule) -> Bar | None:
        held = self._history.recent_bars(rule.on, rule.rule.every)
        return next(iter(held.take(slice(-1, None))), None)
