"""What a topic is: a kind, a row of the table in `topics.py`, and the values of its parameters."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from msgspec import Struct

from quantd.api.access.caller import Scope
from quantd.api.schema.topics import Data
from quantd.services.bundle import Services

Parameter = Literal["symbol", "pair", "every"]
Put = Callable[[Sequence[Any]], None]
Stop = Callable[[], None]
Source = Callable[[Services, Put, Collection[str]], Stop]
"""Passes items to `Put` until the returned function is called. The names are those of the topics: of them, it may leave out the others."""


def as_they_are(items: list[Any]) -> list[Any]:
    """Return the items of a frame: all of them."""
    return items


class Conflation(Struct, frozen=True):
    """How the items of a topic are summed up in frames, each of which says all that is to be known."""

    pace: float = 0.0
    """Minimum seconds between two frames."""
    merge: Callable[[list[Any]], list[Any]] = as_they_are
    """Returns which of the items that have come since the last frame are sent."""


AS_THEY_COME = Conflation()


class Kind(Struct, frozen=True):
    """A kind of topic, and all that is to be known about it."""

    name: str
    """The word before the first colon of the topic."""
    parameters: tuple[Parameter, ...]
    """What its text names, by colons: also the attributes of an item by which its topic is found."""
    source: Source
    frame: Callable[..., Data]
    row: Callable[[Any], Any]
    """Returns an item as a row of the frame; None for one that cannot be sent."""
    now: Callable[[Services, tuple[str, ...]], Sequence[Any]]
    """Returns the items of a snapshot, by the values of the parameters."""
    every: Callable[[Services, str], Sequence[str]] | None = None
    """Returns the timeframes that a symbol or pair has."""
    scope: Scope = "read"
    conflated: Conflation | None = None
    """Set if each frame says all that is to be known, so that only the newest one is kept."""

    def key(self, item: Any) -> str:
        """Return the text after the first colon of the topic that an item belongs to."""
        return ":".join([getattr(item, name) for name in self.parameters])


class Topic(Struct, frozen=True):
    """A topic that there is."""

    kind: Kind
    values: tuple[str, ...]

    @property
    def key(self) -> str:
        """The text after the first colon."""
        return ":".join(self.values)

    @property
    def text(self) -> str:
        """The topic as clients name it."""
        return ":".join([self.kind.name, *self.values])

    @property
    def symbol(self) -> str | None:
        """The symbol that has to stream; None if the topic names none."""
        return self.values[0] if self.kind.parameters[:1] == ("symbol",) else None
