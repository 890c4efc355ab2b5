"""Sends the messages for one sink: each lane in order, several lanes at a time, and again after a failure."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from quantd.blobs import DISK_FAILS
from quantd.clock import Clock
from quantd.errors import Refused, Retry
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.lanes import Lane, Lanes
from quantd.model import Alert
from quantd.plugin.base import AlertSink
from quantd.plugin.guard import Guard
from quantd.state import Delivery, Mark
from quantd.timeframes import duration

LANES_AT_ONCE = 8
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_LONGEST_WAIT_S = 3_600.0
_JITTER = 0.1
_LONGEST_SEND_S = 60.0
_DISK_PAUSE_S = 1.0
_log = logging.getLogger("quantd.alerts")
Figure = Callable[[str], str]
"""Draws the figure of a firing as SVG; an empty text if there is none."""


class Counts(Struct):
    """Numbers of messages since the start."""

    sent: int = 0
    retried: int = 0
    """Tries that failed and were followed by another one."""
    dead: int = 0


class Sender:
    """Sends to one sink. A lane that fails waits by itself: the others go on."""

    def __init__(self, name: str, sink: AlertSink, guard: Guard, clock: Clock) -> None:
        self.name = name
        self.sink = sink
        self.guard = guard
        self.lanes = Lanes()
        self.counts = Counts()
        self.figure: Figure | None = None
        self._keeper: Keeper
        self._clock = clock
        self._max_age = duration(sink.max_age)
        self._ready: deque[Lane] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._free_at = 0.0
        self._open = False
        self._quiet = asyncio.Event()

    def attach(self, keeper: Keeper) -> None:
        """Use these records. Called once, before everything else."""
        self._keeper = keeper

    def begin(self) -> None:
        """Begin to send."""
        self._open = True
        for lane in self.lanes:
            self._schedule(lane)
        self._go_on()

    def add(self, delivery: Delivery) -> None:
        """Send a message that is on disk, after the others of its lane."""
        lane = self.lanes.add(delivery)
        if lane and self._open:
            self._schedule(lane)
            self._go_on()

    async def tries(self, alerts: Sequence[Alert]) -> bool:
        """Send alerts that are not on disk, once. Return whether the sink has taken them."""
        if not self._open:
            return False
        await self._wait_for_rate(len(alerts))
        if await self._tried(alerts) is not None:
            return False
        self.counts.sent += 1
        return True

    async def quiet(self) -> None:
        """Return once nothing is sent and no lane has its turn; with records in memory, once nothing waits either."""
        while self._tasks or self._ready or (self._keeper.records.in_memory and len(self.lanes)):
            self._quiet.clear()
            await self._quiet.wait()

    async def end(self) -> None:
        """Stop sending. What is being sent is broken off, and sent again after the next start."""
        self._open = False
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _schedule(self, lane: Lane) -> None:
        """Let a lane wait for its turn, or for the time at which its first message is due."""
        if lane.scheduled or not self._open:
            return
        lane.scheduled = True
        wait = _wait_of(lane.queue[0], self._clock.now()) if lane.queue else 0.0
        if wait <= 0:
            self._ready.append(lane)
        else:
            self._later(lane, wait)

    def _later(self, lane: Lane, seconds: float) -> None:
        self._timers[lane.name] = asyncio.get_running_loop().call_later(seconds, self._wake, lane, self._clock.now())

    def _wake(self, lane: Lane, since: int) -> None:
        del self._timers[lane.name]
        lane.waited = self._clock.now() < since
        self._ready.append(lane)
        self._go_on()

    def _go_on(self) -> None:
        while self._open and self._ready and len(self._tasks) < LANES_AT_ONCE:
            task = asyncio.create_task(self._turn(self._ready.popleft()), name=f"sink {self.name}")
            self._tasks.add(task)
            task.add_done_callback(self._turned)

    def _turned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("sink %s: %s", self.name, error, exc_info=error)
        self._go_on()
        self._quiet.set()

    async def _turn(self, lane: Lane) -> None:
        """Send what is next in a lane, and let the lane wait for its next turn."""
        pause, waited, lane.waited = 0.0, lane.waited, False
        try:
            if lane.must_read:
                await self._read(lane)
            if lane.queue and (waited or lane.queue[0].due <= self._clock.now()):
                await self._send_next(lane)
        except DISK_FAILS as error:
            _log.error("sink %s: what waits for it cannot be read now: %s", self.name, error)
            pause = _DISK_PAUSE_S
        except Exception as error:
            _log.error("sink %s: %s", self.name, error, exc_info=error)
            pause = _LONGEST_PAUSE_S
        finally:
            lane.scheduled = False
        if lane.is_over:
            self.lanes.forget(lane)
        elif pause:
            lane.scheduled = True
            self._later(lane, pause)
        else:
            self._schedule(lane)

    async def _read(self, lane: Lane) -> None:
        lane.more, lane.reading = False, True
        deliveries, after, most = self._keeper.records.deliveries, lane.last, self.lanes.room(lane)
        try:
            found = await self._keeper.read(lambda: deliveries.waiting(self.name, lane.name, after, most))
        except BaseException:
            lane.more = True
            raise
        finally:
            lane.reading = False
        self.lanes.read(lane, found, most)

    async def _send_next(self, lane: Lane) -> None:
        batch = self.lanes.next(lane, max(self._clock.now(), lane.queue[0].due))
        if len(batch) > 1 and batch[0].batch is None:
            batch = [replace(each, batch=batch[0].number) for each in batch]
            self.lanes.replace_first(lane, batch)
            self._keeper.mark(_mark(each) for each in batch)
            await self._keeper.saved()
        now = self._clock.now()
        if now - batch[0].made > self._max_age:
            self._bury(lane, batch, f"not delivered within {self.sink.max_age}" + (f": {batch[0].reason}" if batch[0].reason else ""))
            return
        await self._wait_for_rate(len(batch))
        self._conclude(lane, batch, await self._tried([alert for each in batch for alert in each.message.alerts]))

    async def _wait_for_rate(self, count: int) -> None:
        if self.sink.rate:
            now = asyncio.get_running_loop().time()
            begin = max(now, self._free_at)
            self._free_at = begin + count / self.sink.rate
            if begin > now:
                await asyncio.sleep(begin - now)

    async def _tried(self, alerts: Sequence[Alert]) -> BaseException | None:
        """Send alerts. Return what went wrong; None if nothing did."""
        failed: BaseException | None = RuntimeError("the sink was not called")

        async def send() -> None:
            nonlocal failed
            try:
                async with asyncio.timeout(_LONGEST_SEND_S):
                    await (self.sink.send_many(alerts) if len(alerts) > 1 else self.sink.send(alerts[0]))
                failed = None
            except BaseException as error:
                failed = error
                raise

        if self.figure and self.sink.wants_figure:
            alerts = [replace(alert, figure=_drawn(self.figure, alert)) for alert in alerts]
        await self.guard.acall(send)
        return failed

    def _conclude(self, lane: Lane, batch: Sequence[Delivery], failed: BaseException | None) -> None:
        if failed is None:
            self.counts.sent += len(batch)
            self.lanes.drop_first(lane, len(batch))
            self._keeper.mark(sent(each, self._clock.now()) for each in batch)
        elif isinstance(failed, Refused):
            self._bury(lane, batch, _text(failed))
        else:
            tries = batch[0].tries + 1
            wait = asked_for(failed) if isinstance(failed, Retry) else pause_after(tries)
            due = self._clock.now() + int(1000 * wait)
            self.counts.retried += 1
            again = [replace(each, tries=tries, due=due, reason=_text(failed)) for each in batch]
            self.lanes.replace_first(lane, again)
            self._keeper.mark(map(_mark, again))

    def _bury(self, lane: Lane, batch: Sequence[Delivery], reason: str) -> None:
        self.counts.dead += len(batch)
        for each in batch:
            _log.error("sink %s: not delivered, see `quantd alerts dead`: %s: %s", self.name, each.message.key, reason)
        self._end(lane, [replace(each, state="dead", due=self._clock.now(), reason=reason) for each in batch])

    def _end(self, lane: Lane, batch: Sequence[Delivery]) -> None:
        self.lanes.drop_first(lane, len(batch))
        self._keeper.mark(map(_mark, batch))


def pause_after(tries: int) -> float:
    """Return how long (s) to wait after this number of failures: 0.5, 1, 2, 4 … 60, a tenth more or less."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(tries - 1, 10)) * random.uniform(1 - _JITTER, 1 + _JITTER)


def sent(delivery: Delivery, now: int) -> Mark:
    """Return the mark of a delivery that its sink has taken."""
    return Mark(delivery.number, "sent", delivery.tries + 1, now, batch=delivery.batch)


def asked_for(failed: Retry) -> float:
    """Return how long (s) to wait when a destination asks for it, at most an hour: what it says may make no sense."""
    return min(max(failed.after, 0.0), _LONGEST_WAIT_S) if failed.after == failed.after else _LONGEST_PAUSE_S


def _drawn(figure: Figure, alert: Alert) -> str:
    try:
        return figure(alert.id)
    except Exception as error:
        _log.error("no figure of %s could be drawn: %s", alert.id, error, exc_info=error)
        return ""


def _wait_of(delivery: Delivery, now: int) -> float:
    """Return how long (s) a message is to wait. What was noted before the clock went back is no reason to wait for longer than ever."""
    longest = _LONGEST_WAIT_S if delivery.tries else (delivery.due - delivery.made) / 1000
    return min((delivery.due - now) / 1000, longest)


def _mark(delivery: Delivery) -> Mark:
    return Mark(delivery.number, delivery.state, delivery.tries, delivery.due, delivery.reason, delivery.batch)


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
