"""The surroundings of a flow, which differ between a daemon, a replay and a test."""

from collections.abc import MutableMapping
from pathlib import Path

from msgspec import Struct, field

from quantd.clock import EventClock


class Environment(Struct, frozen=True):
    """The environment of one flow. The defaults suit a replay that leaves nothing behind."""

    warm: bool = False
    """Whether the bars of a symbol begin after its past."""
    driven: EventClock | None = None
    """The clock that follows event time."""
    kept: MutableMapping[str, bytes] = field(default_factory=dict)
    """Values that survive a restart."""
    directory: Path | None = None
    """Directory for the feed's own files; it may not exist yet. None if nothing may be written."""
