"""Restarts tasks that must not end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

PAUSE_S = 1.0


def keep_up(name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """Run the work until it is cancelled; if it fails, log the error and start it again."""
    return asyncio.create_task(_keep_up(name, work), name=f"binance-futures {name}")


async def _keep_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("binance-futures: %s: failed, and begins again in %.0f s", name, PAUSE_S)
        await asyncio.sleep(PAUSE_S)
