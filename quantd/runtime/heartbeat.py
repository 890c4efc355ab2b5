"""The dead man's switch: tells sinks at regular times that the daemon lives and its data are fresh.

A heartbeat goes to the sink directly and never through the outbox: one that comes late would be a lie. It is not sent again if it fails.
Whoever receives it raises the alarm when it stays away.
"""

import asyncio
import logging
from collections.abc import Mapping

from quantd.clock import Clock
from quantd.config.heartbeat import HeartbeatSettings
from quantd.flow.feed import FeedFlow
from quantd.model import Alert
from quantd.plugin.base import AlertSink
from quantd.runtime.runtime import Runtime
from quantd.timeframes import duration
from quantd.times import iso

_LEAST_AGE_MS = 10_000
"""Data of this age (ms) are fresh, however short the period is."""
_log = logging.getLogger("quantd.alerts")


class Heartbeat:
    """Sends heartbeats to sinks, which are given by name, while the data of all feeds are fresh."""

    def __init__(self, runtime: Runtime, sinks: Mapping[str, AlertSink], settings: HeartbeatSettings, clock: Clock) -> None:
        self._runtime = runtime
        self._sinks = {name: sinks[name] for name in settings.send}
        self._clock = clock
        self._began = clock.now()
        self._every_ms = duration(settings.every)
        self._withheld = ""
        """Why the last heartbeat was not sent."""

    async def run(self, warm: asyncio.Event) -> None:
        """Send a heartbeat each period, from the end of the warm-up on."""
        await warm.wait()
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self.beat()
            due = max(due + self._every_ms / 1000, loop.time())
            await asyncio.sleep(due - loop.time())

    async def beat(self) -> None:
        """Send one heartbeat to each sink, unless the data are not fresh."""
        reason = self._stale()
        if reason:
            if not self._withheld:
                _log.warning("no heartbeat is sent: %s", reason)
        else:
            await asyncio.gather(*(self._send(name, sink) for name, sink in self._sinks.items()))
        self._withheld = reason

    async def _send(self, name: str, sink: AlertSink) -> None:
        troubles, label = self._runtime.outputs.troubles, f"heartbeat to {name}"
        try:
            async with asyncio.timeout(self._every_ms / 1000):
                await sink.send(self._alert())
        except Exception as error:
            text = f"was not taken: {str(error) or type(error).__name__}"
            if troubles.begin("sinks", label, text):
                _log.warning("%s %s", label, text)
        else:
            troubles.end("sinks", label)

    def _stale(self) -> str:
        """Return why the data are not fresh; an empty text if they are. A quiet market is fresh: its feed tells the time."""
        flows = self._runtime.flows
        if not flows:
            return "there is no feed"
        if down := [flow.name for flow in flows if flow.state != "live"]:
            return f"{', '.join(down)} is not live"
        if silent := [flow.name for flow in flows for line in flow.health().connections if line.silent]:
            return f"streams of {silent[0]} bring nothing though there is trade"
        limit = max(self._every_ms, _LEAST_AGE_MS)
        if ahead := [flow.name for flow in flows if flow.watermark.top - flow.clock.now() > limit]:
            return f"the clock is behind the data of {ahead[0]}, so that their age is not known"
        old = {flow.name: age for flow in flows if (age := _age(flow)) > limit}
        return ", ".join(f"{name} is {age / 1000:.0f} s behind" for name, age in old.items())

    def _alert(self) -> Alert:
        now = self._clock.now()
        age = max(map(_age, self._runtime.flows)) / 1000
        limit = max(self._every_ms, _LEAST_AGE_MS) / 1000
        return Alert(
            id=f"heartbeat@{iso(now)}",
            alert_id="heartbeat",
            rule="heartbeat",
            pair="",
            state="heartbeat",
            value=age,
            threshold=limit,
            since=self._began,
            ts=now,
            text=f"quantd lives, and its data are {age:.1f} s old",
            metric="age",
            severity="info",
        )


def _age(flow: FeedFlow) -> int:
    """Return for how long (ms) a feed has not confirmed that everything has been received."""
    return max(0, flow.clock.now() - flow.watermark.top)
