"""One topic of one connection: what is asked for, what came, and what waits for the program."""

import asyncio
from collections import deque
from itertools import count
from typing import Any

from msgspec import Struct

from quantd.client.errors import ClientError, of_code
from quantd.client.frames import Frame, Position, Subscribe, decoder

_IDS = count(1)


class Rows(Struct, frozen=True):
    """Rows of one frame, and its position; None for a snapshot, which is of no frame."""

    rows: list[Any]
    position: Position | None
    is_first: bool = False
    """Whether they are the snapshot with which the topic began."""


class Start(Struct, frozen=True):
    """The next frame follows `position`; if `is_break`, frames before it are missing."""

    position: Position
    is_break: bool = True


Event = Rows | Start


class Subscription:
    """Takes the frames of a topic, in order, into a queue of at most `most` rows. If it is full, what comes is counted and dropped until
    the queue is empty; then the topic is asked for again from the last frame that was kept.

        asked ── subscribed ──▶ live ── queue full ──▶ full ── queue empty ──▶ asked …
          ▲                      │
          └── cut, or lagged ◀───┘
    """

    def __init__(self, topic: str, row: Any, most: int, *, is_state: bool = False) -> None:
        self.topic = topic
        self.position: Position | None = None
        """Of the last frame that was kept."""
        self.broken = False
        """Whether the next answer leaves a break in any case."""
        self.error: ClientError | None = None
        """Why nothing comes any more."""
        self.is_late = False
        """Whether it was refused for now, and has to be asked for again later."""
        self.dropped = 0
        """The number of rows dropped since the queue was full; 0 while it is not."""
        self._decode = decoder(row).decode
        self._most = most
        self._is_state = is_state
        self._asked = 0
        """The id of the command whose answer is waited for; 0 if the answer has come, -1 if there is no connection."""
        self._since: Position | None = None
        self._is_first = True
        self._queue: deque[Event] = deque()
        self._rows = 0
        self._filled = asyncio.Event()

    def ask(self) -> Subscribe:
        """Return the command that asks for the topic, from the last position on. What comes before its answer is ignored."""
        self._asked, self.is_late = next(_IDS), False
        self._since = None if self._is_state else self.position
        return Subscribe(self.topic, self._asked, self._since)

    @property
    def is_cut(self) -> bool:
        """Return whether it has to be asked for."""
        return self._asked < 0

    def cut(self) -> None:
        """Take nothing until the topic is asked for again."""
        self._asked = -1

    def fail(self, error: ClientError) -> None:
        """Let the program have this error, after what is in the queue."""
        self.error = error
        self._filled.set()

    def take(self, frame: Frame) -> bool:
        """Take a frame. Return whether the topic has to be asked for again."""
        match frame.type:
            case "subscribed" if frame.id == self._asked:
                self._begin(frame)
            case "error" if frame.id == self._asked:
                return self._refused(frame)
            case "lagged" if not self._asked and not self._is_state:
                return True
            case "subscribed" | "error" | "lagged" | "unsubscribed":
                pass
            case _ if not self._asked:
                self._add(frame)
        return False

    async def next(self) -> Event:
        """Wait for the next event, and return it. Raises ClientError if there will be none."""
        while not self._queue:
            if self.error:
                raise self.error
            self._filled.clear()
            await self._filled.wait()
        event = self._queue.popleft()
        if isinstance(event, Rows):
            self._rows -= len(event.rows)
        return event

    @property
    def is_due(self) -> bool:
        """Whether rows were dropped and the queue is empty, so that it is time to ask for them."""
        return bool(self.dropped) and not self._queue

    def overflow(self) -> int:
        """Return how many rows were dropped. Rows are kept again once the topic has been asked for."""
        self.cut()
        dropped, self.dropped = self.dropped, 0
        return dropped

    def _begin(self, frame: Frame) -> None:
        """Go on behind the answer: frames that are not in the daemon's history leave a break."""
        self._asked = 0
        if self._since and frame.recovered:
            return
        last = frame.missed[1] if frame.missed else None
        self.position = Position(frame.epoch, frame.seq if last is None else last)
        is_break = bool(self._since) or self.broken
        self._is_first = not is_break
        self._put(Start(self.position, is_break))
        self.broken = False

    def _refused(self, frame: Frame) -> bool:
        """Take an error. A daemon that has just started may not know the topic yet, and one that is asked too fast says so."""
        self.cut()
        if frame.code == "bad_since":
            self.position, self.broken = None, True
            return True
        self.is_late = frame.code == "too_fast" or (frame.code == "unknown_topic" and self.position is not None)
        if not self.is_late:
            self.fail(of_code(frame.code, f"{self.topic}: {frame.text or frame.code}"))
        return False

    def _add(self, frame: Frame) -> None:
        """Keep the rows of a data frame, unless the frame is known."""
        assert self.position is not None
        last = self.position.seq
        if frame.snapshot or self._is_state:
            self._keep(frame, None)
        elif frame.seq > last:
            if frame.seq > last + 1 and not self.dropped:
                self._put(Start(Position(self.position.epoch, frame.seq - 1)))
            self._keep(frame, Position(self.position.epoch, frame.seq))

    def _keep(self, frame: Frame, position: Position | None) -> None:
        rows = self._decode(frame.rows)
        if self._is_state:
            self._queue.clear()
            self._rows = 0
        if self.dropped or (self._rows and self._rows + len(rows) > self._most):
            self.dropped += len(rows)
            return
        self.position = position or self.position
        self._rows += len(rows)
        self._put(Rows(rows, position, self._is_first and position is None))

    def _put(self, event: Event) -> None:
        """Add an event. One start that follows another replaces it."""
        if isinstance(event, Start) and self._queue and isinstance(last := self._queue[-1], Start):
            self._queue[-1] = Start(event.position, event.is_break or last.is_break)
        else:
            self._queue.append(event)
        self._filled.set()
