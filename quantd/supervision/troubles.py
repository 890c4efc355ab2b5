"""The present troubles of the daemon, shown in `/health`."""

from typing import Literal

from msgspec import Struct

from quantd.clock import Clock

What = Literal["feed", "store", "disk", "sinks", "plugins", "jobs", "rules", "clock", "tasks", "access"]


class Trouble(Struct, frozen=True):
    """One trouble: its kind (`what`), the `name` of the affected part, a `text` that says what to do, and when it began (`since`, ms)."""

    what: What
    name: str
    text: str
    since: int


class Troubles:
    """The troubles that have begun and not ended, one of each `what` and `name`. Any thread may call.

    >>> from quantd.clock import EventClock
    >>> troubles = Troubles(EventClock())
    >>> troubles.begin("disk", "/var", "1 % is free")
    True
    >>> [trouble.text for trouble in troubles.present()]
    ['1 % is free']
    >>> troubles.end("disk", "/var")
    True
    >>> troubles.present()
    []
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present: dict[tuple[What, str], Trouble] = {}

    def begin(self, what: What, name: str, text: str) -> bool:
        """Report a trouble. Return whether it is new. A trouble that is already present keeps its `since` and gets the new text."""
        known = self._present.get((what, name))
        if known is None or known.text != text:
            self._present[what, name] = Trouble(what, name, text, known.since if known else self._clock.now())
        return known is None

    def end(self, what: What, name: str) -> bool:
        """End a trouble. Return whether it was present."""
        return self._present.pop((what, name), None) is not None

    def present(self) -> list[Trouble]:
        """Return the present troubles, oldest first."""
        return sorted(self._present.values(), key=lambda trouble: trouble.since)
