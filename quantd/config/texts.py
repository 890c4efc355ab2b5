"""Parses the texts of a config: a name, a symbol, a pair, a period, a timeframe."""

import re
import unicodedata
from typing import Annotated

from msgspec import Meta

from quantd.config.convert import Invalid
from quantd.config.lookalikes import oddities, plain
from quantd.config.shapes import parsed
from quantd.timeframes import DAY, SECOND, duration

_APART = re.compile(r"[\s/:|,~-]+")


def as_period(text: str) -> int:
    """Return the period of a job in milliseconds, from 1s to 366d. Raises ValueError."""
    period = duration(text)
    if not SECOND <= period <= 366 * DAY:
        raise ValueError(f"{text!r} is not between 1s and 366d")
    return period


def as_span(text: str) -> int:
    """Return a length of time in milliseconds, from 0 to 366d. Raises ValueError.

    >>> as_span("90s"), as_span("0s")
    (90000, 0)
    """
    span = duration(text)
    if span > 366 * DAY:
        raise ValueError(f"{text!r} is more than 366d")
    return span


def as_symbol(text: str) -> str:
    """Return a symbol in upper case; any letters are allowed, because not all symbols are Latin. Raises ValueError.

    >>> as_symbol("btcusdt")
    'BTCUSDT'
    """
    _demand_no_oddities(text, "symbol")
    if not text or any(letter in "-/:" or letter.isspace() or unicodedata.category(letter)[0] == "C" for letter in text):
        raise ValueError(f"{text!r} is not a symbol: write it like BTCUSDT")
    return text.upper()


def as_legs(text: str) -> tuple[str, str]:
    """Return the legs of `Y-X`. Raises ValueError.

    >>> as_legs("BTCUSDT-ethusdt")
    ('BTCUSDT', 'ETHUSDT')
    """
    _demand_no_oddities(text, "pair")
    y, dash, x = text.partition("-")
    apart = [part for part in _APART.split(text) if part]
    if len(apart) == 2 and text != "-".join(apart):
        raise Invalid(f"{text!r} is not a pair: write it like BTCUSDT-ETHUSDT", "-".join(apart))
    if not dash:
        raise ValueError(f"{text!r} is not a pair: write it like BTCUSDT-ETHUSDT")
    legs = as_symbol(y), as_symbol(x)
    if legs[0] == legs[1]:
        raise ValueError(f"{text!r} pairs a symbol with itself: its spread is always 0")
    return legs


def as_watched(text: str) -> str:
    """Return the name of a pair or of a symbol, in upper case. Raises ValueError.

    >>> as_watched("btcusdt-ethusdt"), as_watched("btcusdt")
    ('BTCUSDT-ETHUSDT', 'BTCUSDT')
    """
    return "-".join(as_legs(text)) if "-" in text else as_symbol(text)


def _demand_no_oddities(text: str, what: str) -> None:
    if odd := oddities(text):
        raise Invalid(f"{text!r} is not a {what}: {'; '.join(odd)}", plain(text).upper())


Text = Annotated[str, Meta(min_length=1)]
Symbol = Annotated[str, parsed(as_symbol)]
Period = Annotated[int, parsed(as_period, {"pattern": "^[0-9]+(ms|s|m|h|d)$"}, missing="how often it runs, like 1h")]
"""Period of a job in milliseconds."""
Timeframe = Annotated[
    str,
    Meta(
        min_length=1,
        description="A timeframe of `bars.every`; by default its first.",
        extra_json_schema={"pattern": "^[1-9][0-9]?[smhd]$"},
    ),
]
