"""Judges rules and reports each change of a rule's state once."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial

from quantd.clock import Clock
from quantd.columns.points import PointColumns
from quantd.config.rules import Rule
from quantd.flow.alerts.closes import Closes, Row
from quantd.flow.alerts.inputs import Inputs
from quantd.flow.alerts.judging import Judging
from quantd.flow.alerts.moment import Moment
from quantd.flow.alerts.places import Place, Places, place_of
from quantd.flow.alerts.presence import Presence
from quantd.flow.alerts.rule import AlertRule, ValuesAt, is_sound, metrics_of, of_pipeline, values_of
from quantd.flow.alerts.state import passed
from quantd.flow.alerts.table import RuleStates
from quantd.flow.alerts.told import Told
from quantd.history.history import History
from quantd.model import Bar, Gap, PairPoint, Tick
from quantd.rule_state import RuleState
from quantd.timeframes import timeframe

_BEHIND_MS = 1_000
"""A price without trades counts as unchanged up to this long before now: later trades may be on their way."""


class AlertEngine:
    """Judges all rules. A rule fires when its condition becomes true and resolves when it becomes false; a missing value changes nothing.

    Without a `clock`, as in a replay, time is that of the closed bars, so the same data give the same alerts. `history` has the bars and
    points that a rule names besides those that are judged.
    """

    def __init__(self, clock: Clock | None = None, history: History | None = None) -> None:
        self.states = RuleStates()
        self._clock = clock
        self._inputs = Inputs(history)
        self._judging = Judging(self.states)
        self._places = Places()
        self._presence = Presence()
        self._closes = Closes(clock, self._judging, self.states, self._inputs)
        self._minders: dict[str, AlertRule] = {}
        """The rules on which missing data have an effect."""

    @property
    def watched(self) -> frozenset[tuple[str, str]]:
        """The pairs and timeframes of which now-casts are judged; the same object until a rule is put or removed."""
        return self._places.watched

    @property
    def rules(self) -> list[AlertRule]:
        return list(self._places.rules.values())

    def rule(self, rule_id: str) -> AlertRule | None:
        """Return the rule of an id."""
        return self._places.rules.get(rule_id)

    def add(self, rule: Rule, pair: str) -> None:
        """Watch a rule on a pair's closed bars of the rule's timeframe. The rule replaces one of the same name on the pair."""
        self.put(of_pipeline(rule, pair))

    def put(self, rule: AlertRule) -> None:
        """Judge a rule from now on. The rule replaces one with the same id and starts with a fresh state."""
        self.remove(rule.id)
        self._places.put(rule)
        self._judging.begin(rule)
        if rule.rule.no_data != "keep":
            self._minders[rule.id] = rule

    def restore(self, stored: Mapping[str, RuleState], places: Mapping[str, int]) -> None:
        """Take up the states that an earlier run stored for the rules, what is due for them, and how far it has judged each series."""
        self.states.restore(stored, self._places.rules.keys(), places)
        for rule_id in self.states.restored:
            rule = self._places.rules[rule_id]
            self._judging.note(rule, self.states.of(rule_id))
            self._places.of(rule).wake(rule)

    def remove(self, rule_id: str) -> None:
        """Stop judging a rule and delete its state."""
        place = self._places.drop(rule_id)
        if place:
            self._presence.forget(place)
            self.states.forget_place(f"{place[0]} {place[1]}")
        self._judging.end(rule_id)
        self._closes.forget(rule_id)
        self._minders.pop(rule_id, None)
        self.states.forget(rule_id)

    def remove_of_pipelines(self, pair: str) -> None:
        """Stop judging the rules of pipelines on a pair, and delete their states."""
        for rule in self.rules:
            if rule.on == pair and rule.origin == "pipeline":
                self.remove(rule.id)

    def judge(self, points: Iterable[PairPoint], newest: int = 0) -> list[Told]:
        """Judge closed bars and return the changes, oldest first. Bars that open before `newest` (ms) closed while the daemon was down.
        If bars that were judged before have been mended, their rules are judged again from there on."""
        rows = ((point.pair, point.every, self._closes.of_point(point), point.revision) for point in points)
        return list(self._judge_closed(rows, newest))

    def judge_bars(self, bars: Iterable[Bar], newest: int = 0) -> list[Told]:
        """Judge closed bars of a symbol, as `judge` does points, and again those rules on pairs that name a number of a mended bar."""
        known = [bar for bar in bars if self._places.on_closes(bar.symbol, bar.every)]
        rows = ((bar.symbol, bar.every, self._closes.of_bar(bar), bar.revision) for bar in known)
        told = list(self._judge_closed(rows, newest))
        for bar in known:
            for pair in self._places.with_leg(bar.symbol, bar.every) if bar.revision else ():
                if at := self._places.get((pair, bar.every, False)):
                    told += self._closes.mend(at, pair, bar.every, bar.ts)
        return told

    def judge_batch(self, batch: PointColumns) -> list[Told]:
        """Judge the first points of a closed bar and return the changes, in the order of the points."""
        places = [(at, name, rules) for at, name in enumerate(batch.pairs) if (rules := self._places.get((name, batch.every, False)))]
        if not places:
            return []
        end = timeframe(batch.every).end(batch.ts)
        told = [] if self._clock else self.advance(end)
        values = ValuesAt(batch)
        for at, name, rules in places:
            if rules.is_quiet(values.at(at)):
                told += self._closes.pass_over(rules, f"{name} {batch.every}", end)
            else:
                told += self._closes.judge(rules, name, batch.every, self._closes.of_batch(values, batch, at))
        return told

    def judge_late(self, points: Iterable[PairPoint], metrics: Collection[str]) -> list[Told]:
        """Judge metrics that arrived after their closed bars had been judged, and return the changes."""
        return [
            told
            for point in points
            if (at := self._places.get((point.pair, point.every, False)))
            for rule in at.rules.values()
            if not metrics_of(rule.rule.when).isdisjoint(metrics)
            for told in self._closes.judge_late(at, rule, self._closes.of_point(point))
        ]

    def judge_now(self, points: Iterable[PairPoint]) -> list[Told]:
        """Judge now-casts and return the changes."""
        told: list[Told] = []
        for point in points:
            place = point.pair, point.every, True
            if at := self._places.get(place):
                told += self._pass_to(point.ts)
                values = self._inputs.of_nowcast(point) if at.looks_aside else values_of(point)
                if at.is_quiet(values):
                    continue
                at.values = values
                sound = partial(is_sound, quality=point.quality, coverage=point.coverage)
                moment = Moment(point.ts, point.ts, None, self._presence.covered(place, point.ts), point.zscore, point.hedge.beta)
                told += self._judging.judge_all(at, values, sound, moment)
        return told

    def judge_prices(self, symbol: str, ticks: Iterable[Tick]) -> list[Told]:
        """Judge the price of each tick of a symbol and return the changes."""
        self._presence.note_trades(symbol)
        told: list[Told] = []
        for every, at in self._places.on_ticks(symbol):
            place = symbol, every, True
            for tick in ticks:
                told += self._pass_to(tick.ts)
                values = self._inputs.of_tick(tick, every)
                if not at.is_quiet(values):
                    at.values = values
                    moment = Moment(tick.ts, tick.ts, None, self._presence.covered(place, tick.ts))
                    told += self._judging.judge_all(at, values, _always, moment)
        return told

    def lose(self, symbols: Iterable[str]) -> None:
        """Note that the stream may have missed trades of these symbols: the time until their next trade is not covered."""
        self._presence.lose(symbols)

    def note_gaps(self, gaps: Iterable[Gap]) -> None:
        """Note gaps that opened or closed: the time while one is open is not covered."""
        self._presence.note_gaps(gaps)

    def advance(self, now: int | None = None) -> list[Told]:
        """Let time pass up to `now` (ms), by default that of the clock: what was due by then, and the effect of data that do not come.
        Return the changes."""
        now = now if now is not None else self._clock.now() if self._clock else 0
        told: list[Told] = []
        for at, rule_id in self._judging.timers.take(now):
            rule = self._places.rules[rule_id]
            state = self.states.of(rule_id)
            if change := passed(rule, state, now if self._clock else at):
                self._judging.put(rule, state, change, at)
                self._places.of(rule).wake(rule)
                told += [(alert, rule) for alert in change.alerts]
        for rule in self._minders.values():
            told += self._judging.mind(self._places.of(rule), rule, now)
        if self._clock and self._judging.restless:
            told += self._wait(now - _BEHIND_MS)
        return told

    def _pass_to(self, ts: int) -> list[Told]:
        """Let time pass up to `ts` (ms) in a replay, where nothing else tells the time."""
        return self.advance(ts) if self._clock is None and self._judging.timers.is_due(ts) else []

    def _wait(self, now: int) -> list[Told]:
        """Judge the last prices again on behalf of rules for which it matters how long they last."""
        told: list[Told] = []
        for place in dict.fromkeys(place_of(rule) for rule in self._judging.restless.values() if rule.live):
            at = self._places.get(place)
            if at and at.values and self._presence.is_covered(place) and (covered := self._presence.covered(place, now)):
                told += self._judging.judge_all(at, at.values, _always, Moment(now, now, None, covered))
        return told

    def _judge_closed(self, rows: Iterable[tuple[str, str, Row, int]], newest: int) -> Iterator[Told]:
        mended: dict[Place, int] = {}
        for name, every, row, revision in rows:
            place = name, every, False
            at = self._places.get(place)
            if at is None:
                continue
            if not self._closes.is_new(name, every, row):
                mended[place] = min(row.ts, mended.get(place, row.ts))
            elif row.ts < newest:
                self._closes.catch_up(at, name, every, row)
            elif not revision or self._closes.is_known(name, every):
                if self._clock is None:
                    yield from self.advance(row.moment.since)
                yield from self._closes.judge(at, name, every, row)
        for place, first in mended.items():
            if at := self._places.get(place):
                yield from self._closes.mend(at, *place[:2], first)


def _always(needs: float) -> bool:
    return True
