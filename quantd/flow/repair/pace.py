"""Limits the load of work on the record beside the daemon."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from quantd.clock import Clock

T = TypeVar("T")
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 3_600.0


@asynccontextmanager
async def half_load(clock: Clock) -> AsyncIterator[None]:
    """Sleep as long as the body took, so that it takes at most half of a core."""
    since = clock.monotonic()
    yield
    await asyncio.sleep(clock.monotonic() - since)


async def until_done(works: Iterable[T], attempt: Callable[[T], Awaitable[bool]]) -> None:
    """Attempt each of the works. Attempt those that are not done again, after growing pauses."""
    left, pause = list(works), SHORTEST_PAUSE_S
    while left := [work for work in left if not await attempt(work)]:
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
