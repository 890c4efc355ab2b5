"""Checks one alert rule: its condition against what it watches, `until` against `when`, and its keys against one another."""

from collections.abc import Iterator
from typing import NamedTuple

from quantd.conditions.certain import implies
from quantd.conditions.errors import WrongCondition
from quantd.conditions.model import Condition, clauses
from quantd.conditions.parse import located
from quantd.config.bounds import domain_of, flaw
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.rules import Flapping, Rule
from quantd.config.sections import Part
from quantd.config.subjects import Subject, located_clauses
from quantd.timeframes import SECOND

_WITHOUT_BARS = frozenset({"price", "latency"})
"""Metrics of a symbol that do not come from its bars."""


class Fault(NamedTuple):
    """What is wrong with a key of a rule."""

    key: str
    message: str


def demand_sound(text: str, condition: Condition, rule: Rule, subject: Subject, every: str | None) -> None:
    """Raise WrongCondition, at the word, unless a condition of a rule means something for what it watches and the data decide it. `text`
    states the condition."""
    places = located(text).places
    for clause, place in located_clauses(condition, places):
        subject.demand_known(clause, place, every)
    found = flaw(condition, subject.ranges_for(rule, every), subject.words_in(condition, every))
    if found:
        number = next(number for number, clause in enumerate(clauses(condition)) if clause is found.clause)
        span = places[number].clause
        raise WrongCondition(found.message, span.begin, span.end, found.suggestion)


def demand_ending(rule: Rule, subject: Subject, every: str | None) -> None:
    """Raise ValueError if a firing would resolve at once, for ever: if `until` certainly holds wherever `when` does."""
    if rule.until is None:
        return
    words = subject.words_in(rule.when, every) | subject.words_in(rule.until, every)
    domain = domain_of(subject.ranges_for(rule, every), words, rule.when, rule.until)
    if implies(rule.when, rule.until, domain):
        raise ValueError(f"{rule.until} holds wherever {rule.when} does: the rule would fire and resolve for ever; take another threshold")


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
        """Return whether a rule that was read has no mistake."""
        rule: Rule | None = part.value
        before = len(self._reader.mistakes)
        if rule is None:
            return False
        decided = [self._condition(part.keys[key], rule, subject, every) for key in ("when", "until")]
        until = part.keys["until"]
        if all(decided) and until.node:
            try:
                demand_ending(rule, subject, every)
            except ValueError as error:
                self._reader.wrong(until.node, until.path, str(error))
        given = frozenset(key for key, each in part.keys.items() if each.node is not None)
        for fault in faults(rule, given):
            key = part.keys[fault.key]
            self._reader.wrong(key.node or part.node or Node(None, ""), key.path, fault.message)
        return len(self._reader.mistakes) == before

    def _condition(self, part: Part, rule: Rule, subject: Subject, every: str | None) -> bool:
        node = part.node
        if part.value is None or node is None:
            return part.value is None and node is None
        text = node.filled.text if node.filled and node.filled.text is not None else node.value
        try:
            demand_sound(text, part.value, rule, subject, every)
        except WrongCondition as error:
            self._reader.wrong_word(node, part.path, error)
            return False
        return True
