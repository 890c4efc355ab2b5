"""Judges a rule over recorded files, by a replay through the code that runs live."""

from collections.abc import Sequence

from quantd.flow.alerts.rule import AlertRule
from quantd.hindsight.metrics import demand_recorded
from quantd.hindsight.model import Report
from quantd.hindsight.report import report
from quantd.hindsight.run import of_the_past
from quantd.model import Alert, PairPoint
from quantd.runtime.runtime import Runtime


class Replayed:
    """Collects the points of a replay, each at its last revision, and what a rule tells meanwhile."""

    def __init__(self, rule: AlertRule) -> None:
        self._rule = rule
        self._points: dict[int, PairPoint] = {}
        self._told: list[Alert] = []

    def prepare(self, runtime: Runtime) -> None:
        """Have a runtime judge the rule, and collect what it publishes from now on."""
        runtime.add_rule(of_the_past(self._rule, on=self._rule.rule.on))
        hub = runtime.outputs.hub
        hub.listen("points", self._take, [self._rule.on])
        hub.listen("alerts", self._told.extend)

    def report(self) -> Report | None:
        """Return what the rule told; None without any point. Raises ValueError if a metric of the rule is in none of them."""
        points = [self._points[ts] for ts in sorted(self._points)]
        if points:
            demand_recorded(self._rule, points)
        return report(self._rule, points, self._told) if points else None

    def _take(self, fresh: Sequence[PairPoint]) -> None:
        self._points.update((point.ts, point) for point in fresh if point.every == self._rule.rule.every)
