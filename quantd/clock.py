"""Clocks. Only this module reads the time."""

import time
from collections.abc import Callable, Iterable
from typing import Protocol


class Clock(Protocol):
    """A source of wall time for stamps, and of monotonic time for timeouts."""

    def now(self) -> int:
        """Return milliseconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment. Never goes back."""
        ...


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The monotonic clock; one that also counts while the machine is suspended, if there is one."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.clock_gettime(_STEADY)


class MarketClock:
    """The time by a venue's clock: what `told` returns (ms), or the host's time if that is None. Timeouts use the host's monotonic clock.

    >>> clock = MarketClock(EventClock(5_000), lambda: 4_000)
    >>> clock.now(), clock.offset, clock.monotonic()
    (4000, -1000, 5.0)
    """

    def __init__(self, host: Clock, told: Callable[[], int | None]) -> None:
        self._host = host
        self._told = told

    def now(self) -> int:
        told = self._told()
        return self._host.now() if told is None else told

    def monotonic(self) -> float:
        return self._host.monotonic()

    def known(self) -> int | None:
        """Return the venue's time (ms); None where it is not known."""
        return self._told()

    @property
    def offset(self) -> int | None:
        """How far the venue's clock is ahead of the host's (ms); None where it is not known."""
        told = self._told()
        return None if told is None else told - self._host.now()


def venue_time(clocks: Iterable[MarketClock]) -> int | None:
    """Return the time (ms) by the first venue clock that is known; None if none is."""
    for clock in clocks:
        if (told := clock.known()) is not None:
            return told
    return None


class EventClock:
    """Event time: replays and tests set it, so that the same data gives the same run."""

    def __init__(self, now: int = 0) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._now / 1000

    def advance_to(self, now: int) -> None:
        """Set the time to `now` ms; an earlier time is ignored."""
        self._now = max(self._now, now)
