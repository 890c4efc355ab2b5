"""How long the calls of a plugin take, which others wait for, and when it is left alone for that."""

import logging

from quantd.clock import Clock

SLOW_S = 1.0
"""A call that takes so long holds up others for too long."""
_LIMIT = 3
_CALM_S = 60.0
"""So long a slow call counts, whatever is quick meanwhile: pairs of short windows take turns with those of long ones."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 1_800.0
_log = logging.getLogger("quantd.plugin")


class Pace:
    """Of one plugin, for all its users: they may be many pairs, whose calls follow one another. After three slow calls it is left alone for
    a minute, then tried with one call; each trial that is slow doubles the pause, up to half an hour. A quick call makes up for them if
    the last slow one was a minute ago.

    >>> from quantd.clock import EventClock
    >>> clock = EventClock()
    >>> pace = Pace("regression slow", clock)
    >>> for _ in range(3):
    ...     pace.took(2.5)
    >>> pace.admits()
    False
    >>> clock.advance_to(60_000)
    >>> pace.admits(), pace.admits()
    (True, False)
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.slow = 0
        """Slow calls that count."""
        self._name = name
        self._clock = clock
        self._pause = 0.0
        self._retry_at = 0.0
        self._slow_at = 0.0
        """When (s) the last slow one ended."""

    @property
    def rests(self) -> bool:
        """Whether it is left alone."""
        return self.slow >= _LIMIT

    def admits(self) -> bool:
        """Whether to make a call. A trial begins the pause anew, so that it stays the only one."""
        if not self.rests:
            return True
        now = self._clock.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause
        return True

    def took(self, seconds: float) -> None:
        """A call has ended."""
        now = self._clock.monotonic()
        if seconds < SLOW_S:
            if now - self._slow_at >= _CALM_S:
                if self.rests:
                    _log.warning("%s is quick again", self._name)
                self.slow, self._pause = 0, 0.0
            return
        self.slow, self._slow_at = self.slow + 1, now
        if self.rests:
            self._pause = min(max(2 * self._pause, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
            self._retry_at = now + self._pause
            text = "%s took %.1f s, and was slow %d times of late, while others wait; left out, tried again in %.0f s"
            _log.error(text, self._name, seconds, self.slow, self._pause)
