"""The queue of data to one client: data that a fault delays, and everything while a fault clogs the connection."""

import asyncio
from collections import deque
from collections.abc import Callable


class Outbox:
    """Passes bytes to `write` at once, unless they must wait."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._clogs: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loose = 0
        self.size = 0  # bytes that wait in order

    @property
    def idle(self) -> bool:
        """Whether nothing is queued that will be sent without an `unclog`: the queue is empty, or the connection is clogged."""
        return bool(self._clogs) or not (self._waiting or self._loose)

    def urgent(self, data: bytes) -> None:
        """Send data before delayed data. They wait only while the connection is clogged."""
        if self._clogs:
            self._wait(0.0, data)
        else:
            self._write(data)

    def ordered(self, data: bytes, delay_s: float = 0.0) -> None:
        """Send data after everything that was queued before."""
        if delay_s or self._waiting or self._clogs:
            due = asyncio.get_running_loop().time() + delay_s
            self._wait(max(due, self._waiting[-1][0]) if self._waiting else due, data)
        else:
            self._write(data)

    def loose(self, data: bytes, delay_s: float) -> None:
        """Send data after `delay_s`, independently of other data."""
        self._loose += 1
        asyncio.get_running_loop().call_later(delay_s, self._let_loose, data)

    def clog(self, owner: str) -> None:
        """Hold everything until each owner has called `unclog`."""
        self._clogs.add(owner)

    def unclog(self, owner: str) -> bool:
        """Release the hold of one owner. Return whether the connection is free again."""
        self._clogs.discard(owner)
        self._flush()
        return not self._clogs

    def _wait(self, due: float, data: bytes) -> None:
        self._waiting.append((due, data))
        self.size += len(data)
        if not self._clogs:
            self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_at(self._waiting[0][0], self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._flush()

    def _flush(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting and not self._clogs and self._waiting[0][0] <= now:
            data = self._waiting.popleft()[1]
            self.size -= len(data)
            self._write(data)
        if not self._clogs:
            self._arm()

    def _let_loose(self, data: bytes) -> None:
        self._loose -= 1
        self.urgent(data)
