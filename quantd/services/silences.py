"""The alerts that fire now, silences, and acknowledgements."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from quantd.config.matchers import Matchers
from quantd.model import Alert

MOST_SILENCES = 200


class Acknowledged(Struct, frozen=True):
    """Somebody knows of a firing: nobody is reminded of it before `until` (ms)."""

    until: int
    by: str
    comment: str


class Firing(Struct, frozen=True):
    """An alert that fires now."""

    alert: Alert
    sinks: tuple[str, ...]
    told: bool
    """Whether its sinks were told."""
    muted: str | None
    """What mutes it now."""
    ack: Acknowledged | None


class SilenceOrder(Struct, frozen=True, kw_only=True):
    """What is to be muted, and for how long: until a time (ms), until the firings that match now have ended, or whichever comes first."""

    match: Matchers
    until: int | None
    until_resolved: bool
    comment: str
    by: str


class Silenced(SilenceOrder, frozen=True, kw_only=True):
    """A silence, and the alerts that it mutes now."""

    id: str
    since: int
    mutes: Sequence[Firing]


class NothingFires(Exception):
    """Raised if a silence is to wait for the end of firings and none matches."""


class TooManySilences(Exception):
    """Raised if there are `MOST_SILENCES` already: each alert is compared with all of them."""


class Silences(Protocol):
    """What fires, who knows of it, and who does not want to hear of it."""

    def firing(self, match: Matchers = ()) -> list[Firing]:
        """Return what fires now and matches, oldest first."""
        ...

    def all(self) -> list[Silenced]:
        """Return the silences, oldest first."""
        ...

    async def add(self, order: SilenceOrder) -> Silenced:
        """Make a silence, which is on disk when this returns. Raises NothingFires and TooManySilences."""
        ...

    async def delete(self, silence_id: str) -> bool:
        """End a silence. What it muted and still fires is told. Return whether there was one."""
        ...

    async def acknowledge(self, firing_id: str, ack: Acknowledged | None) -> Firing | None:
        """Acknowledge a firing, by its id or that of its rule; None ends the acknowledgement. Return the firing; None if there is none."""
        ...
