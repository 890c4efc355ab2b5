"""Waits between tries, and budgets of tries."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from quantd.clock import Clock

SLICE_S = 1.0
AT_ONCE = 5
CONNECTS_PER_S = 1.0
FRUITLESS_PER_S, FRUITLESS_AT_ONCE = 1 / 36, 8
"""Allows at most 58 connects in half an hour."""

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
        """Return the number of seconds to wait now."""
        ceiling = min(self._longest, self._shortest * 2.0 ** min(self._step, 32))
        self._step += 1
        return self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """Start again with the shortest wait, after a success."""
        self._step = 0


class Budget:
    """A token bucket: `rate` tokens a second on average, `burst` at once. A caller that exceeds the budget waits for its turn."""

    def __init__(self, rate: float, burst: int, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._filled = clock.monotonic()

    def try_take(self, keep: int = 0) -> bool:
        """Take a token if the budget allows it and leaves at least that many tokens for others."""
        self._fill()
        if self._tokens < 1 + keep:
            return False
        self._tokens -= 1.0
        return True

    def refill(self) -> None:
        """Fill the bucket, as if no token had been taken."""
        self._tokens = max(self._tokens, float(self._burst))

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now

    async def take(self) -> None:
        """Take a token, after waiting until the budget allows it."""
        self._fill()
        self._tokens -= 1.0
        if self._tokens < 0:
            await self._sleep(-self._tokens / self._rate)


class Attempts:
    """The budget for all connects of a feed, whatever the number of connections: AT_ONCE at first, then CONNECTS_PER_S, and far fewer
    while no connection brings data.
    """

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._first = AT_ONCE - 1
        self._spaced = Budget(CONNECTS_PER_S, 1, clock, sleep)
        self._fruitless = Budget(FRUITLESS_PER_S, FRUITLESS_AT_ONCE, clock)
        self._successes = 0

    async def take(self) -> None:
        """Return when a connection may be opened."""
        while not self._fruitless.try_take():
            await self._sleep(SLICE_S)
        if self._first:
            self._first -= 1
        else:
            await self._spaced.take()

    def succeed(self) -> None:
        """Note that a connection brings data: the exchange is reachable."""
        self._successes += 1
        self._fruitless.refill()

    async def pause(self, seconds: float) -> None:
        """Wait for this time, or until another connection succeeds."""
        successes = self._successes
        while seconds > 0 and successes == self._successes:
            await self._sleep(min(seconds, SLICE_S))
            seconds -= SLICE_S
