"""Judges rules and tells each change of a rule's state once."""

import operator
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

from msgspec import Struct

from quantd.config.rules import Condition, Rule
from quantd.model import Alert, AlertState, Metric, PairPoint, Tick

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_FIRED_KEPT = 1_000
Change = tuple[Alert, tuple[str, ...]]
"""An alert and the sinks that it goes to."""


class Watch(Struct):
    """One rule on one pair, or on one symbol's price; `since` is when it began to hold, None while it does not."""

    id: str
    rule: Rule
    on: str
    text: str
    live: bool = False
    """Judged on every tick and now-cast; otherwise on closed bars only."""
    since: int | None = None


class AlertEngine:
    """All rules. A rule fires when its condition becomes true and resolves when it becomes false; no value changes nothing."""

    def __init__(self) -> None:
        self.fired: deque[Alert] = deque(maxlen=_FIRED_KEPT)
        self._watches: dict[str, Watch] = {}
        self._on: dict[tuple[str, str, bool], list[Watch]] = {}

    @property
    def live(self) -> bool:
        """Whether any rule is judged between closes."""
        return any(watch.live for watch in self._watches.values())

    @property
    def watches(self) -> list[Watch]:
        return list(self._watches.values())

    def add(self, rule: Rule, pair: str) -> None:
        """Watch a rule on a pair's closed bars of the rule's timeframe. A rule of the same name on the pair is replaced."""
        self.put(Watch(f"{pair}/{rule.name}", rule, pair, f"{pair} {rule.every} {rule.name}: {rule.when}"))

    def put(self, watch: Watch) -> None:
        """Watch it from now on, in the place of one with the same id."""
        self.remove(watch.id)
        self._watches[watch.id] = watch
        self._on.setdefault(_place(watch), []).append(watch)

    def remove(self, watch_id: str) -> bool:
        """Whether there was one."""
        watch = self._watches.pop(watch_id, None)
        if watch:
            self._on[_place(watch)].remove(watch)
        return watch is not None

    def resume(self, watch_id: str, since: int) -> None:
        """A rule was firing since then when the daemon stopped: it must not fire again for the same reason."""
        if watch_id in self._watches:
            self._watches[watch_id].since = since

    def judge(self, points: Iterable[PairPoint]) -> list[Change]:
        """What changed with these closed bars, oldest first. Re-issued points are not judged again."""
        return self._judge_points((point for point in points if not point.revision), live=False)

    def judge_late(self, points: Iterable[PairPoint], metrics: Collection[str]) -> list[Change]:
        """What changed with these metrics, which came after their closed bars had been judged."""
        return self._judge_points(points, live=False, only=metrics)

    def judge_now(self, points: Iterable[PairPoint]) -> list[Change]:
        """What changed with these now-casts."""
        return self._judge_points(points, live=True)

    def judge_prices(self, symbol: str, ticks: Iterable[Tick]) -> list[Change]:
        """What changed with each of these ticks of a symbol."""
        watches = self._on.get((symbol, "", True))
        if not watches:
            return []
        return self._told(self._judged(watch, tick.price, tick.ts) for tick in ticks for watch in watches)

    def _judge_points(self, points: Iterable[PairPoint], *, live: bool, only: Collection[str] | None = None) -> list[Change]:
        return self._told(
            self._judged(watch, measured(watch.rule.when, point), point.ts)
            for point in points
            for watch in self._on.get((point.pair, point.every, live), ())
            if (only is None or watch.rule.when.metric in only) and _sound(watch.rule, point)
        )

    def _told(self, alerts: Iterable[Change | None]) -> list[Change]:
        changes = [change for change in alerts if change]
        self.fired.extend(alert for alert, _ in changes if alert.state == "firing")
        return changes

    def _judged(self, watch: Watch, value: Metric, ts: int) -> Change | None:
        condition = watch.rule.when
        if value is None or isinstance(value, str) != isinstance(condition.value, str):
            return None
        holds = _COMPARE[condition.op](value, condition.value)
        if holds == (watch.since is not None):
            return None
        since = ts if watch.since is None else watch.since
        watch.since = ts if holds else None
        return _alert(watch, "firing" if holds else "resolved", value, since, ts), watch.rule.send


def _sound(rule: Rule, point: PairPoint) -> bool:
    """Whether the point is good enough for the rule. A state, such as that of a pair's health, may be about the data themselves."""
    if isinstance(rule.when.value, str) or not rule.coverage:
        return True
    return point.quality != "gap" and point.coverage >= rule.coverage


def measured(condition: Condition, point: PairPoint) -> Metric:
    """The value that a condition speaks of; None where the point has none."""
    value: Metric
    if condition.metric in point.metrics:
        value = point.metrics[condition.metric]
    else:
        source = point.hedge if condition.metric in ("alpha", "beta") else point
        value = getattr(source, condition.metric, None)
    return abs(value) if condition.absolute and isinstance(value, int | float) else value


def _place(watch: Watch) -> tuple[str, str, bool]:
    return watch.on, "" if watch.rule.when.metric == "price" else watch.rule.every, watch.live


def _alert(watch: Watch, state: AlertState, value: float | str, since: int, ts: int) -> Alert:
    return Alert(
        id=f"{watch.id}@{since}",
        alert_id=watch.id,
        rule=watch.rule.name,
        pair=watch.on,
        state=state,
        value=value,
        threshold=watch.rule.when.value,
        since=since,
        ts=ts,
        text=watch.text,
        metric=watch.rule.when.metric,
    )
