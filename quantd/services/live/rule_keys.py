"""The keys of an alert rule as they are written in YAML."""

from typing import Any

from msgspec.structs import fields

from quantd.config.rules import Flapping, Rule, Times
from quantd.services.explain import Written
from quantd.timeframes import duration_text
from quantd.times import iso

_SPANS = frozenset({"for", "keep_firing_for", "cooldown", "no_data_for"})
_FIELDS = fields(Rule)


def keys_of(rule: Rule) -> dict[str, Written]:
    """Return the keys that differ from their defaults."""
    found = {}
    for field in _FIELDS:
        value = getattr(rule, field.name)
        if field.required or value not in (field.default, {}):
            found[field.encode_name] = _written(field.encode_name, value)
    return found


def _written(key: str, value: Any) -> Written:
    if key in _SPANS:
        return duration_text(value)
    if key == "repeat":
        return [duration_text(each) for each in value]
    if key == "expires":
        return iso(value)
    if key == "flapping":
        return {"changes": value.changes, "in": duration_text(value.within)} if isinstance(value, Flapping) else "off"
    if key in ("when", "until") or isinstance(value, Times):
        return str(value)
    written: Written = list(value) if isinstance(value, tuple) else dict(value) if key == "labels" else value
    return written
