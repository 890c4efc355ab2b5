"""Work that would hold up the event loop, done in a thread."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


async def offload(events: Iterator[T], size: int) -> AsyncIterator[list[T]]:
    """The events in batches of `size`, each batch made in a worker thread."""
    while batch := await asyncio.to_thread(lambda: list(islice(events, size))):
        yield batch
