"""The message about an alert, as webhooks and files hold it."""

from urllib.parse import quote

import msgspec

import quantd

_IN_HEADERS = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")
"""The characters that every HTTP header can hold; the percent sign marks the others."""


def key_of(alert: quantd.Alert) -> str:
    """Return the idempotency key of an alert, with characters that no HTTP header holds as in URLs: a receiver compares it byte for
    byte."""
    return quote(alert.key, safe=_IN_HEADERS)


def text_of(alert: quantd.Alert) -> str:
    """Return the text of an alert with what a reader must know besides: the number of a reminder, and a reason.

    >>> alert = quantd.Alert("1", "r", "r", "A-B", "withdrawn", 2.5, 2.0, 0, 0, "A-B stretched", "zscore", reason="mended")
    >>> text_of(alert)
    'A-B stretched: mended'
    """
    reminder = f" (reminder {alert.repeat})" if alert.repeat else ""
    reason = f": {alert.reason}" if alert.reason and alert.reason not in alert.text else ""
    return f"{alert.text}{reminder}{reason}"


def message(alert: quantd.Alert) -> dict[str, object]:
    """Return the keys and values of the body that a webhook sends, in their order."""
    return {
        "key": key_of(alert),
        "id": alert.id,
        "rule": alert.rule,
        "pair": alert.pair,
        "state": alert.state,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "metric": alert.metric,
        "value": alert.value,
        "threshold": alert.threshold,
        "since": quantd.iso(alert.since),
        "ts": quantd.iso(alert.ts),
        "late": alert.late,
        "text": text_of(alert),
    }


def as_json(alert: quantd.Alert) -> bytes:
    """Return the message as JSON on one line."""
    return msgspec.json.encode(message(alert))
