"""The rules by what they watch. Most rules compare a number with a level, and most values lie between the same levels as the value before:

    levels of the rules on one number      2     3           5
                                  ---------|-----|-----------|------>
    the last value lay here                          ^
    between 3 and 5 no rule changes              |<- quiet ->|

Such rules are looked at only when a value leaves this band, so that the cost of a value does not grow with their number.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import count
from math import inf, isnan, nan

from quantd.conditions.model import Compare, Term, clauses
from quantd.conditions.verdict import Values
from quantd.config.rules import Times
from quantd.flow.alerts.rule import AlertRule, metrics_of
from quantd.model import Metric

Place = tuple[str, str, bool]
"""What a rule watches: a pair or symbol, the timeframe (empty for prices), and whether the rule is judged between closes."""
Sound = Callable[[float], bool]
"""Returns whether data are good enough for a rule that needs this coverage."""
_NOBODY: list[tuple[str, "PlaceRules"]] = []
Judge = Callable[[AlertRule, Values | None], bool]


def place_of(rule: AlertRule) -> Place:
    """Return what a rule watches."""
    named = metrics_of(rule.rule.when) | (metrics_of(rule.rule.until) if rule.rule.until else set())
    only_price = rule.live and not rule.is_pair and named == {"price"} and not _looks_aside(rule)
    return rule.watched, "" if only_price else rule.rule.every, rule.live


def needed_coverage(rule: AlertRule) -> float:
    """Return the coverage that a rule needs. A rule on states alone needs none, since a state may describe bad data itself."""
    return 0.0 if all(isinstance(each, Compare) and isinstance(each.value, str) for each in clauses(rule.rule.when)) else rule.rule.coverage


class Band:
    """The rules of one place that compare the same number with levels. Between `low` and `high`, both excluded, none of them changes."""

    __slots__ = ("_awake", "_levels", "_numbers", "_value", "coverage", "high", "low", "rules", "term")

    def __init__(self, term: Term, coverage: float) -> None:
        self.term = term
        self.coverage = coverage
        self.rules: dict[int, AlertRule] = {}
        self.low = self.high = nan
        self._awake: set[int] = set()
        """The rules that have changed, or time has changed, since they were last looked at."""
        self._levels: list[float] = []
        self._numbers: list[int] = []
        """The rules by their levels, ascending."""
        self._value = nan
        """The value at which the rules were last looked at."""

    def put(self, number: int, rule: AlertRule) -> None:
        """Add a rule."""
        self.rules[number] = rule
        self._sort()
        self.wake(number)

    def drop(self, number: int) -> None:
        """Remove a rule."""
        del self.rules[number]
        self._awake.discard(number)
        self._sort()

    def wake(self, number: int) -> None:
        """Look at a rule at the next value, whatever it is."""
        self._awake.add(number)
        self.low = self.high = nan

    def due(self, value: float) -> list[int]:
        """Return the rules that may change at this value: those that are awake, and those whose levels lie between it and the last one."""
        low, high = (self._value, value) if self._value < value else (value, self._value)
        if isnan(high):
            return list(self.rules)
        passed = self._numbers[bisect_left(self._levels, low) : bisect_right(self._levels, high)]
        return [*self._awake, *passed] if self._awake else passed

    def settle(self, value: float, changed: set[int]) -> None:
        """Note that the rules were looked at, and which of them have changed."""
        self._value = value
        self._awake = changed & self.rules.keys()
        if self._awake:
            self.low = self.high = nan
            return
        below, above = bisect_right(self._levels, value), bisect_left(self._levels, value)
        self.low = self._levels[below - 1] if below else -inf
        self.high = self._levels[above] if above < len(self._levels) else inf

    def is_quiet(self, value: Metric) -> bool:
        """Return whether no rule changes at this value."""
        return value is None or (not isinstance(value, str) and self.low < value < self.high)

    def _sort(self) -> None:
        order = sorted((float(rule.rule.when.value), number) for number, rule in self.rules.items())  # type: ignore[union-attr]
        self._levels, self._numbers = [level for level, _ in order], [number for _, number in order]
        self.low = self.high = nan


class PlaceRules:
    """The rules of one place, in the order in which they were put."""

    def __init__(self) -> None:
        self.seen: int | None = None
        """When there was a value last (ms)."""
        self.latest: tuple[Values, Sound] | None = None
        """The latest values between closes, and whether they are good enough."""
        self.rules: dict[int, AlertRule] = {}
        self._others: dict[int, tuple[float, AlertRule]] = {}
        """The rules that are looked at each time, with the coverage that they need."""
        self._bands: dict[tuple[Term, float], Band] = {}
        self.fresh: list[AlertRule] = []
        """The rules that have not been judged since they were put."""
        self.looks_aside = False
        """Whether any rule names a leg or bars before."""
        self.minded: float | None = None
        """The least coverage that a rule needs on which missing data have an effect; None without such a rule."""

    def put(self, number: int, rule: AlertRule) -> None:
        """Add a rule. `number` determines its turn."""
        self.rules[number] = rule
        if key := band_of(rule):
            if key not in self._bands:
                self._bands[key] = Band(*key)
            self._bands[key].put(number, rule)
        else:
            self._others[number] = needed_coverage(rule), rule
        self.fresh.append(rule)
        self._note()

    def drop(self, number: int) -> None:
        """Remove a rule."""
        rule = self.rules.pop(number)
        self.fresh = [each for each in self.fresh if each is not rule]
        if key := band_of(rule):
            self._bands[key].drop(number)
            if not self._bands[key].rules:
                del self._bands[key]
        else:
            del self._others[number]
        self._note()

    def _note(self) -> None:
        self.looks_aside = any(_looks_aside(rule) for rule in self.rules.values())
        self.minded = min((needs for needs, rule in self._others.values() if rule.rule.no_data != "keep"), default=None)

    def wake(self, rule: AlertRule) -> None:
        """Note that the state of a rule has changed."""
        if key := band_of(rule):
            band = self._bands[key]
            band.wake(next(number for number, each in band.rules.items() if each.id == rule.id))

    def is_quiet(self, values: Values) -> bool:
        """Return whether no rule changes at these values."""
        if self._others:
            return False
        for band in self._bands.values():  # a loop, since `all` with a generator costs twice as much
            value = values(band.term)
            if not band.is_quiet(value):
                return False
        return True

    def judge(self, values: Values, sound: Sound, judge: Judge) -> None:
        """Call `judge` with each rule that these values may change, in turn, and the values; None where the data are not good enough. It
        returns whether the rule has changed."""
        due = {number: rule for number, (needs, rule) in self._others.items() if sound(needs) or rule.rule.no_data != "keep"}
        loud: list[tuple[Band, float]] = []
        for band in self._bands.values():
            value = values(band.term)
            if isinstance(value, int | float) and not band.is_quiet(value) and sound(band.coverage):
                loud.append((band, value))
                for number in band.due(value):
                    due[number] = band.rules[number]
        changed = set()
        for number in sorted(due) if loud else due:
            needs = self._others[number][0] if number in self._others else 0.0
            if judge(due[number], values if sound(needs) else None):
                changed.add(number)
        for band, value in loud:
            band.settle(value, changed)


class Places:
    """All rules, by id and by place."""

    def __init__(self) -> None:
        self.rules: dict[str, AlertRule] = {}
        self._numbers: dict[str, int] = {}
        self._at: dict[Place, PlaceRules] = {}
        self._watched: frozenset[tuple[str, str]] | None = None
        self._on_ticks: dict[str, list[tuple[str, PlaceRules]]] | None = None
        self._named: dict[tuple[str, str], dict[str, int]] = {}
        """The number of rules on closed bars that name a symbol, by symbol and timeframe, and by pair."""
        self._next = count()

    @property
    def watched(self) -> frozenset[tuple[str, str]]:
        """The pairs and timeframes of which now-casts are judged; the same object until a rule is put or dropped."""
        if self._watched is None:
            self._watched = frozenset((on, every) for on, every, live in self._at if live and "-" in on)
        return self._watched

    def put(self, rule: AlertRule) -> None:
        """Add a rule."""
        number, place = next(self._next), place_of(rule)
        self.rules[rule.id], self._numbers[rule.id] = rule, number
        self._at.setdefault(place, PlaceRules()).put(number, rule)
        self._count(rule, 1)
        self._watched = self._on_ticks = None

    def drop(self, rule_id: str) -> Place | None:
        """Remove a rule. Return its place if no rule is left there."""
        rule = self.rules.pop(rule_id, None)
        if rule is None:
            return None
        place = place_of(rule)
        self._at[place].drop(self._numbers.pop(rule_id))
        self._count(rule, -1)
        self._watched = self._on_ticks = None
        if self._at[place].rules:
            return None
        del self._at[place]
        return place

    def get(self, place: Place) -> PlaceRules | None:
        """Return the rules of a place."""
        return self._at.get(place)

    def of(self, rule: AlertRule) -> PlaceRules:
        """Return the rules of the place of a rule."""
        return self._at[place_of(rule)]

    def on_closes(self, symbol: str, every: str) -> bool:
        """Return whether rules look at closed bars of a symbol, themselves or in a pair."""
        return (symbol, every, False) in self._at or (symbol, every) in self._named

    def on_ticks(self, symbol: str) -> list[tuple[str, PlaceRules]]:
        """Return the rules that are judged at each trade of a symbol, with their timeframe."""
        if self._on_ticks is None:
            self._on_ticks = {}
            for (on, every, live), at in self._at.items():
                if live:
                    self._on_ticks.setdefault(on, []).append((every, at))
        return self._on_ticks.get(symbol, _NOBODY)

    def with_leg(self, symbol: str, every: str) -> frozenset[str]:
        """Return the pairs with rules on closed bars that name a number of this symbol."""
        return frozenset(self._named.get((symbol, every), ()))

    def _count(self, rule: AlertRule, by: int) -> None:
        for symbol in legs_named(rule) if not rule.live else ():
            pairs = self._named.setdefault((symbol, rule.rule.every), {})
            pairs[rule.watched] = pairs.get(rule.watched, 0) + by
            if not pairs[rule.watched]:
                del pairs[rule.watched]
            if not pairs:
                del self._named[symbol, rule.rule.every]


def legs_named(rule: AlertRule) -> set[str]:
    """Return the symbols of which a rule on a pair names a number."""
    legs = {"y": rule.legs[0], "x": rule.legs[-1]}
    conditions = [each for each in (rule.rule.when, rule.rule.until) if each is not None]
    return {legs.get(term.of, term.of) for each in conditions for clause in clauses(each) if (term := clause.term).of}


def _looks_aside(rule: AlertRule) -> bool:
    conditions = [each for each in (rule.rule.when, rule.rule.until) if each is not None]
    return any(clause.term.bars or clause.term.of for each in conditions for clause in clauses(each))


def band_of(rule: AlertRule) -> tuple[Term, float] | None:
    """Return the number and the coverage of a rule whose state depends on the side of a level alone; None for others."""
    when, plain = rule.rule.when, rule.rule
    if not isinstance(when, Compare) or isinstance(when.value, str) or when.term.of or when.term.bars:
        return None
    if plain.until or plain.cooldown or plain.no_data != "keep" or plain.times != Times():
        return None
    return when.term, plain.coverage
