"""A queue of requests for a few workers."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from itertools import count
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]
"""Starts computing an answer; cancelling the awaitable that it returns ends the computation."""

BUDGET_S = 8.0
"""Seconds within which to answer: the frontend gives up after 10."""
_SPARED_S = 2.0
_LONGEST = 32
_DEAR_S = 1.0
_KILL_FROM_S = 0.3
_DEAR_FOR_S = 30.0
_MOST_PEERS = 256
_SOONEST_S, _LATEST_S = 1, 30
_AGAIN_IF_DEAR_S = 60


class Busy(Exception):
    """No answer is available in time. The text says why, and `again` is the number of seconds after which a retry may succeed."""

    def __init__(self, why: str, again: int) -> None:
        super().__init__(why)
        self.again = again


class Asker(Struct, frozen=True):
    """The address of a caller, the time, by the event loop's clock, until which an answer is of use, and the estimated seconds that all of
    it costs: what is read for a dear answer waits behind what is read for a cheap one."""

    peer: str = ""
    until: float = math.inf
    cost: float = 0.0

    async def wait(self, fetching: Awaitable[T], otherwise: T) -> T:
        """Await a result from elsewhere; return `otherwise` if it is not there while some seconds are left to answer without it."""
        try:
            async with asyncio.timeout_at(None if math.isinf(self.until) else self.until - _SPARED_S) as limit:
                return await fetching
        except TimeoutError:
            if not limit.expired():
                raise
            return otherwise


ANYBODY = Asker()


class Count(Struct):
    """Counts of the outcomes of a queue's requests."""

    refused: int = 0
    """Number answered with Busy."""
    dropped: int = 0
    """Number that all callers had left before there was an answer."""
    seconds: float = 0.0
    """Time spent on requests, including those that were ended."""


class _Job:
    """One request, and the callers that wait for its answer."""

    def __init__(self, key: Hashable, topic: Hashable, work: Work[Any], cost: float, asked: float) -> None:
        self.key = key
        self.topic = topic
        self.work = work
        self.cost = cost
        self.asked = asked
        self.began: float | None = None
        self.askers: list[Asker] = []
        self.task: asyncio.Task[None] | None = None
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def end(self, answer: Any = None, error: BaseException | None = None) -> None:
        """Give the callers the result, unless they have one."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(answer)
        else:
            self.done.set_exception(error)
            self.done.exception()  # mark the exception as retrieved, because nobody may be left to read it


class Line:
    """Processes at most `places` requests at a time.

    The next peer is the one whose last request started longest ago. Of a peer's requests, the one with the lowest cost, in estimated
    seconds, goes first, where each second of waiting offsets a second of cost. Requests that cost a second or more never take the last of
    several places. Equal requests share one computation. A request leaves the queue when nobody waits for it any more; if it is already
    running and costs more than the start of a process, it is cancelled. A request that runs longer than `budget` seconds is cancelled too.
    """

    def __init__(self, name: str, places: int, *, longest: int = _LONGEST, budget: float = BUDGET_S) -> None:
        self.name = name
        self.count = Count()
        self._places = places
        self._longest = longest
        self._budget = budget
        self._jobs: dict[Hashable, _Job] = {}
        self._waiting: list[_Job] = []
        self._running: list[_Job] = []
        self._served: dict[str, int] = {}
        """When each peer's last request started, in ascending order."""
        self._turns = count(1)
        self._too_slow: dict[Hashable, float] = {}
        """Time (s, the loop's clock) until which a request that took too long is not tried again."""
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Number of requests that are running."""
        return len(self._running)

    async def ask(self, work: Work[T], asker: Asker, *, cost: float = 0.0, topic: Hashable = None, state: Hashable = None) -> T:
        """Return the result of `work`, or of an equal request that is under way: one with the same `topic` and `state`, if there is a
        topic. Raises Busy, and whatever the work raises."""
        try:
            job = self._join(work, max(cost, asker.cost), topic, state, asker)
            try:
                return await self._answer(job, asker)  # type: ignore[no-any-return]
            except asyncio.CancelledError:
                self.count.dropped += len(job.askers) == 1
                raise
            finally:
                job.askers.remove(asker)
                if not job.askers:
                    self._leave(job)
        except Busy:
            self.count.refused += 1
            raise

    def demand_room(self, asker: Asker, cost: float, topic: Hashable) -> None:
        """Raise Busy if a request on this topic would be refused at once. Call this before work that would be in vain then."""
        if all(job.topic != topic for job in self._waiting):
            try:
                self._last(asker, cost)
            except Busy:
                self.count.refused += 1
                raise

    async def close(self) -> None:
        """Cancel the running requests and refuse all others from now on."""
        self._closed = True
        under_way = [job.task for job in self._running if job.task]
        for job in [*self._waiting, *self._running]:
            job.end(error=_stops())
        self._waiting.clear()
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)

    def _join(self, work: Work[T], cost: float, topic: Hashable, state: Hashable, asker: Asker) -> _Job:
        if self._closed:
            raise _stops()
        now = _now()
        if topic is not None and self._too_slow.get(topic, 0.0) > now:
            raise self._too_dear()
        key: Hashable = object() if topic is None else (topic, state)
        job = self._jobs.get(key)
        if job is None:
            self._make_room(asker, cost)
            job = self._jobs[key] = _Job(key, topic, work, cost, now)
            self._waiting.append(job)
        job.askers.append(asker)
        self._begin()
        return job

    async def _answer(self, job: _Job, asker: Asker) -> Any:
        await asyncio.wait([job.done], timeout=None if math.isinf(asker.until) else max(0.0, asker.until - _now()))
        if job.done.done():
            return job.done.result()
        if job.began is None:
            raise self._busy(self._ahead(job))
        if _now() - job.began > self._budget / 2:
            raise self._note_dear(job)
        raise Busy("not ready in time: its turn came too late; ask again", self._again())

    def _make_room(self, asker: Asker, cost: float) -> None:
        """Refuse a request if too many wait, or the last one of the peer that has most of them in its place."""
        last = self._last(asker, cost)
        if last is not None:
            self._forget(last)
            last.end(error=self._busy(len(self._waiting)))

    def _last(self, asker: Asker, cost: float) -> _Job | None:
        """Return the request that has to make room for one more; None if there is room. Raises Busy if none has to: no other peer has more
        of them, and this one's own come before it."""
        if len(self._waiting) < self._longest:
            return None
        crowd = Counter(job.askers[0].peer for job in self._waiting)
        peer, most = crowd.most_common(1)[0]
        is_fair = most <= crowd[asker.peer] + 1
        theirs = [job for job in self._waiting if job.askers[0].peer == (asker.peer if is_fair else peer)]
        last = max(theirs, key=self._rank, default=None)
        if last is None or (is_fair and last.asked + last.cost <= _now() + cost):
            raise self._busy(len(self._waiting))
        return last

    def _leave(self, job: _Job) -> None:
        """Remove a request for which nobody waits any more."""
        if job.done.done():
            return
        if job.task is None or job.cost >= _KILL_FROM_S:
            self._forget(job)
            job.done.cancel()
            if job.task:
                job.task.cancel()

    def _forget(self, job: _Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
        if job in self._waiting:
            self._waiting.remove(job)

    def _begin(self) -> None:
        while job := self._next():
            self._waiting.remove(job)
            self._running.append(job)
            for asker in job.askers:
                self._served.pop(asker.peer, None)
                self._served[asker.peer] = next(self._turns)
            while len(self._served) > _MOST_PEERS:
                del self._served[next(iter(self._served))]
            job.began = _now()
            job.task = asyncio.create_task(self._run(job), name=f"answer, {self.name}")
            job.task.add_done_callback(partial(self._ended, job))  # also runs for a task that is cancelled before its first step

    def _next(self) -> _Job | None:
        free = self._places - len(self._running)
        if free <= 0 or self._closed:
            return None
        last_of_several = free == 1 < self._places
        return min((job for job in self._waiting if not (last_of_several and job.cost >= _DEAR_S)), key=self._rank, default=None)

    def _rank(self, job: _Job) -> tuple[int, float]:
        return min((self._served.get(asker.peer, 0) for asker in job.askers), default=0), job.asked + job.cost

    async def _run(self, job: _Job) -> None:
        try:
            async with asyncio.timeout(self._budget) as limit:
                job.end(await job.work())
        except Exception as error:
            job.end(error=self._note_dear(job) if limit.expired() else error)

    def _ended(self, job: _Job, _: "asyncio.Task[None]") -> None:
        """Release the place of a request."""
        job.end(error=_stops())  # the task was cancelled by something other than this queue
        self.count.seconds += _now() - (job.began or 0.0)
        self._running.remove(job)
        self._forget(job)
        self._begin()

    def _note_dear(self, job: _Job) -> Busy:
        now = _now()
        self._too_slow = {topic: until for topic, until in self._too_slow.items() if until > now}
        if job.topic is not None:
            self._too_slow[job.topic] = now + _DEAR_FOR_S
        return self._too_dear()

    def _too_dear(self) -> Busy:
        return Busy(f"too dear: this takes more than {self._budget:g} s; ask for a shorter window or fewer bars", _AGAIN_IF_DEAR_S)

    def _ahead(self, job: _Job) -> int:
        """Return how many requests come before this one, which waits."""
        return len(self._running) + sum(self._rank(other) < self._rank(job) for other in self._waiting)

    def _busy(self, ahead: int) -> Busy:
        return Busy(f"busy: {ahead} {'question' if ahead == 1 else 'questions'} ahead; ask again later", self._again())

    def _again(self) -> int:
        """Return the seconds after which the running requests may be done."""
        work = sum(min(job.cost, self._budget) for job in [*self._waiting, *self._running]) / self._places
        return min(max(math.ceil(work), _SOONEST_S), _LATEST_S)


def _stops() -> Busy:
    return Busy("quantd stops", 5)


def _now() -> float:
    return asyncio.get_running_loop().time()
