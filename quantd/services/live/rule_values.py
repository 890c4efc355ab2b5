"""The present values that alert rules look at."""

from quantd.conditions.verdict import Values, verdict
from quantd.flow.alerts.rule import AlertRule, metrics_of, values_of
from quantd.model import Metric, PairPoint
from quantd.runtime.runtime import Runtime
from quantd.services.live.lookup import stage_of
from quantd.services.live.rule_analyses import RuleAnalyses


class RuleValues:
    """Looks up the values by which rules are judged now."""

    def __init__(self, runtime: Runtime, analyses: RuleAnalyses) -> None:
        self._runtime = runtime
        self._analyses = analyses

    def of(self, rule: AlertRule) -> Metric:
        """Return the value of the part of a rule's condition that decides at present; None if there is none."""
        if (values := self._values(rule)) is None:
            return None
        return verdict(rule.rule.when, values, self._runtime.outputs.alerts.states.of(rule.id).crossed).value

    def _values(self, rule: AlertRule) -> Values | None:
        if "-" in rule.on:
            point = self._point(rule)
            return values_of(point) if point else None
        stage = stage_of(self._runtime, rule.on)
        if metrics_of(rule.rule.when) == {"price"} and stage and stage.last:
            price = stage.last.price
            return lambda term: None if term.bars or term.of else price
        return None

    def _point(self, rule: AlertRule) -> PairPoint | None:
        if rule.analysis:
            return self._analyses.newest(rule.id)
        every = rule.rule.every
        if rule.live:
            found = [point for pair in self._runtime.pairs if pair.name == rule.on for point in pair.nowcasts() if point.every == every]
            return found[0] if found else None
        history = self._runtime.outputs.history
        (ts,) = history.newest_points(every, [rule.on]).tolist()
        return None if ts < 0 else history.recent_point(rule.on, every, ts)
