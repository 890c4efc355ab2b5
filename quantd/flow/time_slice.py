"""Splits long work in the event loop into time slices, so that other tasks run in between."""

import asyncio

from quantd.clock import Clock

_STRETCH_S = 0.003


class TimeSlice:
    """A time slice of the event loop, which is over after 3 ms."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether this slice has taken long enough."""
        return self._clock.monotonic() - self._began >= _STRETCH_S

    async def pause_if_over(self) -> None:
        """Let other tasks run if this slice is over, then start a new one."""
        if self.is_over:
            await asyncio.sleep(0)
            self._began = self._clock.monotonic()
