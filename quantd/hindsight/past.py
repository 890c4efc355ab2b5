"""Judges rules over recorded points and bars."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from quantd.conditions.model import clauses
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.config.texts import as_legs, as_symbol
from quantd.flow.alerts.rule import AlertRule
from quantd.hindsight.metrics import demand_meaning, demand_recorded
from quantd.hindsight.model import PastQuestion, Report
from quantd.hindsight.report import report
from quantd.history.history import History
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER

EVERY = "1m"
MOST_ROWS = 10_000
"""Largest number of points or bars that one rule is judged on."""
_BACK = 1_000
"""Number of bars before the first point, which moves of a leg may look back to."""


def rules_of(asked: PastQuestion, known: Sequence[AlertRule]) -> list[AlertRule]:
    """Return the rules that a question names, by name or id, or the rule that its condition makes. Raises ValueError."""
    of = _subject(asked.of) if asked.of else ""
    found = [each for each in known if asked.rule in (each.rule.name, each.id) and of in ("", each.on)]
    if found:
        return [_on(each, asked.every) for each in found]
    if is_name(asked.rule):
        named = sorted({each.rule.name for each in known})
        raise ValueError(f"no rule on {of or 'any pair or symbol'} is named {asked.rule}; there is {', '.join(named) or 'none'}")
    when = parse_condition(asked.rule)
    if not of:
        raise ValueError("a condition is judged on one pair or symbol: name it, as in BTCUSDT-ETHUSDT")
    rule = Rule(name="condition", when=when, every=EVERY)
    demand_meaning(asked.rule, rule, of)
    return [_on(AlertRule(f"{of}/condition", rule, of, f"{of} {when}"), asked.every)]


def _subject(text: str) -> str:
    """Return a pair or symbol as it is written. Raises ValueError."""
    return "-".join(as_legs(text)) if "-" in text else as_symbol(text)


def is_name(text: str) -> bool:
    """Return whether a text can only be the name or id of a rule.

    >>> is_name("stretched"), is_name("BTCUSDT-ETHUSDT/stretched"), is_name("corr < 0")
    (True, True, False)
    """
    return re.fullmatch(r"[\w/@.:-]+", text) is not None


def _on(rule: AlertRule, every: str) -> AlertRule:
    """Return the rule on a timeframe; a rule on prices, which has none, on that of a condition."""
    name = timeframe(every).name if every else rule.rule.every or EVERY
    return replace(rule, rule=replace(rule.rule, every=name))


def judged_past(history: History, rules: Sequence[AlertRule], start: int | None, end: int | None) -> list[Report]:
    """Return the report of each rule of which there are recorded rows in this time. Raises ValueError if there are none, or if a metric of
    the rules is in none of them."""
    until = FOR_EVER if end is None else end
    reports, faults = [], []
    for rule in rules:
        try:
            reports += [made] if (made := _judged(history, rule, start or 0, until)) else []
        except ValueError as error:
            faults.append(error)
    if faults and not reports:
        raise faults[0]
    if not reports:
        names = ", ".join(f"{rule.on} {rule.rule.every}" for rule in rules)
        raise ValueError(f"there are no recorded points or bars of {names} in that time")
    return reports


def _judged(history: History, rule: AlertRule, start: int, end: int) -> Report | None:
    every = rule.rule.every
    if "-" not in rule.on:
        bars = history.bars(rule.on, every, start, end, MOST_ROWS)
        return report(rule, bars) if bars else None
    points = history.points(rule.watched, every, start, end)[-MOST_ROWS:]
    if not points:
        return None
    demand_recorded(rule, points)
    first = points[0].ts - _BACK * timeframe(every).step
    legs = [bar for leg in _legs(rule) for bar in history.bars(leg, every, first, end)]
    return report(rule, points, legs=legs)


def _legs(rule: AlertRule) -> set[str]:
    """Return the symbols whose bars a rule on a pair names."""
    y, x = rule.on.split("-")
    conditions = [each for each in (rule.rule.when, rule.rule.until) if each]
    named = {clause.term.of for condition in conditions for clause in clauses(condition)} - {""}
    return {{"y": y, "x": x}.get(of, of) for of in named}
