"""Carries alerts to sinks, at least once and in order.

A message is on disk before it is sent, in one transaction with the state of the rule that caused it. It is marked as sent once the sink has
taken it. If the daemon is killed in between, it is sent again with the same key.

    put ──▶ keeper (on disk) ──▶ lanes of the sink ──▶ sent ──▶ marked; the key is remembered for 7 days
                                   ▲          │
                                   └──────────┘ later, if it fails; dead if it is refused or too old

While the disk fails, messages are sent from memory: see `unwritten`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from quantd.blobs import DISK_FAILS
from quantd.clock import Clock, SystemClock
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.sender import Counts, Figure, Sender, sent
from quantd.flow.alerts.unwritten import Unwritten
from quantd.model import Alert
from quantd.plugin.base import AlertSink
from quantd.plugin.guard import Guard
from quantd.state import Delivery, Message
from quantd.timeframes import DAY

_START_S = 2.0
_DRAIN_S = 4.0
_STOP_S = 0.5
"""The sum of these times is less than the daemon's drain time, so that the log names a sink that hangs."""
_TIDY_S = 3_600.0
KEYS_KEPT_MS = 7 * DAY
_log = logging.getLogger("quantd.alerts")


class Outbox:
    """Delivers messages to sinks, which are given by name. Messages that are put before `start` wait for it."""

    def __init__(self, sinks: Mapping[str, tuple[AlertSink, Guard]], clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._senders = {name: Sender(name, sink, guard, self._clock) for name, (sink, guard) in sinks.items()}
        self._revived: Counter[str] = Counter()
        self._unwritten = Unwritten(self._senders, self._clock)
        self._keeper: Keeper | None = None
        self._starts: list[asyncio.Task[None]] = []
        self._tidier: asyncio.TimerHandle | None = None
        self.lasting: Callable[[str], Sequence[Alert]] = lambda sink: ()
        """Returns the firings that a sink was told of and that still last."""

    def attach(self, keeper: Keeper) -> None:
        """Use these records, and take up the messages in them. Called once, before any message is put."""
        self._keeper = keeper
        keeper.on_messages = self._admit
        keeper.on_failure = self._unwritten.send
        for sender in self._senders.values():
            sender.attach(keeper)
        for sink, lane, count, newest in keeper.records.deliveries.orders():
            if sink in self._senders:
                self._senders[sink].lanes.on_disk(lane, count, newest)
            else:
                _log.warning("%d alerts wait for sink %s, which is not in the config", count, sink)

    @property
    def keeper(self) -> Keeper:
        """The records in use."""
        assert self._keeper is not None, "attach comes first"
        return self._keeper

    def put(self, messages: Iterable[Message]) -> None:
        """Deliver messages. A message whose sink has had one of the same key within 7 days is ignored."""
        now = self._clock.now()
        if known := [(message, now) for message in messages if message.sink in self._senders]:
            self.keeper.put(known)

    def draw(self, figure: Figure) -> None:
        """Let this function draw the figures of firings, for the sinks that want them."""
        for sender in self._senders.values():
            sender.figure = figure

    def _admit(self, new: Iterable[Delivery]) -> None:
        for delivery in new:
            sender = self._senders.get(delivery.message.sink)
            if sender and self._unwritten.took(delivery.message):
                self.keeper.mark([sent(delivery, self._clock.now())])
            elif sender:
                sender.add(delivery)

    async def start(self) -> None:
        """Start all sinks and wait at most two seconds for them. If a sink hangs, only its own alerts wait."""
        self._starts = [asyncio.create_task(self._begin(sender), name=f"sink {name}") for name, sender in self._senders.items()]
        started = list(zip(self._senders, self._starts, strict=True))
        self._starts.append(asyncio.create_task(self.tidy(), name="outbox"))
        for name in await _late({name: asyncio.wait([task]) for name, task in started}, _START_S):
            _log.error("sink %s has not started within %g s: its alerts wait", name, _START_S)

    async def _begin(self, sender: Sender) -> None:
        await sender.guard.acall(sender.sink.start)
        if lasting := self.lasting(sender.name):
            sender.guard.call(sender.sink.resume, lasting)
        sender.begin()

    async def stop(self) -> None:
        """Deliver what is due for at most 4 s, then stop the sinks within at most 0.5 s. The rest is sent after the next start."""
        await self.keeper.saved()
        await self._unwritten.end()
        late = await _late({name: sender.quiet() for name, sender in self._senders.items()}, _DRAIN_S)
        if self._tidier:
            self._tidier.cancel()
        for task in self._starts:
            task.cancel()
        await asyncio.gather(*(sender.end() for sender in self._senders.values()))
        for name, sender in self._senders.items():
            if count := sender.lanes.waiting:
                kept = "are not delivered" if self.keeper.records.in_memory else "are sent after the next start"
                slow = f" It has not taken them within {_DRAIN_S:g} s." if name in late else ""
                _log.error("sink %s: %d alerts %s.%s", name, count, kept, slow)
        stops = {name: sender.guard.acall(sender.sink.stop) for name, sender in self._senders.items()}
        for name in await _late(stops, _STOP_S):
            _log.error("sink %s has not stopped within %g s: it is left", name, _STOP_S)
        self.keeper.close()

    async def tidy(self) -> None:
        """Delete the keys of messages that were sent more than 7 days ago, and do so again after an hour."""
        self._tidier = asyncio.get_running_loop().call_later(_TIDY_S, lambda: self._starts.append(asyncio.create_task(self.tidy())))
        before = self._clock.now() - KEYS_KEPT_MS
        with suppress(*DISK_FAILS):
            await self.keeper.read(lambda: self.keeper.records.deliveries.forget(before))

    def waiting(self) -> dict[str, int]:
        """Return the number of messages that wait, by sink."""
        return {name: sender.lanes.waiting for name, sender in self._senders.items()}

    def counts(self) -> dict[str, Counts]:
        """Return what has become of messages since the start, by sink."""
        return {name: sender.counts for name, sender in self._senders.items()}

    async def resend(self, keys: Collection[str] | None = None) -> int:
        """Deliver dead messages again: those of these keys, None stands for all. Return their number."""
        deliveries, now = self.keeper.records.deliveries, self._clock.now()
        again = await self.keeper.read(lambda: deliveries.revive(keys, self._senders.keys(), now))
        self._admit(again)
        self._revived.update(each.message.sink for each in again)
        return len(again)

    def dead(self) -> dict[str, int]:
        """Return the number of messages that have died since the start and were not sent again, by sink; without those that have none."""
        left = {name: sender.counts.dead - self._revived[name] for name, sender in self._senders.items()}
        return {name: count for name, count in left.items() if count > 0}


async def _late(work: Mapping[str, Coroutine[Any, Any, object]], seconds: float) -> list[str]:
    """Run all coroutines for at most `seconds`; cancel those that have not ended, and return their names."""
    tasks = {asyncio.create_task(each): name for name, each in work.items()}
    late = (await asyncio.wait(tasks, timeout=seconds))[1] if tasks else ()
    for task in late:
        task.cancel()
    return [tasks[task] for task in late]
