"""The client: streams of topics, and requests."""

import os
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from quantd.api.schema.rows import AlertRow, BarRow, BookRow, LogRow, PointRow, QualityRow, TradeRow
from quantd.client import topics
from quantd.client.bookmark import PREFIX, Standing, unpack
from quantd.client.connection import Address, Connection
from quantd.client.requests import Requests
from quantd.client.rest import Rest
from quantd.client.stamps import stamp
from quantd.client.stream import States, Stream
from quantd.client.subscription import Subscription
from quantd.client.topics import Topic

if TYPE_CHECKING:
    from quantd.api.schema.wire import Health
    from quantd.client.stamps import When

    Since = When | None
    """A time from which on rows are wanted, or a bookmark; None for the present."""

Row = TypeVar("Row")
MOST_ROWS = 10_000
PATIENCE_S = 10.0
DEFAULT_URL = "http://127.0.0.1:8000"


class Client(Requests):
    """A client of one daemon, used as `async with connect(…) as client`. It opens a socket with the first stream."""

    def __init__(self, address: Address, most_rows: int = MOST_ROWS) -> None:
        """`most_rows` is the number of rows of a stream that may wait for the program."""
        super().__init__(Rest(address))
        self.address = address
        self._most_rows = most_rows
        self._connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_connected(self) -> bool:
        """Whether every stream has its connection."""
        return bool(self._connections) and all(each.is_open for each in self._connections)

    async def close(self) -> None:
        """End all streams and requests."""
        for each in self._connections:
            await each.close()
        await self._rest.close()

    def trades(self, symbol: str, since: "Since | TradeRow" = None) -> Stream[TradeRow]:
        """Follow the trades of a symbol."""
        return self._stream(topics.trades(symbol), since)

    def bars(self, symbol: str, every: str = "1m", since: "Since | BarRow" = None) -> Stream[BarRow]:
        """Follow the closed bars of a symbol, and later revisions of them."""
        return self._stream(topics.bars(symbol, every), since)

    def points(self, pair: str, every: str = "1m", since: "Since | PointRow" = None) -> Stream[PointRow]:
        """Follow the points of a pair, and later revisions of them."""
        return self._stream(topics.points(pair, every), since)

    def nowcasts(self, pair: str) -> States[PointRow]:
        """Follow the state of a pair at the last prices."""
        return States(*self._parts(topics.nowcasts(pair)))

    def alerts(self, since: str | None = None) -> Stream[AlertRow]:
        """Follow the firings of alert rules, and their ends. `since` is a bookmark."""
        return self._stream(topics.ALERTS, since)

    def books(self, symbol: str, every: str = "1s", since: str | None = None) -> Stream[BookRow]:
        """Follow the closed bars of a symbol's order book. `since` is a bookmark."""
        return self._stream(topics.books(symbol, every), since)

    def log(self, since: str | None = None) -> Stream[LogRow]:
        """Follow the daemon's log. `since` is a bookmark."""
        return self._stream(topics.LOG, since)

    def quality(self) -> States[QualityRow]:
        """Follow the quality of the symbols' data."""
        return States(*self._parts(topics.QUALITY))

    def health(self) -> "States[Health]":
        """Follow the health of the daemon."""
        return States(*self._parts(topics.health()))

    def _stream(self, topic: Topic[Row], since: Any) -> Stream[Row]:
        return Stream(*self._parts(topic, since))

    def _parts(self, topic: Topic[Row], since: Any = None) -> tuple[Topic[Row], Rest, Connection, Subscription, Standing]:
        """Return what a stream is made of. Raises ValueError if `since` is wrong."""
        standing = start_of(topic, since)
        subscription = Subscription(topic.name, topic.row, self._most_rows, is_state=topic.is_state)
        subscription.position = standing.position
        subscription.broken = standing.position is None and standing.start is not None
        connection = self._connection_for(topic.name)
        connection.hold(subscription)
        return topic, self._rest, connection, subscription, standing

    def _connection_for(self, topic: str) -> Connection:
        """Return a connection that does not have the topic yet: a socket has each topic once."""
        self._connections = [each for each in self._connections if not each.has_ended]
        for each in self._connections:
            if each.has_room(topic):
                return each
        self._connections.append(Connection(self.address))
        return self._connections[-1]


def start_of(topic: Topic[Row], since: Any) -> Standing:
    """Return where a stream begins: at the present, a time, behind a row, or where a bookmark says. Raises ValueError."""
    if since is None:
        return Standing(topic.name, None, 0, None, [])
    if isinstance(since, str) and since.startswith(PREFIX):
        standing = unpack(since)
        if standing.topic != topic.name:
            raise ValueError(f"since: the bookmark is of {standing.topic}, not of {topic.name}")
        return standing
    if topic.record is None:
        raise ValueError(f"since: rows of {topic.name} are not recorded: only a bookmark of an earlier stream tells where to go on")
    if isinstance(since, topic.row):
        seen = topic.seen()
        seen.start_at(since)
        return Standing(topic.name, None, 0, seen.last, seen.dump())
    return Standing(topic.name, None, 0, stamp(since), [])


def connect(url: str | None = None, token: str | None = None, *, patience_s: float = PATIENCE_S, most_rows: int = MOST_ROWS) -> Client:
    """Return a client of the daemon at this address.

    `url` is QUANTD_URL or http://127.0.0.1:8000, and `token` is QUANTD_TOKEN, if they are not given. A stream waits `patience_s` seconds
    for a daemon that it has never reached, and without an end for one that it has. `most_rows` is the number of rows of a stream that may
    wait for the program. Raises ValueError if the address is none.
    """
    given = url or os.environ.get("QUANTD_URL") or DEFAULT_URL
    return Client(Address(address(given), token or os.environ.get("QUANTD_TOKEN"), patience_s), most_rows)


def address(url: str) -> str:
    """Return the address without a slash at its end. Raises ValueError if it is none.

    >>> address("https://quantd.example:8443/")
    'https://quantd.example:8443'
    """
    parts = urlsplit(url)
    if parts.username is not None:
        raise ValueError("url: a user and a password are not asked for: pass a token")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url: {url!r} is no address: write it like {DEFAULT_URL}")
    return url.rstrip("/")
