"""A bounded queue of events between the connections, which add them, and the flow, which takes all of them at once."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """Holds `most` events in the order of arrival; `put` waits while it is full. `add` may exceed the bound, since events that arrive
    together are added together: the caller then stops until there is room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: list[T] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._stopped: list[Callable[[], None]] = []

    def full(self) -> bool:
        """Return whether `put` would wait."""
        return len(self._events) >= self._most

    def add(self, events: Iterable[T]) -> None:
        """Add events, whether there is room or not."""
        self._events += events
        if self._events:
            self._filled.set()

    def when_emptied(self, go_on: Callable[[], None]) -> None:
        """Call this function once the queue has been emptied."""
        self._stopped.append(go_on)

    async def put(self, event: T) -> None:
        """Add an event once there is room."""
        while self.full():
            self._emptied.clear()
            await self._emptied.wait()
        self.add((event,))

    async def take(self) -> list[T]:
        """Return all events; wait for at least one."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        taken, self._events = self._events, []
        self._emptied.set()
        stopped, self._stopped = self._stopped, []
        for go_on in stopped:
            go_on()
        return taken
