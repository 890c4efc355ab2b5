"""Carries alerts to sinks: a bounded queue and a worker for each, so that a slow sink holds up nobody."""

import asyncio
import logging
from collections.abc import Mapping

from quantd.model import Alert
from quantd.plugin.base import AlertSink
from quantd.plugin.guard import Guard

_log = logging.getLogger("quantd.alerts")
_CAPACITY = 10_000
_DRAIN_S = 5.0


class Outbox:
    """Sinks by name. Alerts put before `start` wait for it."""

    def __init__(self, sinks: Mapping[str, tuple[AlertSink, Guard]]) -> None:
        self._sinks = sinks
        self._queues = {name: asyncio.Queue[Alert](_CAPACITY) for name in sinks}
        self._workers: list[asyncio.Task[None]] = []
        self.dropped = 0

    async def start(self) -> None:
        for name, (sink, guard) in self._sinks.items():
            await guard.acall(sink.start)
            self._workers.append(asyncio.create_task(self._work(name), name=f"sink {name}"))

    def put(self, alert: Alert, names: tuple[str, ...]) -> None:
        """Send to these sinks; where a queue is full the alert is dropped, counted and logged."""
        for name in names:
            try:
                self._queues[name].put_nowait(alert)
            except asyncio.QueueFull:
                self.dropped += 1
                _log.error("sink %s is %d alerts behind; dropped: %s", name, _CAPACITY, alert.text)

    async def stop(self) -> None:
        """Deliver what is queued, for at most five seconds, then stop the sinks."""
        waiting = [asyncio.create_task(queue.join()) for queue in self._queues.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=_DRAIN_S)
        for task in [*waiting, *self._workers]:
            task.cancel()
        for sink, guard in self._sinks.values():
            await guard.acall(sink.stop)

    async def _work(self, name: str) -> None:
        sink, guard = self._sinks[name]
        queue = self._queues[name]
        while True:
            alert = await queue.get()
            await guard.acall(sink.send, alert)
            queue.task_done()
