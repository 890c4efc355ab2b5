"""Carries alerts to sinks: a bounded queue and a worker for each, so that a slow sink holds up nobody."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from quantd.model import Alert
from quantd.plugin.base import AlertSink
from quantd.plugin.guard import Guard

_log = logging.getLogger("quantd.alerts")
_CAPACITY = 10_000
_START_S = 2.0
_DRAIN_S = 4.0
_STOP_S = 0.5
"""The sum of these times is less than the daemon's drain time, so that the log names a sink that hangs."""


class Outbox:
    """Queues alerts for sinks, which are given by name. Alerts that are put before `start` wait for it."""

    def __init__(self, sinks: Mapping[str, tuple[AlertSink, Guard]]) -> None:
        self._sinks = sinks
        self._queues = {name: asyncio.Queue[Alert](_CAPACITY) for name in sinks}
        self._workers: list[asyncio.Task[None]] = []
        self.dropped = 0

    async def start(self) -> None:
        """Start all sinks and wait at most two seconds for them. If a sink hangs, only its own alerts wait."""
        started = {name: asyncio.Event() for name in self._sinks}
        self._workers = [asyncio.create_task(self._work(name, event), name=f"sink {name}") for name, event in started.items()]
        for name in await _late({name: event.wait() for name, event in started.items()}, _START_S):
            _log.error("sink %s has not started within %g s: its alerts wait", name, _START_S)

    def put(self, alert: Alert, names: tuple[str, ...]) -> None:
        """Queue an alert for these sinks. If a queue is full, the alert is dropped, counted and logged."""
        for name in names:
            try:
                self._queues[name].put_nowait(alert)
            except asyncio.QueueFull:
                self.dropped += 1
                _log.error("sink %s is %d alerts behind; dropped: %s", name, _CAPACITY, alert.text)

    async def stop(self) -> None:
        """Deliver queued alerts for at most 4 s, then stop the sinks within at most 0.5 s."""
        for name in await _late({name: queue.join() for name, queue in self._queues.items()}, _DRAIN_S):
            _log.error("sink %s has not taken its last alerts within %g s: they are not delivered", name, _DRAIN_S)
        for task in self._workers:
            task.cancel()
        for name in await _late({name: guard.acall(sink.stop) for name, (sink, guard) in self._sinks.items()}, _STOP_S):
            _log.error("sink %s has not stopped within %g s: it is left", name, _STOP_S)

    async def _work(self, name: str, started: asyncio.Event) -> None:
        sink, guard = self._sinks[name]
        queue = self._queues[name]
        await guard.acall(sink.start)
        started.set()
        while True:
            alert = await queue.get()
            await guard.acall(sink.send, alert)
            queue.task_done()


async def _late(work: Mapping[str, Coroutine[Any, Any, object]], seconds: float) -> list[str]:
    """Run all coroutines for at most `seconds`; cancel those that have not ended, and return their names."""
    tasks = {asyncio.create_task(each): name for name, each in work.items()}
    late = (await asyncio.wait(tasks, timeout=seconds))[1] if tasks else ()
    for task in late:
        task.cancel()
    return [tasks[task] for task in late]
