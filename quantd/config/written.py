"""Writes a rule as it stands in a config: reading that gives the same rule again."""

from typing import Any

from quantd.config.rules import Flapping, Rule
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND
from quantd.times import iso

_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1}


def written(rule: Rule) -> dict[str, Any]:
    """Return all keys of a rule with their values, defaults included, as built-in types.

    >>> from quantd.conditions.parse import parse_condition
    >>> keys = written(Rule(name="far", when=parse_condition("abs(zscore) > 2"), for_=300_000))
    >>> keys["when"], keys["for"], keys["times"], keys["flapping"]
    ('abs(zscore) > 2', '5m', '1 of 1', {'changes': 30, 'in': '1m'})
    """
    return {
        "name": rule.name,
        "when": str(rule.when),
        "on": rule.on,
        "every": rule.every,
        "for": span(rule.for_),
        "until": None if rule.until is None else str(rule.until),
        "keep_firing_for": span(rule.keep_firing_for),
        "cooldown": span(rule.cooldown),
        "times": str(rule.times),
        "repeat": [span(each) for each in rule.repeat],
        "expires": None if rule.expires is None else iso(rule.expires),
        "no_data": rule.no_data,
        "no_data_for": span(rule.no_data_for),
        "late": rule.late,
        "severity": rule.severity,
        "labels": dict(rule.labels),
        "coverage": rule.coverage,
        "flapping": _breaker(rule.flapping),
        "send": list(rule.send),
    }


def _breaker(of: Flapping | bool) -> dict[str, Any] | str:
    return {"changes": of.changes, "in": span(of.within)} if isinstance(of, Flapping) else "off"


def span(length: int) -> str:
    """Return a length of time (ms) in the largest unit that divides it.

    >>> span(0), span(90_000), span(7_200_000), span(1)
    ('0s', '90s', '2h', '1ms')
    """
    if not length:
        return "0s"
    unit = next(unit for unit, size in _UNITS.items() if length % size == 0)
    return f"{length // _UNITS[unit]}{unit}"
