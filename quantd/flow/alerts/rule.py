"""An alert rule on a pair or symbol, and the values of a point that its condition names."""

from collections.abc import Callable
from math import isnan

from msgspec import Struct

from quantd.columns.points import QUALITIES, PointColumns
from quantd.conditions.model import Condition, Term, clauses
from quantd.conditions.verdict import Values
from quantd.config.rules import METRICS, Origin, Rule
from quantd.model import Metric, PairPoint, Quality


class AlertRule(Struct, frozen=True):
    """One rule on one pair or symbol. `text` is the text of its alerts."""

    id: str
    rule: Rule
    on: str
    text: str
    origin: Origin = "request"
    analysis: str = ""
    """Names the settings with which the points of this rule are made, if these are not those of the pair's pipeline."""
    log: bool = False
    """Whether the pair's beta is of logarithms of prices."""

    @property
    def watched(self) -> str:
        """The name under which the points that it judges come."""
        return f"{self.on} {self.analysis}" if self.analysis else self.on

    @property
    def is_pair(self) -> bool:
        """Whether it watches a pair; otherwise it watches a symbol."""
        return "-" in self.on

    @property
    def legs(self) -> list[str]:
        """The symbols on whose data it depends."""
        return self.on.split("-")

    @property
    def live(self) -> bool:
        """Whether the rule is judged on every tick and now-cast; otherwise it is judged on closed bars only."""
        return self.rule.on == "tick"


def of_pipeline(rule: Rule, pair: str) -> AlertRule:
    """Return a pipeline's rule on a pair."""
    return AlertRule(f"{pair}/{rule.name}", rule, pair, f"{pair} {rule.every} {rule.name}: {rule.when}", "pipeline")


def of_config(rule: Rule, on: str) -> AlertRule:
    """Return a rule of quantd.yaml on a pair or symbol."""
    return AlertRule(f"alerts/{rule.name}", rule, on, f"{on} {rule.every} {rule.name}: {rule.when}", "config")


def metrics_of(condition: Condition) -> frozenset[str]:
    """Return the metrics that a condition names."""
    return frozenset(clause.term.metric for clause in clauses(condition))


def is_sound(needs: float, quality: Quality, coverage: float) -> bool:
    """Return whether data of this quality and coverage are good enough for a rule that needs so much coverage."""
    return not needs or (quality != "gap" and coverage >= needs)


def values_of(point: PairPoint) -> Values:
    """Return the values of a point by the terms that name them."""
    return lambda term: sized(term, value_of(term.metric, point))


def value_of(metric: str, point: PairPoint) -> Metric:
    """Return a metric of a point; None if it has none."""
    if metric not in METRICS:
        return point.metrics.get(metric)
    value: Metric = getattr(point.hedge if metric in ("alpha", "beta") else point, metric)
    return value


class ValuesAt:
    """The values of a batch of points, each column read once."""

    def __init__(self, batch: PointColumns) -> None:
        self._batch = batch
        self._columns: dict[str, list[float]] = {}
        self._quality = batch.marks[1].tolist()

    def at(self, place: int) -> Callable[[Term], Metric]:
        """Return what `values_of` returns for the point at this place."""
        return lambda term: sized(term, self._value(term.metric, place))

    def is_sound(self, needs: float, at: int) -> bool:
        """Return whether the point at this place is good enough for a rule that needs so much coverage."""
        return is_sound(needs, QUALITIES[self._quality[at]], self._column("coverage")[at])

    def number(self, metric: str, at: int) -> float | None:
        """Return a number of the point at this place."""
        value = self._value(metric, at)
        return value if isinstance(value, float) else None

    def _value(self, metric: str, at: int) -> Metric:
        if metric not in METRICS:
            return self._batch.metrics[at].get(metric) if self._batch.metrics else None
        value = self._column(metric)[at]
        return None if isnan(value) else value

    def _column(self, name: str) -> list[float]:
        if name not in self._columns:
            self._columns[name] = self._batch.column(name).tolist()
        return self._columns[name]


def sized(term: Term, value: Metric) -> Metric:
    """Return the absolute value if the term asks for that."""
    return abs(value) if term.absolute and isinstance(value, int | float) else value
