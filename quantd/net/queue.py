"""A bounded queue of events between the connections, which add them, and the flow, which takes many of them at once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """Holds `most` events in the order of arrival; `put` waits while it is full. `add` may exceed the bound, since events that arrive
    together are added together: the caller then stops until there is room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
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
        last = self._batches[-1] if self._batches else None
        if type(events) is list and type(last) is list:
            self._batches[-1] = last + events
        else:
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
        """Return the oldest events as one batch; wait for at least one. Lists are joined, and any other sequence is a batch by itself."""
        while not self._batches:
            self._filled.clear()
            await self._filled.wait()
        taken = self._batches.pop(0)
        self._count -= len(taken)
        if self._batches:
            return taken
        self._emptied.set()
        stopped, self._stopped = self._stopped, []
        for go_on in stopped:
            go_on()
        return taken
