"""Judges rules and tells each change of a rule's state once."""

import operator
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from msgspec import Struct

from quantd.clock import Clock
from quantd.config.rules import METRICS, Condition, Rule
from quantd.model import Alert, Metric, PairPoint, Tick
from quantd.timeframes import timeframe

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
Change = tuple[Alert, tuple[str, ...]]
"""An alert and the sinks that it goes to."""


class Moment(NamedTuple):
    """When a value was so, when it is judged, and the bar that it is of; see `Alert`."""

    since: int
    ts: int
    bar: int | None = None


class Watch(Struct):
    """One rule on one pair, or on one symbol's price; `since` is when it began to hold, None while it does not."""

    id: str
    rule: Rule
    on: str
    text: str
    live: bool = False
    """Judged on every tick and now-cast; otherwise on closed bars only."""
    since: int | None = None
    firing: str = ""
    """The id of its last firing."""
    began: int | None = None
    """When that began."""
    times: int = 0
    """How many began at that moment: trades of one millisecond may make a rule true more than once."""

    def begin(self, since: int) -> None:
        """It holds from now on. Each firing has an id of its own."""
        self.times = self.times + 1 if since == self.began else 1
        self.began = self.since = since
        self.firing = f"{self.id}@{since}" + (f".{self.times}" if self.times > 1 else "")


class AlertEngine:
    """All rules. A rule fires when its condition becomes true and resolves when it becomes false; no value changes nothing.

    Without a `clock`, as in a replay, a rule on closed bars fires at the end of its bar: the same data give the same alerts."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock
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

    def resume(self, watch_id: str, since: int, firing: str) -> bool:
        """A rule was firing since then when the daemon stopped: it must not fire again for the same reason. Whether there is that rule."""
        watch = self._watches.get(watch_id)
        if watch:
            watch.since = watch.began = since
            watch.firing, watch.times = firing, 1
        return watch is not None

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
        judged = (self._judged(watch, tick.price, Moment(tick.ts, tick.ts)) for tick in ticks for watch in watches)
        return [change for change in judged if change]

    def _judge_points(self, points: Iterable[PairPoint], *, live: bool, only: Collection[str] | None = None) -> list[Change]:
        judged = (
            self._judged(watch, measured(watch.rule.when, point), self._moment(point))
            for point in points
            for watch in self._on.get((point.pair, point.every, live), ())
            if (only is None or watch.rule.when.metric in only) and _sound(watch.rule, point)
        )
        return [change for change in judged if change]

    def _moment(self, point: PairPoint) -> Moment:
        """A now-cast is of its last trade; a closed bar is known at its end, and may be judged long after: behind an outage, say."""
        if point.provisional:
            return Moment(point.ts, point.ts)
        end = timeframe(point.every).end(point.ts)
        return Moment(end, max(end, self._clock.now()) if self._clock else end, point.ts)

    def _judged(self, watch: Watch, value: Metric, moment: Moment) -> Change | None:
        condition = watch.rule.when
        if value is None or isinstance(value, str) != isinstance(condition.value, str):
            return None
        holds = _COMPARE[condition.op](value, condition.value)
        if holds == (watch.since is not None):
            return None
        if holds:
            watch.begin(moment.since)
        since = moment.since if watch.since is None else watch.since
        watch.since = since if holds else None
        return _alert(watch, holds, since, value, moment), watch.rule.send


def _sound(rule: Rule, point: PairPoint) -> bool:
    """Whether the point is good enough for the rule. A state, such as that of a pair's health, may be about the data themselves."""
    if isinstance(rule.when.value, str) or not rule.coverage:
        return True
    return point.quality != "gap" and point.coverage >= rule.coverage


def measured(condition: Condition, point: PairPoint) -> Metric:
    """The value that a condition speaks of; None where the point has none."""
    value: Metric
    if condition.metric in METRICS:
        value = getattr(point.hedge if condition.metric in ("alpha", "beta") else point, condition.metric)
    else:
        value = point.metrics.get(condition.metric)
    return abs(value) if condition.absolute and isinstance(value, int | float) else value


def _place(watch: Watch) -> tuple[str, str, bool]:
    return watch.on, "" if watch.rule.when.metric == "price" else watch.rule.every, watch.live


def _alert(watch: Watch, holds: bool, since: int, value: float | str, moment: Moment) -> Alert:
    return Alert(
        id=watch.firing,
        alert_id=watch.id,
        rule=watch.rule.name,
        pair=watch.on,
        state="firing" if holds else "resolved",
        value=value,
        threshold=watch.rule.when.value,
        since=since,
        ts=moment.ts,
        text=watch.text,
        metric=watch.rule.when.metric,
        bar=moment.bar,
    )
