"""Judges rules on points and tells each change of a rule's state once."""

import operator
from collections.abc import Callable, Iterable

from msgspec import Struct

from quantd.config.rules import Condition, Rule
from quantd.model import Alert, AlertState, PairPoint

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}


def measured(condition: Condition, point: PairPoint) -> float | None:
    """The value that a condition speaks of; None where the point has none."""
    if condition.metric in point.metrics:
        value = point.metrics[condition.metric]
    else:
        source = point.hedge if condition.metric in ("alpha", "beta") else point
        value = getattr(source, condition.metric, None)
    return abs(value) if value is not None and condition.absolute else value


class Watch(Struct):
    """One rule on one pair; `since` is when it began to hold, None while it does not."""

    rule: Rule
    pair: str
    since: int | None = None

    @property
    def alert_id(self) -> str:
        return f"{self.pair}/{self.rule.name}"


class AlertEngine:
    """All rules of all pairs. A rule fires when its condition becomes true and resolves when it becomes false; no value changes nothing."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, str], dict[str, Watch]] = {}

    def add(self, rule: Rule, pair: str) -> None:
        """Watch a rule on a pair's points of the rule's timeframe. A rule of the same name on the pair is replaced."""
        self._watches.setdefault((pair, rule.every), {})[rule.name] = Watch(rule, pair)

    def judge(self, points: Iterable[PairPoint]) -> list[tuple[Alert, tuple[str, ...]]]:
        """What changed with these points, oldest first, each with the sinks it goes to. Re-issued points are not judged again."""
        changes = []
        for point in points:
            if point.revision:
                continue
            for watch in self._watches.get((point.pair, point.every), {}).values():
                if alert := _judged(watch, point):
                    changes.append((alert, watch.rule.send))
        return changes


def _judged(watch: Watch, point: PairPoint) -> Alert | None:
    condition = watch.rule.when
    value = measured(condition, point)
    if value is None:
        return None
    holds = _COMPARE[condition.op](value, condition.value)
    if holds == (watch.since is not None):
        return None
    since = point.ts if watch.since is None else watch.since
    watch.since = point.ts if holds else None
    return _alert(watch, point, "firing" if holds else "resolved", value, since)


def _alert(watch: Watch, point: PairPoint, state: AlertState, value: float, since: int) -> Alert:
    condition = watch.rule.when
    return Alert(
        id=f"{watch.alert_id}@{since}",
        alert_id=watch.alert_id,
        rule=watch.rule.name,
        pair=watch.pair,
        state=state,
        value=value,
        threshold=condition.value,
        since=since,
        ts=point.ts,
        text=f"{watch.pair} {point.every} {watch.rule.name}: {state}, {condition} ({value:.4g})",
    )
