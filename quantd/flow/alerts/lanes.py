"""The messages that wait for one sink, by lane. Of many, only some are in memory; the rest is on disk, and is read lane by lane."""

from collections import deque
from collections.abc import Iterator, Sequence

from quantd.state import Delivery

HELD = 2_000
"""Number of messages for one sink that are held in memory."""
PAGE = 100
"""Number of messages that are read from disk at once, and that are sent together at most."""


class Lane:
    """The messages of one lane, in order."""

    __slots__ = ("last", "more", "name", "queue", "reading", "scheduled", "waited")

    def __init__(self, name: str, *, more: bool = False) -> None:
        self.name = name
        self.queue: deque[Delivery] = deque()
        self.last = 0
        """The number of the last message that came into the queue."""
        self.more = more
        """Whether messages after `last` are on disk."""
        self.reading = False
        """Whether these are being read."""
        self.scheduled = False
        """Whether the lane has its turn, waits for it, or waits for a time."""
        self.waited = False
        """Whether it has waited for its first message, and the clock has gone back meanwhile: the message is due."""

    @property
    def is_over(self) -> bool:
        """Whether nothing waits."""
        return not (self.queue or self.more)

    @property
    def must_read(self) -> bool:
        """Whether messages have to be read before it is known what is sent next. A group may need all that wait."""
        return self.more and (not self.queue or (bool(self.queue[0].message.group) and len(self.queue) < PAGE))


class Lanes:
    """The lanes of one sink."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self.held = 0
        """Number of messages in memory."""
        self.waiting = 0
        """Number of messages in memory and on disk."""
        self._newest = 0
        """The greatest number of those that were added."""
        self._early: set[int] = set()
        """The numbers of those that were read from disk before they were added."""

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def __len__(self) -> int:
        return len(self._lanes)

    def holds(self, name: str) -> bool:
        """Return whether messages of a lane wait."""
        return name in self._lanes

    def on_disk(self, name: str, count: int, newest: int) -> None:
        """Add a lane of an earlier run, with its number of messages and the number of the newest one."""
        self._lanes[name] = Lane(name, more=True)
        self.waiting += count
        self._newest = max(self._newest, newest)

    def add(self, delivery: Delivery) -> Lane | None:
        """Add a message that is on disk, the last one of its lane. Return the lane; None if the message has been read from disk."""
        self._newest = max(self._newest, delivery.number)
        if delivery.number in self._early:
            self._early.discard(delivery.number)
            return None
        lane = self._lanes.setdefault(delivery.message.order, Lane(delivery.message.order))
        self.waiting += 1
        if lane.reading or lane.more or self.held >= HELD:
            lane.more = True
        else:
            self._hold(lane, delivery)
        return lane

    def room(self, lane: Lane) -> int:
        """Return how many messages of a lane may be read from disk: only the next one while many are held, since many lanes may wait for
        their next attempt. A group is read whole."""
        return PAGE if self.held < HELD or lane.name.startswith("group ") else 1

    def read(self, lane: Lane, found: Sequence[Delivery], asked: int = PAGE) -> None:
        """Take in what was read from disk: up to `asked` messages after the last one of the lane."""
        lane.more = lane.more or len(found) == asked
        early = [each.number for each in found if each.number > self._newest]
        self._early.update(early)
        self.waiting += len(early)
        for delivery in found:
            self._hold(lane, delivery)

    def _hold(self, lane: Lane, delivery: Delivery) -> None:
        lane.queue.append(delivery)
        lane.last = delivery.number
        self.held += 1

    def next(self, lane: Lane, now: int) -> list[Delivery]:
        """Return the messages that are to be sent together next, which stay in the lane. Those of a group that are due are sent together,
        the same again once that is fixed."""
        head = lane.queue[0]
        if not head.message.group:
            return [head]
        if head.batch is not None:
            return [each for each in lane.queue if each.batch == head.batch]
        found: list[Delivery] = []
        for each in lane.queue:
            if each.due > now or each.batch is not None or len(found) == PAGE:
                break
            found.append(each)
        return found

    def replace_first(self, lane: Lane, changed: Sequence[Delivery]) -> None:
        """Replace the first messages of a lane by what they have become."""
        for at, delivery in enumerate(changed):
            lane.queue[at] = delivery

    def drop_first(self, lane: Lane, count: int) -> None:
        """Remove the first messages of a lane: they are sent or dead."""
        for _ in range(count):
            lane.queue.popleft()
        self.held -= count
        self.waiting -= count

    def forget(self, lane: Lane) -> None:
        """Remove a lane that is over."""
        del self._lanes[lane.name]
