"""Collects the rows of all topics that somebody wants, makes frames of them, and sends these to the clients."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from quantd.api.schema.topics import Since
from quantd.api.ws.audience import Audience
from quantd.api.ws.v1.client import Client
from quantd.api.ws.v1.frame_log import FrameLog
from quantd.api.ws.v1.limits import TopicLimits
from quantd.api.ws.v1.shelf import Shelf
from quantd.api.ws.v1.topic import Topic
from quantd.services.bundle import Services


class BadSince(Exception):
    """A client says that it has a frame that has not been made."""


class Start(Struct, frozen=True):
    """How a subscription begins."""

    seq: int
    recovered: bool
    missed: tuple[int, int | None] | None
    snapshot: bool


class Board:
    """The topics that somebody wants, and the clients."""

    def __init__(self, services: Services, limits: TopicLimits) -> None:
        self.epoch = secrets.token_hex(8)
        self.limits = limits
        self.shelf = Shelf(services, limits, self._put)
        self._in_step: Audience[Client] = Audience()
        self._behind: dict[Client, None] = {}
        self._due: dict[FrameLog, None] = {}
        """The topics whose rows or frames wait."""
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        """Earliest time of the next flush (s, the loop's clock)."""

    def subscribe(self, client: Client, topic: Topic, since: Since | None) -> Start:
        """Send a client the frames of a topic from now on, or the ones after `since`. The caller has to send the answer before anything
        else can happen. Raises BadSince, without any change."""
        log = self.shelf.open(topic)
        self._seal(log)
        try:
            start, seq = self._start(log, since)
        except BadSince:
            self.shelf.settle(log)
            raise
        self._fall_behind(client)
        assert client.behind is not None
        client.topics[topic.text] = log
        client.behind[log] = seq
        self.shelf.join(log, client)
        self._flush_soon()
        return start

    def unsubscribe(self, client: Client, topic: str) -> None:
        """Send a client no more frames of a topic."""
        log = client.topics.get(topic)
        if log is None:
            return
        self._fall_behind(client)
        assert client.behind is not None
        del client.topics[topic], client.behind[log]
        self.shelf.leave(log, client)
        self._flush_soon()

    def leave(self, client: Client) -> None:
        """Send a client nothing any more."""
        self._in_step.remove(client)
        self._behind.pop(client, None)
        for log in client.topics.values():
            self.shelf.leave(log, client)
        client.topics.clear()

    def flush(self) -> None:
        """Make frames of what waits, and send what the clients lack. A timer calls this."""
        loop = asyncio.get_running_loop()
        began, self._timer = loop.time(), None
        self._send_new(began)
        for client in list(self._behind):
            if client.catch_up(began):
                self._behind.pop(client, None)
                self._in_step.put(client, frozenset(client.topics))
        ended = loop.time()
        self._next = max(began + self.limits.flush, ended + min(self.limits.pause, ended - began))
        if self._due or self._behind:
            self._flush_soon()

    def close(self) -> None:
        """End all topics."""
        if self._timer:
            self._timer.cancel()
        self.shelf.close()

    def _start(self, log: FrameLog, since: Since | None) -> tuple[Start, int]:
        """Return how a subscription begins, and the number of the last frame that the client does not need."""
        if since is None:
            return Start(log.seq, False, None, True), log.seq
        if since.epoch != self.epoch:
            return Start(log.seq, False, (since.seq + 1, None), True), log.seq
        if since.seq > log.seq:
            raise BadSince(f"the newest frame of {log.topic.text} is {log.seq}")
        if since.seq + 1 >= log.first:
            return Start(log.seq, True, None, False), since.seq
        return Start(log.seq, False, (since.seq + 1, log.first - 1), log.first > log.seq), log.first - 1

    def _fall_behind(self, client: Client) -> None:
        """Take a client out of step. It has been sent every frame that is flushed."""
        self._in_step.remove(client)
        client.fall_behind({log: log.flushed for log in client.topics.values()})
        self._behind[client] = None

    def _put(self, log: FrameLog, items: Sequence[Any]) -> None:
        log.add(items)
        self._due[log] = None
        self._flush_soon()

    def _seal(self, log: FrameLog) -> None:
        """Number the rows that wait, so that who subscribes now gets them neither twice nor not at all."""
        if log.waits:
            log.seal(asyncio.get_running_loop().time())
            self._due[log] = None

    def _flush_soon(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._next), self.flush)

    def _send_new(self, now: float) -> None:
        """Send new frames to the clients in step, those of the same topics in one piece."""
        ready = [log for log in self._due if log.is_due(now)]
        new: dict[tuple[None, str], bytes] = {}
        for log in ready:
            del self._due[log]
            log.seal(now)
            if log.seq > log.flushed:
                new[None, log.topic.text] = log.take()
        self.shelf.shed(ready)
        for clients, share in self._in_step.shares(new):
            data = b"".join(share.values())
            for client in clients if data else ():
                if not client.offer(data):
                    self._fall_behind(client)
