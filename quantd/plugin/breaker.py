"""The circuit breaker: it suspends a plugin that fails several times in a row."""

import logging

from quantd.clock import Clock
from quantd.plugin.blame import blame, fault_kind

_log = logging.getLogger("quantd.plugin")
_MOST_KINDS_TOLD = 20


class Breaker:
    """Counts the faults of `who` and logs each new kind. After `limit` faults in a row it is open: it then admits one call per `pause`
    seconds.

    >>> from quantd.clock import EventClock
    >>> clock = EventClock()
    >>> breaker = Breaker("regression upside_down", clock, limit=1, pause=60.0)
    >>> breaker.failed(ValueError("no"))
    >>> breaker.is_open, breaker.admits()
    (True, False)
    >>> clock.advance_to(60_000)
    >>> breaker.admits(), breaker.admits()
    (True, False)
    >>> breaker.recovered()
    >>> breaker.is_open, breaker.faults
    (False, 1)
    """

    __slots__ = ("_clock", "_limit", "_pause", "_retry_at", "_told", "_who", "faults", "last_error", "streak")

    def __init__(self, who: str, clock: Clock, limit: int, pause: float) -> None:
        self.faults = 0
        self.streak = 0
        """Number of faults since the last call that succeeded."""
        self.last_error: str | None = None
        self._who = who
        self._clock = clock
        self._limit = limit
        self._pause = pause
        self._retry_at = 0.0
        self._told: set[tuple[str, str]] = set()

    @property
    def is_open(self) -> bool:
        """Whether the plugin is suspended."""
        return self.streak >= self._limit

    def admits(self) -> bool:
        """Return whether a call may be made after faults. A trial restarts the pause, so that there is only one trial per pause."""
        if not self.is_open:
            return True
        now = self._clock.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause
        return True

    def failed(self, error: BaseException) -> None:
        """Take in the exception that a call has raised."""
        self.faults += 1
        self.streak += 1
        self.last_error = blame(error)
        if self.is_open:
            self._retry_at = self._clock.monotonic() + self._pause
        if self._news(fault_kind(error)):
            _log.warning("%s: %s", self._who, self.last_error)
        if self.streak == self._limit:
            _log.warning("%s: %d faults in a row; left out, tried again in %g s", self._who, self._limit, self._pause)

    def recovered(self) -> None:
        """Reset the breaker: a call has succeeded after faults."""
        if self.is_open:
            _log.warning("%s: works again after %d faults in a row", self._who, self.streak)
            self._told.clear()
        self.streak = 0

    def _news(self, kind: tuple[str, str]) -> bool:
        """Return whether this kind of fault is new and should be logged. The number of logged kinds is limited."""
        new = kind not in self._told and len(self._told) < _MOST_KINDS_TOLD
        if new:
            self._told.add(kind)
        return new
