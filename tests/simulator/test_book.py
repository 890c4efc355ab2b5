"""The order book without sockets: one truth, whichever way one reaches it."""

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.simulator.book import IDS_PER_MS, JUMP, LEVELS, Book, Sides
from quantd.simulator.book_live import DEPTH_MS, BookLive
from quantd.simulator.book_rest import BookRest
from quantd.simulator.listing import Listing
from quantd.simulator.query import Query
from quantd.simulator.scenario import Limits
from quantd.simulator.ws import Gateway

from .support import EPOCH, ManualClock, exchange

MIDNIGHT = EPOCH // 86_400_000 * 86_400_000
SYMBOLS = [("BTCUSDT", "demo"), ("ADAUSDT", "demo"), ("DUSTUSDT", "odd"), ("HUGEUSDT", "odd")]
every_symbol = pytest.mark.parametrize(("symbol", "scenario"), SYMBOLS)


@cache
def listed(symbol: str = "BTCUSDT", scenario: str = "demo", seed: int = 1) -> Listing:
    return exchange(ManualClock(), scenario, seed).listings[symbol]


def levels(sides: Sides) -> tuple[dict[int, int], dict[int, int]]:
    return dict(sides.bids.tolist()), dict(sides.asks.tolist())


def applied(book: tuple[dict[int, int], dict[int, int]], changes: Sides) -> tuple[dict[int, int], dict[int, int]]:
    bids, asks = ({price: quantity for price, quantity in (side | new).items() if quantity} for side, new in zip(book, levels(changes)))  # noqa: B905
    return bids, asks


@every_symbol
@settings(max_examples=10, deadline=None)
@given(start=st.integers(EPOCH, EPOCH + 10**7), period=st.sampled_from(sorted(DEPTH_MS.values())))
def test_a_snapshot_at_any_moment_and_the_changes_since_make_the_book(symbol: str, scenario: str, start: int, period: int) -> None:
    book = listed(symbol, scenario).book
    state = levels(book.at(start))
    grid = start // period * period
    for until in range(grid + period, grid + 1_500 + period, period):
        state = applied(state, book.changes(until - period, until))  # the first of them began before the snapshot
        assert state == levels(book.at(until))


def test_changes_are_no_more_than_what_was_touched() -> None:
    book = listed().book
    states = [levels(book.at(EPOCH + ms)) for ms in range(101)]
    touched = {
        price for before, after in pairwise(states) for price in before[0].keys() | after[0] if before[0].get(price) != after[0].get(price)
    }
    told = book.changes(EPOCH, EPOCH + 100).bids[:, 0].tolist()
    assert set(told) == touched
    assert told == sorted(told, reverse=True)


@every_symbol
def test_the_sides_never_meet_and_the_top_is_that_of_the_book(symbol: str, scenario: str) -> None:
    book = listed(symbol, scenario).book
    times = np.arange(MIDNIGHT - 1_500, MIDNIGHT + 1_500)
    top = book.top(times)
    assert (top[:, 0] < top[:, 2]).all()
    assert top.min() > 0
    assert len(set((top[:, 2] - top[:, 0]).tolist())) > 1
    for i in range(0, len(times), 250):
        bids, asks = book.at(int(times[i]))
        assert [*bids[0], *asks[0]] == top[i].tolist()
        assert len(asks) == LEVELS
        assert (np.diff(bids[:, 0]) == -1).all()
        assert (np.diff(asks[:, 0]) == 1).all()


@every_symbol
def test_takers_sell_at_the_bid_and_buy_at_the_ask(symbol: str, scenario: str) -> None:
    listing = listed(symbol, scenario)
    trades = listing.newest(None, 500)
    top = listing.book.top(np.array([trade.T for trade in trades]))
    for trade, (bid, _, ask, _) in zip(trades, top.tolist(), strict=True):
        assert trade.p in ((bid, bid - 1) if trade.m else (ask, ask + 1))


def test_an_id_is_a_moment() -> None:
    book = listed().book
    number = book.id_at(EPOCH)
    assert [book.time_of(number + i) - EPOCH for i in (-1, 0, IDS_PER_MS - 1, IDS_PER_MS)] == [-1, 0, 0, 1]
    assert listed("ETHUSDT").book.id_at(EPOCH) != number


def test_ids_jump_at_midnight_and_the_chain_breaks() -> None:
    book = listed().book
    ids = [book.id_at(MIDNIGHT + ms) for ms in (-1, 0, 1)]
    assert [after - before for before, after in pairwise(ids)] == [IDS_PER_MS + JUMP, IDS_PER_MS]
    assert [book.time_of(each) - MIDNIGHT for each in (*ids, ids[0] + JUMP)] == [-1, 0, 1, -1]
    links = [book.link(MIDNIGHT + ms - 100, MIDNIGHT + ms) for ms in (-100, 0, 100)]
    assert [after[0] == before[2] for before, after in pairwise(links)] == [False, True]


def test_a_seed_is_a_book() -> None:
    def state(book: Book) -> tuple[dict[int, int], dict[int, int]]:
        return levels(book.at(EPOCH, 20))

    assert state(listed().book) == state(listed().book)
    assert state(listed().book) != state(listed(seed=2).book)


class Recorder(Gateway):
    """Wants some streams and keeps what it is offered."""

    def __init__(self, *names: str) -> None:
        super().__init__(Limits(), ManualClock())
        self.names = names
        self.frames: dict[str, list[dict[str, object]]] = {}

    def wanted(self, stream: str) -> bool:
        return stream in self.names

    def publish(self, stream: str, payloads: Sequence[bytes]) -> None:
        assert self.wanted(stream)
        self.frames.setdefault(stream, []).extend(map(json.loads, payloads))


def streamed(steps: Sequence[int], *names: str) -> dict[str, list[dict[str, object]]]:
    recorder = Recorder(*names)
    live, now = BookLive(exchange(ManualClock()), recorder), EPOCH
    for step in steps:
        now += step
        live.push(now)
    return recorder.frames


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=3, max_size=6))
def test_what_is_streamed_does_not_depend_on_the_cadence(steps: list[int]) -> None:
    names = ("btcusdt@bookTicker", "btcusdt@depth@100ms", "adausdt@depth5", "!markPrice@arr@1s")
    whole, cut = streamed([sum(steps)], *names), streamed(steps, *names)
    for frames in (whole, cut):
        for frame in frames.get(names[0], []) + frames.get(names[1], []) + frames.get(names[2], []):
            assert frame.pop("E") >= frame["T"]  # type: ignore[operator]
    assert whole == cut


def test_the_chain_of_ids_has_a_link_a_period() -> None:
    for suffix, period in DEPTH_MS.items():
        frames = streamed([50] * 60, f"btcusdt@depth{suffix}")[f"btcusdt@depth{suffix}"]
        book = listed().book
        assert [frame["T"] for frame in frames] == list(range(EPOCH + period, EPOCH + 3_001, period))
        assert [frame["u"] for frame in frames] == [book.id_at(frame["T"]) for frame in frames]  # type: ignore[arg-type]
        assert [frame["pu"] for frame in frames[1:]] == [frame["u"] for frame in frames[:-1]]
        assert all(frame["pu"] < frame["U"] <= frame["u"] for frame in frames)  # type: ignore[operator]


def test_a_quote_is_sent_whenever_the_top_changes() -> None:
    frames = streamed([50] * 40, "btcusdt@bookTicker")["btcusdt@bookTicker"]
    listing = listed()
    top = listing.book.top(np.arange(EPOCH, EPOCH + 2_001)).tolist()
    changed = [ms for ms in range(1, 2_001) if top[ms] != top[ms - 1]]
    assert [frame["u"] for frame in frames] == [listing.book.id_at(EPOCH + ms) for ms in changed]
    assert [frame["b"] for frame in frames] == [listing.wire.price.text(top[ms][0]) for ms in changed]
    assert [frame["A"] for frame in frames] == [listing.wire.quantity.text(top[ms][3]) for ms in changed]


def test_the_premium_is_small_and_the_rate_follows_it() -> None:
    marks = [listed().marks.at(EPOCH + 600_000 * i) for i in range(60)]
    premiums = [mark.mark_price / mark.index_price - 1 for mark in marks]
    assert max(premiums) - min(premiums) > 0.0005
    assert all(abs(premium) <= 0.0004001 for premium in premiums)
    assert all(abs(mark.rate / 10**8 - 0.0001) < 0.0005 for mark in marks)
    assert all(mark.funding % 28_800_000 == 0 for mark in marks)
    assert all(abs(mark.average / mark.mark_price - 1) < 0.01 for mark in marks)


def test_a_snapshot_lags_behind_the_stream() -> None:
    clock = ManualClock()
    served = exchange(clock)
    answer, _ = BookRest(served, lambda query: served.listings[query.text("symbol")]).endpoints()["depth"]
    lags = set()
    for _ in range(50):
        clock.now += 1_000
        told = json.loads(asyncio.run(answer(Query({"symbol": "BTCUSDT", "limit": "5"}))))
        lags.add(told["E"] - told["T"])
        assert told["lastUpdateId"] == served.listings["BTCUSDT"].book.id_at(told["T"])
    assert len(lags) > 20
    assert min(lags) >= 50
    assert max(lags) <= 500
