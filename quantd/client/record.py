"""Reads what is recorded of a topic, up to the present, however often the daemon restarts meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from quantd.client.errors import TooMany, Unreachable
from quantd.client.frames import Position
from quantd.client.rest import Rest
from quantd.client.topics import Topic

Row = TypeVar("Row")


class RecordReader(Generic[Row]):
    """Reads pages until there is no further one. A page whose request fails is asked for again; a cancelled one, too."""

    def __init__(self, rest: Rest, topic: Topic[Row], since: Callable[[], str], then: Position) -> None:
        """`since` tells from which time on rows are wanted, whenever reading begins; `then` is where frames go on behind the record."""
        assert topic.record is not None
        self.then = then
        self.is_first = True
        """Whether no page was read before the present one."""
        self.is_read = False
        """Whether there is no further page."""
        self._rest = rest
        self._record = topic.record
        self._row = topic.row
        self._since = since
        self._following: str | None = None
        self._backoff = rest.address.backoff()

    async def page(self) -> list[Row]:
        """Return the next page. Raises ClientError if the record cannot be read, now or later."""
        while True:
            self.is_first = self._following is None
            try:
                rows, self._following = await self._request()
            except (Unreachable, TooMany) as error:
                self._following = None
                await asyncio.sleep(getattr(error, "retry_after", None) or self._backoff.delay())
            else:
                self.is_read = self._following is None
                return rows

    async def _request(self) -> tuple[list[Row], str | None]:
        if self._following:
            return await self._rest.page(self._row, self._following, {})
        return await self._rest.page(self._row, self._record.path, self._record.query | {"since": self._since()})
