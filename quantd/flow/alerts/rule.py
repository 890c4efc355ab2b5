"""An alert rule on a pair or symbol, and the value of a point that its condition names."""

from msgspec import Struct

from quantd.config.rules import METRICS, Condition, Rule
from quantd.model import Metric, PairPoint


class AlertRule(Struct, frozen=True):
    """One rule on one pair, or on one symbol's price. `text` is the text of its alerts."""

    id: str
    rule: Rule
    on: str
    text: str
    live: bool = False
    """Judged on every tick and now-cast; otherwise on closed bars only."""


def of_pipeline(rule: Rule, pair: str) -> AlertRule:
    """A pipeline's rule on a pair's closed bars of the rule's timeframe."""
    return AlertRule(f"{pair}/{rule.name}", rule, pair, f"{pair} {rule.every} {rule.name}: {rule.when}")


def is_sound(rule: Rule, point: PairPoint) -> bool:
    """Whether the point is good enough for the rule. A state, such as that of a pair's health, may be about the data themselves."""
    if isinstance(rule.when.value, str) or not rule.coverage:
        return True
    return point.quality != "gap" and point.coverage >= rule.coverage


def measured(condition: Condition, point: PairPoint) -> Metric:
    """The value that a condition names; None if the point has none."""
    value: Metric
    if condition.metric in METRICS:
        value = getattr(point.hedge if condition.metric in ("alpha", "beta") else point, condition.metric)
    else:
        value = point.metrics.get(condition.metric)
    return abs(value) if condition.absolute and isinstance(value, int | float) else value
