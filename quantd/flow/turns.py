"""Long work in the event loop, done in turns: others run in between."""

import asyncio

from quantd.clock import Clock

_STRETCH_S = 0.02


class Turns:
    """Ends a turn once it has taken 20 ms."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()

    @property
    def over(self) -> bool:
        """Whether this turn has taken long enough."""
        return self._clock.monotonic() - self._began >= _STRETCH_S

    async def take(self) -> None:
        """Let others run, if this turn is over."""
        if self.over:
            await asyncio.sleep(0)
            self._began = self._clock.monotonic()
