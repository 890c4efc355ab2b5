"""How long to wait before the next try, and how many tries there may be."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from quantd.clock import Clock

SLICE_S = 1.0
AT_ONCE = 5
CONNECTS_PER_S = 1.0
FRUITLESS_PER_S, FRUITLESS_AT_ONCE = 1 / 36, 8
"""In half an hour 58 at most."""

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

    def __init__(self, rate: float, burst: int, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
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

    def refill(self) -> None:
        """As if nothing had been taken."""
        self._tokens = max(self._tokens, float(self._burst))

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


class Attempts:
    """All connects of a feed, however many connections there are: AT_ONCE at first, then CONNECTS_PER_S, and much fewer while none brings
    data."""

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._first = AT_ONCE - 1
        self._spaced = Budget(CONNECTS_PER_S, 1, clock, sleep)
        self._fruitless = Budget(FRUITLESS_PER_S, FRUITLESS_AT_ONCE, clock)
        self._successes = 0

    async def take(self) -> None:
        """Return when one may connect."""
        while not self._fruitless.try_take():
            await self._sleep(SLICE_S)
        if self._first:
            self._first -= 1
        else:
            await self._spaced.take()

    def succeed(self) -> None:
        """A connection brings data: the exchange is there."""
        self._successes += 1
        self._fruitless.refill()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until another connection succeeds."""
        successes = self._successes
        while seconds > 0 and successes == self._successes:
            await self._sleep(min(seconds, SLICE_S))
            seconds -= SLICE_S
