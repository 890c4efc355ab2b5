"""Splits long work in the event loop into turns, so that other tasks run in between."""

import asyncio

from quantd.clock import Clock

_STRETCH_S = 0.02


class Turns:
    """Measures a turn, which is over after 20 ms."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()

    @property
    def over(self) -> bool:
        """Whether this turn has taken long enough."""
        return self._clock.monotonic() - self._began >= _STRETCH_S

    async def take(self) -> None:
        """Let other tasks run if this turn is over."""
        if self.over:
            await asyncio.sleep(0)
            self._began = self._clock.monotonic()
