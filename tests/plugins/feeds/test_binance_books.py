"""Books are made whole by snapshots, however those and the changes come."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance import books
from quantd_plugins.feeds.binance.book_frames import DepthSnapshot, DepthUpdate
from quantd_plugins.feeds.binance.books import Books
from tests.plugins.feeds.binance_exchange import NOW, PATIENCE_S
from tests.plugins.feeds.test_binance_local_book import Toy

LEVELS = 5


class Rest:
    """Answers with a toy's book as it is now, unless `answers` say otherwise."""

    def __init__(self) -> None:
        self.toy = Toy(7, 60)
        self.now = 0
        self.answers: list[Callable[[], DepthSnapshot]] = []
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, symbol: str) -> DepthSnapshot:
        self.asked.append(symbol)
        await self.open.wait()
        return self.answers.pop(0)() if self.answers else self.toy.snapshot(self.now)


class Desk:
    """Books of some symbols, all of which are the toy's."""

    def __init__(self) -> None:
        self.rest = Rest()
        self.books = Books(self.rest, LEVELS, EventClock(NOW), random.Random(1))
        self.books.want(["S"])

    def step(self, *symbols: str, lost: bool = False) -> list[quantd.Depth]:
        """The next change of each symbol's book, and what is told of it."""
        self.rest.now += 1
        diff = self.rest.toy.diff(self.rest.now - 1, self.rest.now)
        told = [] if lost else [self.books.take(msgspec.structs.replace(diff, symbol=symbol), 7) for symbol in symbols or ["S"]]
        return [depth for depth in told if depth is not None]

    async def whole(self) -> quantd.Depth:
        """What is told once a snapshot has come."""
        self.step()
        await asyncio.wait_for(self.books.settle(), PATIENCE_S)
        [told] = self.step()
        return told

    def is_true(self, depth: quantd.Depth) -> bool:
        bids, asks = self.rest.toy.states[depth.id - 1]
        return (depth.bids, depth.asks) == (tuple(sorted(bids.items(), reverse=True)[:LEVELS]), tuple(sorted(asks.items())[:LEVELS]))


def tasks() -> list[str]:
    """Those of books."""
    return [task.get_name() for task in asyncio.all_tasks() if "binance-futures-book" in task.get_name()]


async def let_it_run() -> None:
    """Long enough for everything that waits for nothing."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    for wait in ("SETTLE_S", "SHORTEST_S", "LONGEST_S"):
        monkeypatch.setattr(books, wait, 0.0)
    desk = Desk()
    yield desk
    await desk.books.close()
    assert tasks() == []


async def test_every_change_of_a_whole_book_tells_its_best_levels(desk: Desk) -> None:
    assert desk.step() == []
    first = await desk.whole()
    for number in range(1, 20):
        [depth] = desk.step()
        assert (depth.id, depth.recv, depth.symbol) == (first.id + number, 7, "S")
        assert desk.is_true(depth)
    assert (desk.books.resyncs, len(desk.rest.asked)) == (0, 1)


async def test_a_lost_change_begins_it_anew(desk: Desk) -> None:
    await desk.whole()
    desk.step(lost=True)
    assert desk.step() == []
    assert desk.is_true(await desk.whole())
    assert desk.books.resyncs == 1


async def test_a_snapshot_that_is_too_old_is_fetched_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk.rest.now = 10
    desk.rest.answers = [lambda: desk.rest.toy.snapshot(2)] * 2
    assert desk.is_true(await desk.whole())
    assert len(desk.rest.asked) == 3
    assert "is older than the changes since" in caplog.text


async def test_whatever_rest_does_the_book_comes_back(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def down() -> DepthSnapshot:
        raise quantd.QuantdError("REST is down")

    def wrong() -> DepthSnapshot:
        raise RuntimeError("oh")

    crossed = DepthSnapshot(9, NOW, ((101.0, 1.0),), ((101.0, 1.0),))
    desk.rest.answers = [down, down, wrong, lambda: crossed]
    assert desk.is_true(await desk.whole())
    assert caplog.text.count("REST is down") == 1
    assert "RuntimeError: oh" in caplog.text


async def test_no_more_than_two_are_fetched_at_once(desk: Desk) -> None:
    symbols = [f"S{number}" for number in range(6)]
    desk.books.want(symbols)
    desk.rest.open.clear()
    desk.step(*symbols)
    await let_it_run()
    assert len(desk.rest.asked) == 2
    desk.rest.open.set()
    await asyncio.wait_for(desk.books.settle(), PATIENCE_S)
    assert [depth.symbol for depth in desk.step(*symbols)] == sorted(desk.rest.asked) == symbols


async def test_snapshots_are_within_their_budget(desk: Desk) -> None:
    """Ten at once, then one in two seconds by a clock that stands still here."""
    symbols = [f"S{number:02}" for number in range(12)]
    desk.books.want(symbols)
    desk.step(*symbols)
    await let_it_run()
    assert [depth.symbol for depth in desk.step(*symbols)] == sorted(desk.rest.asked) == symbols[:10]


async def test_a_book_that_is_not_wanted_is_forgotten(desk: Desk) -> None:
    desk.rest.open.clear()
    desk.step()
    await let_it_run()
    assert desk.rest.asked
    desk.books.want([])
    await let_it_run()
    assert tasks() == []
    assert desk.step() == []
    desk.books.want(["S"])
    desk.rest.open.set()
    assert desk.is_true(await desk.whole())
    desk.books.want([])
    desk.books.want(["S"])
    assert desk.step() == []


async def test_a_book_is_fetched_again_before_it_reaches_too_little(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a snapshot of eight levels a side, five and one more are to be known; no change goes untold meanwhile."""
    monkeypatch.setattr(books, "LIMIT", 8)
    monkeypatch.setattr(books, "AHEAD", 1)
    bids, asks = tuple((100.0 - i, 1.0) for i in range(8)), tuple((101.0 + i, 1.0) for i in range(8))
    desk.rest.answers = [lambda: DepthSnapshot(10, NOW, bids, asks), lambda: DepthSnapshot(13, NOW + 3, (*bids[3:], (92.0, 9.0)), asks)]

    def best_bid_ends(number: int) -> quantd.Depth | None:
        return desk.books.take(DepthUpdate(NOW, "S", NOW + number, 10 + number, 10 + number, 9 + number, ((101.0 - number, 0.0),), ()), 7)

    assert best_bid_ends(0) is None
    await desk.books.settle()
    for number in (1, 2, 3):
        assert best_bid_ends(number)
    await desk.books.settle()
    for number in (4, 5):
        told = best_bid_ends(number)
        assert told
        assert len(desk.rest.asked) == 2
    assert [price for price, _ in told.bids] == [95.0, 94.0, 93.0, 92.0]
