"""A topic as a program sees it: each row once, whatever happens to connections and daemons, or a named hole.

    frames ──▶ Subscription ──▶ Rows ───────────────────▶ rows that were not seen
                    │
                    └─────────▶ Start ──▶ RecordReader ──▶ rows that were not seen, or a Hole

The topic is subscribed to before the record is read, so that a row is in the record, in a later frame, or in both.
"""

import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, Self, TypeVar

from quantd.client.bookmark import Standing, pack
from quantd.client.connection import Connection
from quantd.client.errors import ClientError, Refused
from quantd.client.items import Hole, Lagged
from quantd.client.place import Place
from quantd.client.record import RecordReader
from quantd.client.rest import Rest
from quantd.client.stamps import later
from quantd.client.subscription import Rows, Start, Subscription
from quantd.client.topics import Topic

Row = TypeVar("Row")
_EARLIEST = "1970-01-01T00:00:00.000Z"


class Stream(Generic[Row]):
    """Yields the rows of a topic, and between them `Hole` and `Lagged`. It ends with `aclose`, or with an error that trying again cannot
    mend."""

    def __init__(self, topic: Topic[Row], rest: Rest, connection: Connection, subscription: Subscription, start: Standing) -> None:
        self._topic = topic
        self._rest = rest
        self._connection = connection
        self._subscription = subscription
        self._start = start.start
        self._seen = topic.seen()
        self._seen.load(start.seen)
        self._place = Place(start.position, start.skip)
        self._items: deque[Any] = deque()
        self._reader: RecordReader[Row] | None = None
        self._floor: str | None = None
        """Time from which on the record is read if no row was seen and the program has named no other time."""
        self._has_begun = start.position is not None
        self._is_open = False
        self._finalizer = weakref.finalize(self, connection.abandon, subscription)

    @property
    def bookmark(self) -> str:
        """Where the stream stands: passed as `since`, in another run, it goes on behind the last item."""
        start = self._start or self._floor
        return pack(Standing(self._topic.name, self._place.position, self._place.taken, start, self._seen.dump()))

    @property
    def is_closed(self) -> bool:
        """Whether the topic was given up."""
        return not self._finalizer.alive

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row | Hole | Lagged:
        while (item := self.pop()) is None:
            if self.is_closed:
                raise StopAsyncIteration
            await self.fetch()
        return item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give up the topic."""
        self._finalizer.detach()
        self._connection.leave(self._subscription)
        self._subscription.fail(ClientError("the stream is closed"))

    def pop(self) -> Row | Hole | Lagged | None:
        """Return the next item that has been fetched; None if there is none."""
        while self._items:
            item = self._items.popleft()
            if isinstance(item, Hole | Lagged):
                return item
            self._place.take()
            if self._is_new(item):
                return item  # type: ignore[no-any-return]
        return None

    async def fetch(self) -> None:
        """Wait for more items. A call that is cancelled loses nothing."""
        if not self._is_open:
            self._is_open = True
            self._connection.open(self._subscription)
        self._place.take_up()
        if self._reader:
            await self._read(self._reader)
        elif self._subscription.is_due:
            self._items.append(Lagged(self._topic.name, self._subscription.overflow()))
            self._connection.ask(self._subscription)
        else:
            self._receive(await self._subscription.next())

    def _is_new(self, row: Any) -> bool:
        return not (self._start and row.ts < self._start) and self._seen.add(row)

    def _receive(self, event: Rows | Start) -> None:
        if isinstance(event, Rows):
            self._add(event)
        elif event.is_break and self._topic.record:
            self._reader = RecordReader(self._rest, self._topic, self._since, event.position)
        else:
            self._place.jump(event.position)
            if event.is_break:
                self._add_hole("the daemon no longer has what was missed, and does not record this topic")
        if self._topic.record and self._connection.greeting and not self._has_begun and not self._start:
            self._floor = later(self._connection.greeting.ts, -self._topic.record.span_ms)
        self._has_begun = True

    def _add(self, event: Rows) -> None:
        """Take the rows of a frame. Of a topic whose first snapshot is old news, that is only noted as seen."""
        rows = self._place.remaining(event)
        if event.is_first and not self._topic.shows_past:
            for row in rows:
                self._seen.add(row)
        else:
            self._items.extend(rows)

    async def _read(self, reader: RecordReader[Row]) -> None:
        """Take a page of the record, and before it a hole if the record does not go back far enough."""
        try:
            rows = await reader.page()
        except Refused as error:
            self._add_hole(f"the record cannot be read: {error}")
            reader.is_read = True
        else:
            if reader.is_first:
                self._prove(rows)
            self._items.extend(rows)
        if reader.is_read:
            self._reader = None
            self._place.jump(reader.then)

    def _prove(self, rows: Sequence[Any]) -> None:
        """Add a hole if the record, whose first rows these are, does not go back to what was seen, or to where the stream begins."""
        if self._seen.last:
            if not (rows and self._seen.reaches(rows[0])):
                self._add_hole("the record does not go back to the last row", rows[0].ts if rows else None)
        elif self._start and self._topic.begins_late(self._start, rows):
            self._add_hole(f"the record does not go back to {self._start}", rows[0].ts)

    def _add_hole(self, reason: str, until: str | None = None) -> None:
        self._items.append(Hole(self._topic.name, reason, self._seen.last, until))

    def _since(self) -> str:
        """Return the time from which on the record is wanted: that of the oldest row that is remembered, since rows may have been made
        anew."""
        return max(filter(None, (self._seen.since() or self._floor, self._start)), default=_EARLIEST)


class States(Stream[Row]):
    """Yields states: only the newest matters, so there are neither holes nor lags."""

    async def __anext__(self) -> Row:
        return await super().__anext__()  # type: ignore[return-value]
