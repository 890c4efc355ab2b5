"""Checks feeds, plugins, the clock and the disk, and reports what is wrong with them."""

import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from quantd.clock import Clock
from quantd.flow.feed import FeedFlow
from quantd.plugin.guard import Health
from quantd.runtime.runtime import Runtime
from quantd.supervision.troubles import Troubles, What

_DISK_EVERY_S = 10.0
_LEAST_FREE = 0.02, 256 * 1024**2
"""The disk is reported if less than this share, and less than this many bytes, are free."""
_CLOCK_MS = 1_000
_BUSY_S = {"jobs": 600.0, "sinks": 60.0}
_OF_KIND: dict[str, What] = {"sink": "sinks", "job": "jobs", "feed": "feed", "store": "store"}
_PAST_S = 10.0
"""How long (s) reading the past of a symbol may take before it is reported."""
_DEAF_S = 10.0
"""How long (s) a listener may fail before it is reported. A fault of a single batch is only logged."""
_Found = dict[tuple[What, str], str]


class Checkup:
    """Checks a runtime whose state is in `directory`."""

    def __init__(self, runtime: Runtime, directory: Path, clock: Clock) -> None:
        self._runtime = runtime
        self._directory = directory
        self._clock = clock
        self._troubles: Troubles = runtime.outputs.troubles
        self._found: _Found = {}
        self._disk: _Found = {}
        self._disk_due = float("-inf")
        self._cold_since: dict[str, float] = {}
        """When (monotonic, s) symbols of a live feed began to wait for their past."""
        self._deaf_since: dict[str, float] = {}
        """When (monotonic, s) listeners of a topic began to fail."""

    def look(self) -> None:
        """Report present troubles, and end those that are over."""
        found = dict(self._look())
        for what, name in self._found.keys() - found.keys():
            self._troubles.end(what, name)
        for (what, name), text in found.items():
            self._troubles.begin(what, name, text)
        self._found = found

    def _look(self) -> Iterator[tuple[tuple[What, str], str]]:
        for flow in self._runtime.flows:
            yield from _of_feed(flow)
            yield from self._of_past(flow)
        yield from self._of_listeners()
        for sink, count in self._runtime.outputs.outbox.dead().items():
            yield ("sinks", f"messages for {sink}"), f"{count} were not delivered: see `quantd alerts dead`, then `quantd alerts resend`"
        for health in self._runtime.guards.health():
            yield from _of_plugin(health)
        if self._clock.monotonic() >= self._disk_due:
            self._disk_due = self._clock.monotonic() + _DISK_EVERY_S
            self._disk = dict(_of_disk(self._directory))
        yield from self._disk.items()

    def _of_past(self, flow: FeedFlow) -> Iterator[tuple[tuple[What, str], str]]:
        missing = flow.symbols - flow.warm
        if flow.state != "live" or not missing:
            self._cold_since.pop(flow.name, None)
        elif self._clock.monotonic() - self._cold_since.setdefault(flow.name, self._clock.monotonic()) >= _PAST_S:
            yield ("feed", f"{flow.name} past"), f"{missing} of {flow.symbols} symbols wait for their past: the log says why"

    def _of_listeners(self) -> Iterator[tuple[tuple[What, str], str]]:
        failing, now = self._runtime.outputs.hub.failing(), self._clock.monotonic()
        self._deaf_since = {topic: self._deaf_since.get(topic, now) for topic in failing}
        for topic, text in failing.items():
            if now - self._deaf_since[topic] >= _DEAF_S:
                yield ("tasks", f"listener of {topic}"), f"fails at each batch: {text}: the log has the traceback; report it"


def _of_feed(flow: FeedFlow) -> Iterable[tuple[tuple[What, str], str]]:
    if flow.state != "live":
        newest = max((stage.last.ts for stage in flow.stages if stage.last), default=None)
        since = "no trade has come yet" if newest is None else "trades come no more"
        yield ("feed", flow.name), f"is {flow.state}: {since}: the log says why"
    health = flow.health()
    if health.banned_until is not None:
        yield ("feed", f"{flow.name} REST"), "the venue answers no requests for now: it has banned this address, or asked for a pause"
    if silent := sorted(symbol for line in health.connections for symbol in line.silent):
        yield ("feed", f"{flow.name} streams"), f"bring nothing though there is trade: {', '.join(silent[:10])}"
    offset = flow.clock.offset
    if offset is not None and abs(offset) > _CLOCK_MS:
        side = "behind" if offset > 0 else "ahead of"
        yield ("clock", flow.name), f"this host's clock is {abs(offset) / 1000:.1f} s {side} that of {flow.name}: set it with NTP"


def _of_plugin(health: Health) -> Iterable[tuple[tuple[What, str], str]]:
    """Yield a trouble for a quarantined plugin, and for a sink or job whose last call failed."""
    what = _OF_KIND.get(health.kind, "plugins")
    name = f"{health.kind} {health.name}"
    if health.state == "slow":
        yield (what, name.partition(" (")[0]), "is left alone, for others waited for its calls: make it quicker"
    elif health.busy > _BUSY_S.get(what, math.inf):
        yield (what, name), f"has run for {health.busy:.0f} s" + (": its alerts wait" if what == "sinks" else "")
    elif health.state == "quarantined":
        yield (what, name), f"is left alone after faults in a row: {health.last_error}"
    elif health.state == "failing" and what in ("sinks", "jobs"):
        yield (what, name), f"has failed: {health.last_error}"


def _of_disk(directory: Path) -> Iterable[tuple[tuple[What, str], str]]:
    try:
        usage = shutil.disk_usage(directory)
    except OSError as error:
        yield ("disk", str(directory)), f"cannot be looked at: {error.strerror}"
        return
    share, least = _LEAST_FREE
    if usage.free < min(least, share * usage.total):
        yield ("disk", str(directory)), f"{usage.free / 1024**2:.0f} MiB are free: make room, or keep less (store: keep)"
