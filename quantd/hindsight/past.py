"""Judges rules over recorded points."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.config.texts import as_legs
from quantd.flow.alerts.rule import AlertRule
from quantd.hindsight.model import PastQuestion, Report
from quantd.hindsight.report import report
from quantd.history.history import History
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER

EVERY = "1m"
MOST_POINTS = 10_000
"""Largest number of points that one rule is judged on."""


def rules_of(asked: PastQuestion, known: Sequence[AlertRule]) -> list[AlertRule]:
    """Return the rules that a question names, by name or id, or the rule that its condition makes. Raises ValueError."""
    of = "-".join(as_legs(asked.of)) if asked.of else ""
    found = [each for each in known if asked.rule in (each.rule.name, each.id) and of in ("", each.on) and "-" in each.on]
    if found:
        return [_on(each, asked.every) for each in found]
    named = sorted({each.rule.name for each in known if "-" in each.on})
    if is_name(asked.rule):
        raise ValueError(f"no rule on {of or 'any pair'} is named {asked.rule}; there is {', '.join(named) or 'none'}")
    when = parse_condition(asked.rule)
    if not of:
        raise ValueError("a condition is judged on one pair: name it, as in BTCUSDT-ETHUSDT")
    return [_on(AlertRule(f"{of}/condition", Rule(name="condition", when=when, every=EVERY), of, f"{of} {when}"), asked.every)]


def is_name(text: str) -> bool:
    """Return whether a text can only be the name or id of a rule.

    >>> is_name("stretched"), is_name("BTCUSDT-ETHUSDT/stretched"), is_name("corr < 0")
    (True, True, False)
    """
    return re.fullmatch(r"[\w/@.:-]+", text) is not None


def _on(rule: AlertRule, every: str) -> AlertRule:
    return replace(rule, rule=replace(rule.rule, every=timeframe(every).name)) if every else rule


def judged_past(history: History, rules: Sequence[AlertRule], start: int | None, end: int | None) -> list[Report]:
    """Return the report of each rule that has recorded points in this time. Raises ValueError if none has."""
    reports = [made for rule in rules if (made := _judged(history, rule, start, end))]
    if not reports:
        names = ", ".join(f"{rule.on} {rule.rule.every}" for rule in rules)
        raise ValueError(f"there are no recorded points of {names} in that time")
    return reports


def _judged(history: History, rule: AlertRule, start: int | None, end: int | None) -> Report | None:
    until = FOR_EVER if end is None else end
    points = history.points(rule.watched, rule.rule.every, start or 0, until)
    return report(rule, points[-MOST_POINTS:]) if points else None
