"""The numbered frames of one topic, the newest of which are kept."""

import logging
from collections import deque
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from quantd.api.schema import topics as frames
from quantd.api.schema.wire import encode
from quantd.api.ws.fanout import text_frame
from quantd.api.ws.v1.topic import AS_THEY_COME, Topic

_log = logging.getLogger("quantd.api")
MOST_ROWS = 500
"""Maximum number of rows of a frame."""


class Continued(Struct, frozen=True, gc=False):
    """The next frames for a client, and the number of the last one."""

    data: bytes
    seq: int


class FrameLog:
    """The frames of a topic, each encoded once, and the rows that wait for the next one.

    Frames are numbered by one. `seq` is the newest number, and `flushed` the newest one that clients in step have been sent. The oldest
    frames are dropped beyond `most` frames, but for the newest frame and those that are not flushed.
    """

    def __init__(self, topic: Topic, seq: int, most: int) -> None:
        self.topic = topic
        self.seq = self.flushed = seq
        self.size = 0
        """Number of bytes of the frames that are kept."""
        self.sealed = 0.0
        """When the newest frame was made (s, the loop's clock)."""
        self._most = 1 if topic.kind.conflated else most
        self._frames: deque[bytes] = deque()
        self._pending: list[Any] = []

    @property
    def first(self) -> int:
        """Number of the oldest frame that is kept; that of the next frame if there is none."""
        return self.seq - len(self._frames) + 1

    @property
    def waits(self) -> bool:
        """Whether rows wait for the next frame, or frames for the next flush."""
        return bool(self._pending) or self.seq > self.flushed

    def is_due(self, now: float) -> bool:
        """Return whether a frame may be made at `now` seconds, or one waits for the flush."""
        paced = self.topic.kind.conflated
        return paced is None or now >= self.sealed + paced.pace or self.seq > self.flushed

    def add(self, items: Iterable[Any]) -> None:
        """Let items wait for the next frame."""
        self._pending.extend(items)

    def seal(self, now: float) -> None:
        """Make frames of the rows that wait, at `now` seconds. If that fails, the log says so, and other topics go on."""
        items, self._pending = self._pending, []
        try:
            self._make(items, now)
        except Exception:
            _log.exception("rows of %s cannot be sent, and are left out", self.topic.text)

    def _make(self, items: list[Any], now: float) -> None:
        kind = self.topic.kind
        rows = [row for item in (kind.conflated or AS_THEY_COME).merge(items) if (row := kind.row(item)) is not None]
        for at in range(0, len(rows), MOST_ROWS):
            frame = kind.frame(topic=self.topic.text, seq=self.seq + 1, rows=rows[at : at + MOST_ROWS])
            data = text_frame(encode(frame))
            self.seq, self.sealed = self.seq + 1, now
            self._keep(data)

    def take(self) -> bytes:
        """Return the frames that clients in step have not been sent, which are flushed by that."""
        data = b"".join([self._frames[at] for at in range(self.flushed - self.seq, 0)])
        self.flushed = self.seq
        self._trim()
        return data

    def after(self, seq: int, room: int) -> Continued:
        """Return the frames after number `seq`, of about `room` bytes at the most, with a notice before them if some are gone."""
        pieces = []
        if self.first > seq + 1:
            lost = seq + 1, self.first - 1
            pieces.append(text_frame(encode(frames.Lagged(self.topic.text, lost[1] - seq, lost))))
            seq = lost[1]
        while seq < self.seq and room > 0:
            pieces.append(self._frames[seq + 1 - self.first])
            room -= len(pieces[-1])
            seq += 1
        return Continued(b"".join(pieces), seq)

    def shed(self, size: int) -> None:
        """Drop the oldest frames, of at least `size` bytes, as far as that is allowed."""
        until = self.size - size
        while self.size > until and self._may_drop():
            self._drop()

    def _keep(self, frame: bytes) -> None:
        self._frames.append(frame)
        self.size += len(frame)
        self._trim()

    def _trim(self) -> None:
        while len(self._frames) > self._most and self._may_drop():
            self._drop()

    def _may_drop(self) -> bool:
        return len(self._frames) > 1 and self.first <= self.flushed

    def _drop(self) -> None:
        self.size -= len(self._frames.popleft())
