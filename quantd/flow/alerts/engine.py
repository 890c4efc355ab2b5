"""Judges rules and reports each change of a rule's state once."""

from collections.abc import Collection, Iterable
from itertools import chain
from operator import itemgetter

from quantd.clock import Clock
from quantd.columns.points import PointColumns
from quantd.conditions.verdict import Values, verdict
from quantd.config.rules import Rule
from quantd.flow.alerts.moment import Moment
from quantd.flow.alerts.places import needed_coverage
from quantd.flow.alerts.rule import AlertRule, ValuesAt, is_sound, metrics_of, of_pipeline, values_of
from quantd.flow.alerts.state import judged
from quantd.flow.alerts.table import RuleStates
from quantd.model import Alert, PairPoint, Tick
from quantd.timeframes import timeframe

Told = tuple[Alert, AlertRule]
"""An alert and its rule."""
Place = tuple[str, str, bool]
"""What a rule watches: a pair or symbol, the timeframe (empty for prices), and whether the rule is judged between closes."""


class AlertEngine:
    """Judges all rules. A rule fires when its condition becomes true and resolves when it becomes false; a missing value changes nothing.

    Without a `clock`, as in a replay, a rule on closed bars fires at the end of its bar, so the same data give the same alerts.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.states = RuleStates()
        self._clock = clock
        self._rules: dict[str, AlertRule] = {}
        self._at: dict[Place, list[AlertRule]] = {}
        self._watched: frozenset[tuple[str, str]] | None = None

    @property
    def watched(self) -> frozenset[tuple[str, str]]:
        """The pairs and timeframes of which now-casts are judged; the same object until a rule is put or removed."""
        if self._watched is None:
            self._watched = frozenset((on, every) for on, every, live in self._at if live and every)
        return self._watched

    @property
    def rules(self) -> list[AlertRule]:
        return list(self._rules.values())

    def rule(self, rule_id: str) -> AlertRule | None:
        """Return the rule of an id."""
        return self._rules.get(rule_id)

    def add(self, rule: Rule, pair: str) -> None:
        """Watch a rule on a pair's closed bars of the rule's timeframe. The rule replaces one of the same name on the pair."""
        self.put(of_pipeline(rule, pair))

    def put(self, rule: AlertRule) -> None:
        """Judge a rule from now on. The rule replaces one with the same id and starts with a fresh state."""
        self.remove(rule.id)
        self._rules[rule.id] = rule
        self._at.setdefault(_place(rule), []).append(rule)
        self._watched = None

    def remove(self, rule_id: str) -> None:
        """Stop judging a rule and delete its state."""
        rule = self._rules.pop(rule_id, None)
        if rule:
            self._watched = None
            self._at[_place(rule)].remove(rule)
            if not self._at[_place(rule)]:
                del self._at[_place(rule)]
        self.states.forget(rule_id)

    def remove_of_pipelines(self, pair: str) -> None:
        """Stop judging the rules of pipelines on a pair, and delete their states."""
        for rule in self.rules:
            if rule.on == pair and rule.origin == "pipeline":
                self.remove(rule.id)

    def judge(self, points: Iterable[PairPoint]) -> list[Told]:
        """Judge closed bars and return the changes, oldest first. Re-issued points are not judged again."""
        return self._judge_points((point for point in points if not point.revision), live=False)

    def judge_batch(self, batch: PointColumns) -> list[Told]:
        """Judge the first points of a closed bar and return the changes, in the order of the points."""
        watched = [(name, rules) for (name, every, live), rules in self._at.items() if every == batch.every and not live]
        if not watched:
            return []
        places = {name: at for at, name in enumerate(batch.pairs)}
        values, moment = ValuesAt(batch), self._closed(batch.every, batch.ts)
        told = (
            self._judge(rule, values.at(at), moment)
            for at, rules in sorted(((places[name], rules) for name, rules in watched if name in places), key=itemgetter(0))
            for rule in rules
            if values.is_sound(needed_coverage(rule), at)
        )
        return list(chain.from_iterable(told))

    def judge_late(self, points: Iterable[PairPoint], metrics: Collection[str]) -> list[Told]:
        """Judge metrics that arrived after their closed bars had been judged, and return the changes."""
        return self._judge_points(points, live=False, only=metrics)

    def judge_now(self, points: Iterable[PairPoint]) -> list[Told]:
        """Judge now-casts and return the changes."""
        return self._judge_points(points, live=True)

    def judge_prices(self, symbol: str, ticks: Iterable[Tick]) -> list[Told]:
        """Judge the price of each tick of a symbol and return the changes."""
        rules = self._at.get((symbol, "", True))
        if not rules:
            return []
        told = (self._judge(rule, _price(tick), Moment(tick.ts, tick.ts)) for tick in ticks for rule in rules)
        return list(chain.from_iterable(told))

    def _judge_points(self, points: Iterable[PairPoint], *, live: bool, only: Collection[str] | None = None) -> list[Told]:
        told = (
            self._judge(rule, values_of(point), self._moment(point))
            for point in points
            for rule in self._at.get((point.pair, point.every, live), ())
            if (only is None or not metrics_of(rule.rule.when).isdisjoint(only))
            and is_sound(needed_coverage(rule), point.quality, point.coverage)
        )
        return list(chain.from_iterable(told))

    def _moment(self, point: PairPoint) -> Moment:
        """Return the moment of a point. A now-cast is judged at its last trade; a closed bar at its end, or later, for example after an
        outage."""
        if point.provisional:
            return Moment(point.ts, point.ts)
        return self._closed(point.every, point.ts)

    def _closed(self, every: str, ts: int) -> Moment:
        """Return the moment at which a closed bar is judged."""
        end = timeframe(every).end(ts)
        return Moment(end, max(end, self._clock.now()) if self._clock else end, ts)

    def _judge(self, rule: AlertRule, values: Values, moment: Moment) -> list[Told]:
        state = self.states.of(rule.id)
        change = judged(rule, state, verdict(rule.rule.when, values, state.crossed), moment)
        if change is None:
            return []
        self.states.put(rule.id, change.state)
        return [(alert, rule) for alert in change.alerts]


def _price(tick: Tick) -> Values:
    return lambda term: abs(tick.price) if term.absolute else tick.price


def _place(rule: AlertRule) -> Place:
    return rule.watched, "" if metrics_of(rule.rule.when) == {"price"} else rule.rule.every, rule.live
