"""The only place that reads the time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for time-outs."""

    def now(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class EventClock:
    """Time as the data tells it: replays and tests set it, so that the same data gives the same run."""

    def __init__(self, now: int = 0) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._now / 1000

    def advance_to(self, now: int) -> None:
        """Set the time to `now` ms; an earlier time is ignored."""
        self._now = max(self._now, now)
