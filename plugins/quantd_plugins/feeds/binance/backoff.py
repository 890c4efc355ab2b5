"""How long to wait before the next try, and how many tries there may be."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import quantd

Sleep = Callable[[float], Awaitable[object]]


class Backoff:
    """Waits that double from `shortest` to `longest` seconds, each cut to a random part of itself ("full jitter", so that many
    clients cut off at once do not come back at once)."""

    def __init__(self, shortest: float, longest: float, rng: random.Random) -> None:
        self._shortest = shortest
        self._longest = longest
        self._rng = rng
        self._step = 0

    def delay(self) -> float:
        """Seconds to wait now."""
        ceiling = min(self._longest, self._shortest * 2.0 ** min(self._step, 32))
        self._step += 1
        return self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """It works again: begin with the shortest wait."""
        self._step = 0


class Budget:
    """A token bucket: `rate` a second on average, `burst` at once. Who takes more waits for its turn."""

    def __init__(self, rate: float, burst: int, clock: quantd.Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._filled = clock.monotonic()

    def try_take(self, keep: int = 0) -> bool:
        """Take one if it is within the budget, and that many are left for others."""
        self._fill()
        if self._tokens < 1 + keep:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now

    async def take(self) -> None:
        """Return when one more is within the budget."""
        self._fill()
        self._tokens -= 1.0
        if self._tokens < 0:
            await self._sleep(-self._tokens / self._rate)
