"""What surrounds the flow of a feed: it differs between a daemon, a replay and a test."""

from collections.abc import MutableMapping
from pathlib import Path

from msgspec import Struct, field

from quantd.clock import EventClock


class Environment(Struct, frozen=True):
    """By default that of a replay which nothing outlives."""

    warm: bool = False
    """Whether the bars of a symbol begin behind its past."""
    driven: EventClock | None = None
    """The clock that follows event time."""
    kept: MutableMapping[str, bytes] = field(default_factory=dict)
    """Values that outlive the daemon."""
    directory: Path | None = None
    """For files of the feed's own; it may not exist yet. None where nothing is to be written."""
