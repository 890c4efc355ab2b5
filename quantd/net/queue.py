"""A bounded queue of events between the connections, which add them, and the flow, which takes many of them at once."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """Holds `most` events in the order of arrival; `put` waits while it is full. `add` may exceed the bound, since events that arrive
    together are added together: the caller then stops until there is room.
    """

    def __init__(self, most: int, join: Callable[[list[Sequence[T]]], Sequence[T]] | None = None) -> None:
        """`join` makes one batch of several of the same type; by default a list."""
        self._most = most
        self._join = join or _listed
        self._batches: list[Sequence[T]] = []
        self._count = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._stopped: list[Callable[[], None]] = []

    def full(self) -> bool:
        """Return whether `put` would wait."""
        return self._count >= self._most

    def add(self, events: Sequence[T]) -> None:
        """Add events, whether there is room or not. They must not change any more."""
        if not events:
            return
        self._count += len(events)
        self._batches.append(events)
        self._filled.set()

    def when_emptied(self, go_on: Callable[[], None]) -> None:
        """Call this function once the queue has been emptied."""
        self._stopped.append(go_on)

    async def put(self, event: T) -> None:
        """Add an event once there is room."""
        while self.full():
            self._emptied.clear()
            await self._emptied.wait()
        self.add([event])

    async def take(self) -> Sequence[T]:
        """Return the oldest events as one batch; wait for at least one. Batches that follow each other are joined if they have the same
        type."""
        while not self._batches:
            self._filled.clear()
            await self._filled.wait()
        kind = type(self._batches[0])
        batches = list(takewhile(lambda batch: type(batch) is kind, self._batches))
        del self._batches[: len(batches)]
        taken = batches[0] if len(batches) == 1 else self._join(batches)
        self._count -= len(taken)
        if self._batches:
            return taken
        self._emptied.set()
        stopped, self._stopped = self._stopped, []
        for go_on in stopped:
            go_on()
        return taken


def _listed(batches: list[Sequence[T]]) -> Sequence[T]:
    return [event for batch in batches for event in batch]
