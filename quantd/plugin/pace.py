"""Measures how long the blocking calls of a plugin take, and suspends a plugin whose calls are slow."""

import logging

from quantd.clock import Clock

SLOW_S = 1.0
"""Duration (s) from which a call counts as slow: it holds up everything else."""
_LIMIT = 3
_CALM_S = 60.0
"""Time (s) for which a slow call counts despite quick ones: pairs with short windows take turns with those with long ones."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 1_800.0
_log = logging.getLogger("quantd.plugin")


class Pace:
    """The pace of one plugin, shared by all its users, which may be many pairs whose calls follow one another. After three slow calls the
    plugin is suspended for a minute and then tried with one call. Each slow trial doubles the pause, up to half an hour. A quick call
    resets the count if the last slow call was at least a minute ago.

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
        """Number of slow calls that count."""
        self._name = name
        self._clock = clock
        self._pause = 0.0
        self._retry_at = 0.0
        self._slow_at = 0.0
        """The time (s) at which the last slow call ended."""

    @property
    def rests(self) -> bool:
        """Whether the plugin is suspended."""
        return self.slow >= _LIMIT

    def admits(self) -> bool:
        """Return whether a call may be made. A trial restarts the pause, so that there is only one trial per pause."""
        if not self.rests:
            return True
        now = self._clock.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause
        return True

    def took(self, seconds: float) -> None:
        """Take in the duration of a call that has ended."""
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
