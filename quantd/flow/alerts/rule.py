"""An alert rule on a pair or symbol, and the value of a point that its condition names."""

from math import isnan

from msgspec import Struct

from quantd.columns.points import QUALITIES, PointColumns
from quantd.config.rules import METRICS, Condition, Rule
from quantd.model import Metric, PairPoint, Quality


class AlertRule(Struct, frozen=True):
    """One rule on one pair, or on the price of one symbol. `text` is the text of its alerts."""

    id: str
    rule: Rule
    on: str
    text: str
    live: bool = False
    """True if the rule is judged on every tick and now-cast; otherwise it is judged on closed bars only."""


def of_pipeline(rule: Rule, pair: str) -> AlertRule:
    """Return a pipeline's rule on a pair's closed bars of the rule's timeframe."""
    return AlertRule(f"{pair}/{rule.name}", rule, pair, f"{pair} {rule.every} {rule.name}: {rule.when}")


def is_sound(rule: Rule, quality: Quality, coverage: float) -> bool:
    """Return whether a point of this quality and coverage is good enough for the rule. States are exempt: a state such as a pair's health
    may describe bad data itself."""
    if isinstance(rule.when.value, str) or not rule.coverage:
        return True
    return quality != "gap" and coverage >= rule.coverage


def measured(condition: Condition, point: PairPoint) -> Metric:
    """Return the value that a condition names; None if the point has none."""
    value: Metric
    if condition.metric in METRICS:
        value = getattr(point.hedge if condition.metric in ("alpha", "beta") else point, condition.metric)
    else:
        value = point.metrics.get(condition.metric)
    return _sized(condition, value)


class ValuesAt:
    """The values of a batch of points, each column read once."""

    def __init__(self, batch: PointColumns) -> None:
        self._batch = batch
        self._columns: dict[str, list[float]] = {}
        self._quality = batch.marks[1].tolist()

    def measured(self, condition: Condition, at: int) -> Metric:
        """Return what `measured` returns for the point at this place."""
        if condition.metric not in METRICS:
            return _sized(condition, self._batch.metrics[at].get(condition.metric) if self._batch.metrics else None)
        value = self._column(condition.metric)[at]
        return None if isnan(value) else _sized(condition, value)

    def is_sound(self, rule: Rule, at: int) -> bool:
        """Return whether the point at this place is good enough for the rule."""
        return is_sound(rule, QUALITIES[self._quality[at]], self._column("coverage")[at])

    def _column(self, name: str) -> list[float]:
        if name not in self._columns:
            self._columns[name] = self._batch.column(name).tolist()
        return self._columns[name]


def _sized(condition: Condition, value: Metric) -> Metric:
    return abs(value) if condition.absolute and isinstance(value, int | float) else value
