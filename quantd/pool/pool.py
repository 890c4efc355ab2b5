"""The queues for the three kinds of work from which answers are made."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from quantd.pool.line import BUDGET_S, Asker, Line
from quantd.pool.workers import Workers

T = TypeVar("T")
Args = TypeVarTuple("Args")
SMALL_S = 0.1
"""Estimated seconds up to which a request is computed in a thread: handing it to a process would cost more than it saves."""
_PLACES = 2


class Pool:
    """Threads that read, threads for small computations, and processes for large ones."""

    def __init__(self, workers: Workers, *, budget: float = BUDGET_S) -> None:
        self.workers = workers
        self.reads, self.small, self.great = self.lines = [Line(name, _PLACES, budget=budget) for name in ("reads", "small", "great")]
        self._readers = ThreadPoolExecutor(_PLACES, "reads")
        self._threads = ThreadPoolExecutor(_PLACES, "answers")

    async def read(self, asker: Asker, function: Callable[[*Args], T], *args: *Args, topic: Hashable = None, state: Hashable = None) -> T:
        """Call a function that reads the history. Requests with equal `topic` and `state` share the result. Raises Busy."""
        return await self.reads.ask(lambda: self._in(self._readers, function, *args), asker, topic=topic, state=state)

    async def aside(
        self, asker: Asker, cost: float, function: Callable[[*Args], T], *args: *Args, topic: Hashable = None, state: Hashable = None
    ) -> T:
        """Call a function that takes some tens of milliseconds, an estimated `cost` seconds. Requests with equal `topic` and `state` share
        the result. Raises Busy."""
        return await self.small.ask(lambda: self._in(self._threads, function, *args), asker, cost=cost, topic=topic, state=state)

    async def compute(
        self, asker: Asker, cost: float, function: Callable[[], T], coded: tuple[Callable[[], bytes], Callable[[bytes], T]], *,
        topic: Hashable, state: Hashable,
    ) -> T:  # fmt: skip
        """Call a function if it is cheap, else have a process compute the result. `coded` makes the frame for the process and decodes its
        answer. Requests with equal `topic` and `state` share the result. Raises Busy."""
        if cost <= SMALL_S:
            return await self.small.ask(lambda: self._in(self._threads, function), asker, cost=cost, topic=topic, state=state)
        return await self.great.ask(lambda: self._far(*coded), asker, cost=cost, topic=topic, state=state)

    def demand_room(self, asker: Asker, cost: float, topic: Hashable) -> None:
        """Raise Busy if `compute` would refuse a request of this cost at once: what it needs is then not read in vain."""
        (self.small if cost <= SMALL_S else self.great).demand_room(asker, cost, topic)

    async def close(self) -> None:
        """End all work within milliseconds, except for what runs in threads."""
        await asyncio.gather(*(line.close() for line in self.lines))
        self.workers.close()
        for threads in (self._readers, self._threads):
            threads.shutdown(wait=False, cancel_futures=True)

    async def gone(self) -> None:
        """Wait until the threads have ended. Python would wait for them at exit anyway, when nothing could interrupt it."""
        for threads in (self._readers, self._threads):
            await asyncio.to_thread(threads.shutdown)

    async def _far(self, encode: Callable[[], bytes], decode: Callable[[bytes], T]) -> T:
        frame = await self._in(self._threads, encode)
        return await self._in(self._threads, decode, await self.workers.run(frame))

    def _in(self, threads: ThreadPoolExecutor, function: Callable[[*Args], T], *args: *Args) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(threads, function, *args)
