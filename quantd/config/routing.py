"""The section `routing:`: which sinks alerts go to, when they go together, and when they are muted. docs/alerts.md explains each key."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Annotated

from msgspec import Meta, Struct

from quantd.config.convert import Invalid
from quantd.config.matchers import AS_MATCHERS, NAMES, Match, Matchers
from quantd.config.reader import Reader
from quantd.config.rules import Span
from quantd.config.sections import Part
from quantd.config.shapes import parsed
from quantd.config.texts import Text
from quantd.errors import close_to
from quantd.times import demand_zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_ALIKE = 0.8
"""From which likeness on a name is taken for a misspelt one. `role` and `venue`, which rules by request may have, are below it."""


class Hours(Struct, frozen=True):
    """A part of the day, in minutes after midnight. If it ends before it begins, it goes on after midnight."""

    start: int = 0
    end: int = _DAY

    def __str__(self) -> str:
        return f"{self.start // 60:02d}:{self.start % 60:02d}-{self.end // 60:02d}:{self.end % 60:02d}"


def as_hours(text: str) -> Hours:
    """Return what `22:00-06:00` says. Raises ValueError.

    >>> as_hours("22:00-06:00")
    Hours(start=1320, end=360)
    """
    match = re.fullmatch(r"(?a)\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*", text)
    start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if not match or int(match[2]) > 59 or int(match[4]) > 59 or start >= _DAY or end > _DAY:
        raise ValueError(f"{text!r} are no hours: write them like 22:00-06:00")
    if start == end:
        raise ValueError(f"{text!r} is no time at all: a whole day is 00:00-24:00")
    return Hours(start, end)


def as_days(text: str) -> tuple[int, ...]:
    """Return the days that a text like `mon-fri` or `sat, sun` names, where 0 is Monday. Raises Invalid.

    >>> as_days("sat-mon, wed")
    (0, 2, 5, 6)
    """
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        start, end = _as_day(first, text), _as_day(last if dash else first, text)
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(sorted(found))


def _as_day(word: str, text: str) -> int:
    if word not in DAYS:
        raise Invalid(f"{text!r} names no days: write them like mon-fri or sat,sun", close_to(word, DAYS))
    return DAYS.index(word)


class Route(Struct, frozen=True, kw_only=True):
    """Sinks to which all alerts that match go, besides those of their rules."""

    match: Match
    send: Annotated[tuple[Text, ...], Meta(min_length=1, description="Sinks to which the alerts go.")]


class MuteWindow(Struct, frozen=True, kw_only=True):
    """A time of the week in which alerts are not told. What fires in it and still does at its end is told then."""

    name: Text
    days: Annotated[tuple[int, ...] | None, parsed(as_days, {"examples": ["mon-fri"]}), Meta(description="Days; all by default.")] = None
    hours: Annotated[Hours | None, parsed(as_hours, {"examples": ["22:00-06:00"]}), Meta(description="Hours; all by default.")] = None
    zone: Annotated[str, parsed(demand_zone, {"examples": ["Europe/Berlin"]}), Meta(description="Time zone of the hours.")] = "UTC"
    match: Annotated[Matchers | None, AS_MATCHERS, Meta(description="Alerts that it mutes; all by default.")] = None

    def __post_init__(self) -> None:
        whole_days = self.hours is None or (self.hours.end - self.hours.start) % _DAY == 0
        if self.match is None and whole_days and (self.days is None or len(self.days) == len(DAYS)):
            raise ValueError("mutes every alert for ever: give it `hours`, `days` or `match`")


class Inhibition(Struct, frozen=True, kw_only=True):
    """While an alert fires that matches `when`, those that match `mute` and have the same words under the names of `equal` are not told."""

    when: Match
    mute: Match
    equal: Annotated[tuple[Text, ...], Meta(description="Names under which both alerts have the same word.")] = ("pair",)


class Routing(Struct, frozen=True, kw_only=True):
    """The section `routing:`."""

    group_by: Annotated[
        tuple[Text, ...], Meta(description="Names; alerts with the same words under them are sent together. None: one by one.")
    ] = ()
    group_wait: Annotated[Span, Meta(description="How long the first alert of a group waits for others.")] = 0
    group_interval: Annotated[Span, Meta(description="Shortest time between two sendings of a group.")] = 0
    routes: Annotated[tuple[Route, ...], Meta(description="Further sinks, by what the alerts are.")] = ()
    mute: Annotated[tuple[MuteWindow, ...], Meta(description="Times at which alerts are not told.")] = ()
    inhibit: Annotated[tuple[Inhibition, ...], Meta(description="Alerts that mute others while they fire.")] = ()

    def __post_init__(self) -> None:
        if not self.group_by and (self.group_wait or self.group_interval):
            key = "group_wait" if self.group_wait else "group_interval"
            raise ValueError(f"{key}: means nothing without group_by: name what the alerts of a group have in common, like [pair]")


def check_routing(reader: Reader, part: Part, sinks: Collection[str]) -> None:
    """Note the sinks of routes that the config does not have, and mute windows of the same name."""
    if not part.keys:
        return
    for route in part.keys["routes"].items:
        for sink in route.keys["send"].items:
            if sink.value and sink.node and sink.value not in sinks:
                message = f"no sink of quantd.yaml is named {sink.value!r}; there is {', '.join(sinks) or 'none'}"
                reader.wrong(sink.node, sink.path, message, close_to(sink.value, sinks))
    names: set[str] = set()
    for window in part.keys["mute"].items:
        name = window.keys["name"]
        if name.value in names and name.node:
            reader.wrong(name.node, name.path, f"another mute window is named {name.value!r}: give each a name of its own")
        names.add(name.value)


def check_names(reader: Reader, part: Part, labels: Collection[str]) -> None:
    """Note names that are misspelt: they are close to what every alert has, and no rule of the config has a label of that name. Such a
    matcher would match nothing, and such an inhibition would mute alerts of all pairs."""
    for each, name in _named(part) if part.keys else ():
        meant = get_close_matches(name.lower(), NAMES, 1, _ALIKE)
        if each.node and meant and name not in NAMES and name not in labels:
            reader.wrong(each.node, each.path, f"no rule of the config has a label {name!r}", meant[0])


def _named(part: Part) -> Iterator[tuple[Part, str]]:
    """Yield the names in matchers and lists of names, with where they stand."""
    of = part.keys
    matchers = [entry.keys["match"] for key in ("routes", "mute") for entry in of[key].items if entry.keys]
    matchers += [entry.keys[key] for entry in of["inhibit"].items if entry.keys for key in ("when", "mute")]
    yield from ((each, matcher.name) for each in matchers for matcher in each.value or ())
    lists = [of["group_by"], *(entry.keys["equal"] for entry in of["inhibit"].items if entry.keys)]
    yield from ((each, each.value) for found in lists for each in found.items if isinstance(each.value, str))
