"""Clients that follow a daemon while it is cut off and restarted, and the judge of what they got."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from quantd.client import Client, Hole, Lagged, Stream, TradeRow
from quantd.client.connection import Address
from tests.relay import Relay
from tests.waiting import until

Key = tuple[str, int]
LATE_S = 30.0


def client_of(url: str) -> Client:
    """A client that tries again soon."""
    return Client(Address(url, patience_s=60.0, shortest_wait_s=0.05, longest_wait_s=1.0))


def key(row: Any) -> Key:
    """What makes a row another one than any other of its topic."""
    return (row.ts, row.id) if isinstance(row, TradeRow) else (row.ts, row.revision)


class Follower:
    """One client with one stream."""

    def __init__(self, name: str, client: Client, stream: Stream[Any], recorded: Callable[[str], AsyncIterator[Any]]) -> None:
        """`recorded` returns what the record has of the stream's topic since a time."""
        self.name = name
        self.rows: Counter[Key] = Counter()
        self.holes: list[Hole] = []
        self._client = client
        self._stream = stream
        self._recorded = recorded
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for item in self._stream:
            if isinstance(item, Hole):
                self.holes.append(item)
            elif not isinstance(item, Lagged):
                self.rows[key(item)] += 1

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._client.close()

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream."""
        return self._task.exception() if self._task.done() else None

    async def missing(self, until: str) -> list[Key]:
        """The rows of the record, from the first row that the client got up to this time, that it did not get."""
        if not self.rows:
            return [("nothing came", 0)]
        first = min(self.rows)[0]
        wanted = [key(row) async for row in self._recorded(first) if row.ts <= until]
        return [each for each in wanted if not self.rows[each] and not any(_covers(hole, each[0]) for hole in self.holes)]

    @property
    def twice(self) -> list[Key]:
        """The rows that came more than once."""
        return [each for each, count in self.rows.items() if count > 1]


def _covers(hole: Hole, ts: str) -> bool:
    return (hole.after is None or ts > hole.after) and (hole.until is None or ts < hole.until)


def follow(url: str, number: int, since: str | None) -> Follower:
    """One of many clients, which follow different topics."""
    client = client_of(url)
    pair, symbol = ("BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT")[number % 2], ("BTCUSDT", "AVAXUSDT")[number % 2]
    match number % 3:
        case 0:
            return Follower(
                f"{number}: bars of {symbol}", client, client.bars(symbol, "1s", since), partial(client.recorded_bars, symbol, "1s")
            )
        case 1:
            return Follower(
                f"{number}: points of {pair}", client, client.points(pair, "1s", since), partial(client.recorded_points, pair, "1s")
            )
    return Follower(f"{number}: trades of {symbol}", client, client.trades(symbol, since), partial(client.recorded_trades, symbol))


def rows_of(followers: list[Follower]) -> int:
    """How many rows they have got."""
    return sum(each.rows.total() for each in followers)


async def cut_often(relay: Relay, followers: list[Follower], count: int, rng: random.Random) -> None:
    """Cut connections by chance, each after somebody has got a row since the one before."""
    for _ in range(count):
        before = rows_of(followers)
        await until(lambda: relay.is_used)
        relay.cut(rng)
        await until(lambda: rows_of(followers) > before)  # noqa: B023 -- judged before the next turn


async def faults(followers: list[Follower], last: str) -> list[str]:
    """What is wrong with what they got up to this time. They have some time to get it."""
    try:
        async with asyncio.timeout(LATE_S):
            for each in followers:
                while await each.missing(last) and not each.failure:  # noqa: ASYNC110 -- what is waited for tells nobody
                    await asyncio.sleep(0.2)
    except TimeoutError:
        pass
    return [text for each in followers for text in await _faults(each, last)]


async def _faults(follower: Follower, last: str) -> list[str]:
    missing, twice = await follower.missing(last), follower.twice
    found = [f"{follower.name} lacks {len(missing)}: {missing[:5]}"] if missing else []
    found += [f"{follower.name} got twice {len(twice)}: {twice[:5]}"] if twice else []
    return found + ([f"{follower.name} ended: {follower.failure!r}"] if follower.failure else [])
