"""Texts with placeholders, which are filled in from an alert: `{pair}`, `{value}`, `{labels.desk}`."""

import json
import math
import re

import quantd
from quantd_plugins.sinks.parts.message import message

_PLACE = re.compile(r"\{([a-z_]+)(?:\.([\w-]+))?\}")
_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')
_SAMPLE = quantd.Alert("1", "rule", "rule", "A-B", "firing", 2.5, 2.0, 0, 0, "text", "zscore")
NAMES = (*message(_SAMPLE), "figure")


def check(template: str, *, is_json: bool = False) -> None:
    """Raise ValueError if a template names what no alert has, or does not make JSON though it should."""
    for name, part in _PLACE.findall(template):
        if name not in NAMES or bool(part) != (name == "labels"):
            raise ValueError(f"there is no {{{name}{'.' if part else ''}{part}}}: there are {', '.join(NAMES)}, of labels {{labels.NAME}}")
    if is_json:
        try:
            json.loads(filled(template, _SAMPLE, is_json=True))
        except ValueError as error:
            raise ValueError(f"the template does not make JSON: {error}; put quotes around placeholders of texts") from None


def filled(template: str, alert: quantd.Alert, *, is_json: bool = False) -> str:
    """Return a template with an alert's values. With `is_json` texts are escaped so that they may stand between quotes. Braces that are no
    placeholders stay as they are.

    >>> filled('{"text": "{pair} is at {value}"}', _SAMPLE, is_json=True)
    '{"text": "A-B is at 2.5"}'
    """
    values = message(alert) | {"figure": alert.figure}
    done, inside = 0, False

    def value(place: re.Match[str]) -> str:
        nonlocal done, inside
        name, part = place.groups()
        found = alert.labels.get(part, "") if name == "labels" else values[name]
        if not is_json:
            return _plain(found)
        inside ^= len(_QUOTE.findall(template[done : place.start()])) % 2 == 1
        done = place.end()
        return _escaped(found) if inside else _as_json(found)

    return _PLACE.sub(value, template)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _escaped(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)[1:-1]


def _as_json(value: object) -> str:
    """Return a value as it stands outside of quotes: a word, such as that of a rule on health, is quoted, and what is no number is null."""
    if isinstance(value, float):
        return _plain(value) if math.isfinite(value) else "null"
    return json.dumps(value, ensure_ascii=False)
