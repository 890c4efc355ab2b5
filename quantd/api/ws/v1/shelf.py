"""The frame logs of topics: made when somebody subscribes, ended some time after nobody does."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from quantd.api.ws.v1.client import Client
from quantd.api.ws.v1.frame_log import FrameLog
from quantd.api.ws.v1.limits import TopicLimits
from quantd.api.ws.v1.supply import Supply
from quantd.api.ws.v1.topic import Topic
from quantd.services.bundle import Services

_CONFLATED_KEPT_S = 10.0
"""Seconds for which a conflated topic goes on without a subscriber: its next frame says all that one missed."""


class Shelf:
    """The logs by topic, and who subscribes to each. A log holds its symbol for as long as it lives: what it would miss while the symbol
    does not stream would be a hole without a name."""

    def __init__(self, services: Services, limits: TopicLimits, put: Callable[[FrameLog, Sequence[Any]], None]) -> None:
        self._services = services
        self._limits = limits
        self._supply = Supply(services, put)
        self._logs: dict[str, FrameLog] = {}
        self._last: dict[str, int] = {}
        """The last number of each topic whose log has ended."""
        self._clients: dict[FrameLog, set[Client]] = {}
        self._ends: dict[FrameLog, asyncio.TimerHandle] = {}
        """The logs without a subscriber, in the order in which they lost the last one."""

    @property
    def size(self) -> int:
        """Number of bytes of all frames that are kept."""
        return sum(log.size for log in self._logs.values())

    def open(self, topic: Topic) -> FrameLog:
        """Return the log of a topic. One that begins anew first leaves out a number, which stands for what was missed meanwhile."""
        log = self._logs.get(topic.text)
        if log is None:
            ended = self._last.pop(topic.text, None)
            log = FrameLog(topic, 0 if ended is None else ended + 1, self._limits.frames)
            self._logs[topic.text], self._clients[log] = log, set()
            if topic.symbol:
                self._services.symbols.hold(_holder(topic), [topic.symbol])
            self._supply.begin(log)
        return log

    def join(self, log: FrameLog, client: Client) -> None:
        """Note a subscriber."""
        self._clients[log].add(client)
        if timer := self._ends.pop(log, None):
            timer.cancel()

    def leave(self, log: FrameLog, client: Client) -> None:
        """Note that a client does not subscribe any more."""
        self._clients[log].discard(client)
        self.settle(log)

    def settle(self, log: FrameLog) -> None:
        """Let a log end after a while if nobody subscribes to it."""
        if self._clients[log] or log in self._ends:
            return
        seconds = _CONFLATED_KEPT_S if log.topic.kind.conflated else self._limits.kept_s
        self._ends[log] = asyncio.get_running_loop().call_later(seconds, self._end, log)
        while len(self._ends) > self._limits.idle:
            self._end(next(iter(self._ends)))

    def close(self) -> None:
        """End all logs."""
        for log in list(self._logs.values()):
            self._end(log)

    def shed(self, grown: Iterable[FrameLog]) -> None:
        """Drop frames of the topics that have grown beyond their bound, and then of the largest until all are within theirs."""
        for log in grown:
            log.shed(log.size - self._limits.topic_bytes)
        total = self.size
        while total > self._limits.all_bytes:
            largest = max(self._logs.values(), key=lambda log: log.size)
            before = largest.size
            largest.shed(max(total - self._limits.all_bytes, before // 8))
            if largest.size == before:
                return
            total -= before - largest.size

    def _end(self, log: FrameLog) -> None:
        if timer := self._ends.pop(log, None):
            timer.cancel()
        topic = log.topic
        del self._logs[topic.text], self._clients[log]
        self._last[topic.text] = log.seq
        self._supply.end(log)
        if topic.symbol:
            self._services.symbols.release(_holder(topic))


def _holder(topic: Topic) -> str:
    return f"topic:{topic.text}"
