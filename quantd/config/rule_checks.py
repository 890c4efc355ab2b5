"""Checks one alert rule: its condition against what it watches, `until` against `when`, and its keys against one another."""

from collections.abc import Iterator
from typing import NamedTuple

from quantd.conditions.certain import implies
from quantd.conditions.errors import WrongCondition
from quantd.conditions.model import Condition, clauses
from quantd.conditions.parse import located
from quantd.config.bounds import domain_of, flaw
from quantd.config.matchers import NAMES, can_be_named
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.rules import Flapping, Rule
from quantd.config.sections import Part
from quantd.config.subjects import Judging, Subject, located_clauses
from quantd.timeframes import SECOND

_WITHOUT_BARS = frozenset({"price", "latency"})
"""Metrics of a symbol that do not come from its bars."""


class Fault(NamedTuple):
    """A mistake in a key of a rule."""

    key: str
    message: str


def demand_sound(text: str, condition: Condition, judging: Judging, subject: Subject) -> None:
    """Raise WrongCondition, at the word, unless a condition of a rule means something for what it watches and the data decide it. `text`
    states the condition."""
    places = located(text).places
    for clause, place in located_clauses(condition, places):
        subject.demand_known(clause, place, judging.every)
    found = flaw(condition, subject.ranges_for(judging), subject.words_in(condition, judging.every))
    if found:
        number = next(number for number, clause in enumerate(clauses(condition)) if clause is found.clause)
        span = places[number].clause
        raise WrongCondition(found.message, span.begin, span.end, found.suggestion)


def demand_ending(when: Condition, until: Condition, judging: Judging, subject: Subject) -> None:
    """Raise ValueError if a firing would resolve at once, for ever: if `until` certainly holds wherever `when` does."""
    words = subject.words_in(when, judging.every) | subject.words_in(until, judging.every)
    if implies(when, until, domain_of(subject.ranges_for(judging), words, when, until)):
        raise ValueError(f"{until} holds wherever {when} does: the rule would fire and resolve for ever; take another threshold")


def faults(rule: Rule, given: frozenset[str]) -> Iterator[Fault]:
    """Yield what is wrong with the keys of a rule; `given` are those that its maker wrote."""
    if "no_data_for" in given and rule.no_data == "keep":
        yield Fault("no_data_for", "means nothing with `no_data: keep`: write `no_data: fire` or `resolve`, or take it out")
    if any(span < SECOND for span in rule.repeat):
        yield Fault("repeat", "a reminder comes after 1s at the earliest")
    if isinstance(rule.flapping, Flapping) and rule.flapping.within < SECOND:
        yield Fault("flapping", "`in` is at least 1s")
    if rule.late and rule.on == "tick":
        yield Fault("late", "means nothing with `on: tick`: ticks are not judged afterwards; take one of the two out")
    if "every" in given and rule.on == "tick" and not _has_bars(rule):
        yield Fault("every", "means nothing for a rule on ticks whose condition names no bars: take it out")
    yield from (Fault("labels", message) for name in rule.labels if (message := _label_fault(name, rule.labels[name])))


def _label_fault(name: str, value: str) -> str:
    """Return what is wrong with the name of a label, which matchers must be able to tell from what every alert has."""
    if name == "severity":
        return f"`severity` is a key of the rule: write `severity: {value}` beside `labels:`"
    if name in NAMES:
        return f"{name!r} is a word that every alert has: give the label another name"
    return "" if can_be_named(name) else f"{name!r} is no name of a label: take letters, digits and `_`, and a letter first"


def _has_bars(rule: Rule) -> bool:
    """Return whether a condition names what comes from bars of a timeframe."""
    conditions = [each for each in (rule.when, rule.until) if each is not None]
    terms = [clause.term for condition in conditions for clause in clauses(condition)]
    return any(term.bars or term.metric not in _WITHOUT_BARS for term in terms)


class RuleChecks:
    """Notes the mistakes of rules in a reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def sound(self, part: Part, subject: Subject, every: str | None) -> bool:
        """Return whether a rule that was read has no mistake. Its conditions are checked even if its other keys have one."""
        rule: Rule | None = part.value
        before = len(self._reader.mistakes)
        judging = Judging(every, part.keys["on"].value or "close", part.keys["coverage"].value or 0.0)
        when, until = part.keys["when"], part.keys["until"]
        sound = [self._condition(each, judging, subject) for each in (when, until)]
        if all(sound) and until.node:
            try:
                demand_ending(when.value, until.value, judging, subject)
            except ValueError as error:
                self._reader.wrong(until.node, until.path, str(error))
        given = frozenset(key for key, each in part.keys.items() if each.node is not None)
        for fault in faults(rule, given) if rule else ():
            key = part.keys[fault.key]
            self._reader.wrong(key.node or part.node or Node(None, ""), key.path, fault.message)
        return rule is not None and len(self._reader.mistakes) == before

    def _condition(self, part: Part, judging: Judging, subject: Subject) -> bool:
        """Return whether a condition is sound; one that is not given is."""
        node = part.node
        if part.value is None or node is None:
            return node is None
        text = node.filled.text if node.filled and node.filled.text is not None else node.value
        try:
            demand_sound(text, part.value, judging, subject)
        except WrongCondition as error:
            self._reader.wrong_word(node, part.path, error)
            return False
        return True
