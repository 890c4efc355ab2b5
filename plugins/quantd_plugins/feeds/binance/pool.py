"""All connections of a feed, and which of them carries which stream."""

import asyncio
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

import quantd
from quantd_plugins.feeds.binance.backoff import Backoff, Budget
from quantd_plugins.feeds.binance.connection import Connection, Shared
from quantd_plugins.feeds.binance.frames import Faults
from quantd_plugins.feeds.binance.inbox import Inbox
from quantd_plugins.feeds.binance.timing import Ask, ExchangeClock, TurnClock

if TYPE_CHECKING:
    from aiohttp import ClientSession

BATCH = 1000
BEAT_S = 0.25
HOLD_MS = 250
"""How far behind the newest of what was read the tape is taken for complete: trades are gathered for 100 ms before they are sent."""
CONNECTS_PER_S = 1.0
CONNECTS_AT_ONCE = 5


class Limits(Struct, frozen=True):
    """Streams a connection, and the shortest and the longest wait before a reconnect, s."""

    streams: int
    shortest: float
    longest: float


class Pool:
    """Connections as needed. What they read waits in one queue of BATCH events; when it is full, they stop reading."""

    def __init__(self, url: str, limits: Limits, clock: quantd.Clock, rng: random.Random) -> None:
        self._exchange = ExchangeClock(clock)
        self._url = url
        self._limits = limits
        self._clock = clock
        self._rng = rng
        self._events = Inbox(BATCH)
        self._tasks: dict[Connection, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._told = 0
        self._healthy = False
        self._opened = 0

    def open(self, ask: Ask) -> None:
        """Begin; needs a running loop."""
        import aiohttp

        self._session: ClientSession = aiohttp.ClientSession()
        self._shared = Shared(
            url=self._url,
            session=self._session,
            events=self._events,
            clock=self._clock,
            turn=TurnClock(self._clock),
            exchange=self._exchange,
            faults=Faults(self._clock),
            connects=Budget(CONNECTS_PER_S, CONNECTS_AT_ONCE, self._clock),
            lost=self._lost,
        )
        self._helpers = [
            asyncio.create_task(self._beat(), name="binance-futures-status"),
            asyncio.create_task(self._exchange.keep(ask), name="binance-futures-time"),
        ]

    def want(self, streams: Iterable[str]) -> None:
        """From now on these streams and no others; those that stay keep their connection."""
        new = tuple(dict.fromkeys(streams))
        for connection in list(self._tasks):
            connection.wanted = connection.wanted.intersection(new)
            if not connection.wanted:
                self._drop(connection)
        placed = {stream for connection in self._tasks for stream in connection.wanted}
        for stream in new:
            if stream not in placed:
                self._place(stream)

    async def take(self) -> list[quantd.Event]:
        """All events that are there; waits for at least one."""
        return await self._events.take()

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self._tasks):
            self._drop(connection)
        for task in self._helpers:
            task.cancel()
        await asyncio.gather(*self._helpers, *self._leaving, return_exceptions=True)
        await self._session.close()

    def _place(self, stream: str) -> None:
        with_room = (each for each in self._tasks if len(each.wanted) < self._limits.streams)
        connection = next(with_room, None) or self._add()
        connection.wanted |= {stream}

    def _add(self) -> Connection:
        self._opened += 1
        backoff = Backoff(self._limits.shortest, self._limits.longest, self._rng)
        connection = Connection(f"connection {self._opened}", self._shared, backoff)
        self._tasks[connection] = asyncio.create_task(connection.run(), name=f"binance-futures-{self._opened}")
        return connection

    def _drop(self, connection: Connection) -> None:
        task = self._tasks.pop(connection)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        task.cancel()

    async def _beat(self) -> None:
        """Tell now and then how far everything has been received, so that bars close in quiet times too."""
        while True:
            await asyncio.sleep(BEAT_S)
            upto = self._complete_upto()
            if upto is not None and upto > self._told:
                self._told = upto
                self._healthy = True
                await self._events.put(quantd.Status(upto, healthy=True))

    def _complete_upto(self) -> int | None:
        now = self._exchange.now()
        if now is None or not self._tasks or not all(connection.ready for connection in self._tasks):
            return None
        return min(now, *(connection.upto for connection in self._tasks)) - HOLD_MS

    async def _lost(self) -> None:
        """A connection is gone: say so, once until all is well again."""
        if self._healthy:
            self._healthy = False
            self._told = max(self._told, self._exchange.now() or 0)
            await self._events.put(quantd.Status(self._told, healthy=False))
