"""Runs work in a thread that would block the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


async def offload(events: Iterator[T], size: int) -> AsyncIterator[list[T]]:
    """Yield the events in batches of `size`, each made in a worker thread."""
    while batch := await asyncio.to_thread(lambda: list(islice(events, size))):
        yield batch
