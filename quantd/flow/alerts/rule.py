"""An alert rule on a pair or symbol, and the value of a point that its condition names."""

from msgspec import Struct

from quantd.config.rules import METRICS, Condition, Rule
from quantd.model import Metric, PairPoint


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


def is_sound(rule: Rule, point: PairPoint) -> bool:
    """Return whether the point is good enough for the rule. States are exempt: a state such as a pair's health may describe bad data
    itself."""
    if isinstance(rule.when.value, str) or not rule.coverage:
        return True
    return point.quality != "gap" and point.coverage >= rule.coverage


def measured(condition: Condition, point: PairPoint) -> Metric:
    """Return the value that a condition names; None if the point has none."""
    value: Metric
    if condition.metric in METRICS:
        value = getattr(point.hedge if condition.metric in ("alpha", "beta") else point, condition.metric)
    else:
        value = point.metrics.get(condition.metric)
    return abs(value) if condition.absolute and isinstance(value, int | float) else value
