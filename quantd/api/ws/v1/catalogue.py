"""Finds the topic of a text."""

from collections.abc import Iterable
from difflib import get_close_matches

from quantd.api.ws.v1.topic import Kind, Topic
from quantd.api.ws.v1.topics import KINDS
from quantd.services.bundle import Services

_MOST_NAMED = 20
_PROBE = "topics"
"""Who holds a symbol while it is asked for its timeframes. It then streams for some minutes, as after a request for its bars."""


class UnknownTopic(Exception):
    """There is no such topic; the text says what there is."""


def find(text: str, services: Services) -> Topic:
    """Return the topic that a client names, in any case of letters. Raises UnknownTopic."""
    name, *values = text.strip().split(":")
    kind = KINDS.get(name.lower())
    if kind is None:
        raise UnknownTopic(f"{text!r} is no topic: there are {', '.join(map(form, KINDS.values()))}")
    if len(values) != len(kind.parameters):
        raise UnknownTopic(f"{text!r} is no topic: the form is {form(kind)}")
    if not values:
        return Topic(kind, ())
    first = (_symbol if kind.parameters[0] == "symbol" else _pair)(values[0], services)
    return Topic(kind, (first, *(_timeframe(kind, first, every, services) for every in values[1:])))


def form(kind: Kind) -> str:
    """Return how the topics of a kind are written.

    >>> form(KINDS["bar"])
    'bar:SYMBOL:EVERY'
    """
    return ":".join([kind.name, *map(str.upper, kind.parameters)])


def _symbol(given: str, services: Services) -> str:
    names = services.symbols.supported()
    if given.upper() in names:
        return given.upper()
    raise UnknownTopic(f"{given!r} is no symbol that is listed: {_some(given.upper(), names)}")


def _pair(given: str, services: Services) -> str:
    names = list(dict.fromkeys(name for name, _ in services.analytics.series()))
    if given.upper() in names:
        return given.upper()
    raise UnknownTopic(f"{given!r} is no pair of the config or of a rule: {_some(given.upper(), names)}")


def _timeframe(kind: Kind, first: str, given: str, services: Services) -> str:
    every = kind.every or (lambda services, first: ())
    names = every(services, first)
    if not names and kind.parameters[0] == "symbol":
        services.symbols.hold(_PROBE, [first])  # its bars are known once it streams
        names = every(services, first)
        services.symbols.release(_PROBE, [first])
    for name in names:
        if name.lower() == given.lower():
            return name
    raise UnknownTopic(f"{kind.name}:{first} has no {given!r}: {_some(given, names)}")


def _some(given: str, names: Iterable[str]) -> str:
    """Return which names there are, or, of many, which are like the given one."""
    known = list(names)
    if not known:
        return "there are none"
    if len(known) > _MOST_NAMED:
        known = get_close_matches(given, known, 5) or known[:5]
        return f"there are {', '.join(known)} and others"
    return f"there are {', '.join(known)}"
