"""Where events wait between the connections, which read them one by one, and the flow, which takes all that there are."""

import asyncio

import quantd


class Inbox:
    """Holds `most` events, in the order in which they came; whoever has another one then waits."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: list[quantd.Event] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    def full(self) -> bool:
        """Whether `put` would wait."""
        return len(self._events) >= self._most

    def put_nowait(self, event: quantd.Event) -> None:
        """Add one, of whom the caller knows that there is room for it."""
        if not self._events:
            self._filled.set()
        self._events.append(event)

    async def put(self, event: quantd.Event) -> None:
        """Add one, once there is room."""
        while self.full():
            self._emptied.clear()
            await self._emptied.wait()
        self.put_nowait(event)

    async def take(self) -> list[quantd.Event]:
        """All that are there; waits for at least one."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        taken, self._events = self._events, []
        self._emptied.set()
        return taken
