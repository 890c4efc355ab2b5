"""Brings items to the frame logs of their topics."""

from collections.abc import Callable, Sequence
from typing import Any

from quantd.api.ws.v1.frame_log import FrameLog
from quantd.api.ws.v1.topic import Kind, Stop
from quantd.services.bundle import Services

Put = Callable[[FrameLog, Sequence[Any]], None]


class Supply:
    """The sources that run: one for each kind of which there is a log."""

    def __init__(self, services: Services, put: Put) -> None:
        self._services = services
        self._put = put
        self._logs: dict[str, dict[str, FrameLog]] = {}
        """The logs by kind and by key."""
        self._stops: dict[str, Stop] = {}

    def begin(self, log: FrameLog) -> None:
        """Bring a log its items from now on."""
        kind = log.topic.kind
        self._logs.setdefault(kind.name, {})[log.topic.key] = log
        self._listen(kind)

    def end(self, log: FrameLog) -> None:
        """Bring a log no more items."""
        kind = log.topic.kind
        del self._logs[kind.name][log.topic.key]
        self._listen(kind)

    def _listen(self, kind: Kind) -> None:
        """Listen to what the logs of a kind need. Only a source of pairs has to know which."""
        logs = self._logs[kind.name]
        if logs and kind.name in self._stops and kind.parameters[:1] != ("pair",):
            return
        if stop := self._stops.pop(kind.name, None):
            stop()
        if logs:
            names = {log.topic.values[0] for log in logs.values() if log.topic.values}
            self._stops[kind.name] = kind.source(self._services, lambda items: self._hand_out(kind, items), names)

    def _hand_out(self, kind: Kind, items: Sequence[Any]) -> None:
        found: dict[FrameLog, list[Any]] = {}
        logs = self._logs[kind.name]
        for item in items:
            if log := logs.get(kind.key(item)):
                found.setdefault(log, []).append(item)
        for log, some in found.items():
            self._put(log, some)
