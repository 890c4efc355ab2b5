"""The local book against exchanges whose true book is known."""

import random
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.simulator.clock import Clock
from quantd.simulator.exchange import Exchange
from quantd.simulator.scenario import load
from quantd_plugins.feeds.binance import local_book
from quantd_plugins.feeds.binance.book_frames import DepthSnapshot, DepthUpdate, decode_snapshot
from quantd_plugins.feeds.binance.local_book import LocalBook

NOW = 1_795_489_443_000
LIMIT = 1_000
Side = dict[float, float]


class Toy:
    """An exchange whose book changes at random, one id a change; `states` holds it as it was at each id."""

    def __init__(self, seed: int, count: int) -> None:
        self.draws = random.Random(seed)
        bids = {90.0 - i: 1.0 + i for i in range(8)}
        asks = {110.0 + i: 1.0 + i for i in range(8)}
        self.states: list[tuple[Side, Side]] = [(bids, asks)]
        for _ in range(count):
            self.states.append(self._changed(*self.states[-1]))

    def _changed(self, bids: Side, asks: Side) -> tuple[Side, Side]:
        side = self.draws.randrange(2)
        changed = (dict(bids), dict(asks))
        price = float(self.draws.randint(80, 99) if side == 0 else self.draws.randint(101, 120))
        if self.draws.random() < 0.4:
            changed[side].pop(price, None)
        else:
            changed[side][price] = float(self.draws.randint(1, 50))
        return changed

    def snapshot(self, at: int) -> DepthSnapshot:
        bids, asks = self.states[at]
        return DepthSnapshot(1 + at, NOW + at, tuple(bids.items()), tuple(asks.items()))

    def diff(self, since: int, until: int) -> DepthUpdate:
        """All that was touched after `since`, as it is at `until`."""
        sides = []
        for side in (0, 1):
            path = [state[side] for state in self.states[since : until + 1]]
            touched = {
                price for before, after in pairwise(path) for price in before.keys() | after if before.get(price) != after.get(price)
            }
            sides.append(tuple((price, path[-1].get(price, 0.0)) for price in touched))
        return DepthUpdate(NOW, "S", NOW + until, 2 + since, 1 + until, 1 + since, *sides)

    def diffs(self, cuts: Sequence[int]) -> list[DepthUpdate]:
        return [self.diff(since, until) for since, until in pairwise(cuts)]

    def holds(self, book: LocalBook) -> bool:
        """Whether the book is as it truly was at its id."""
        bids, asks = self.states[book.id - 1]
        return book.top(99) == (tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items())))


cuts_of = st.lists(st.integers(0, 60), min_size=3, max_size=15, unique=True).map(sorted)


@given(seed=st.integers(0, 999), cuts=cuts_of, at=st.integers(0, 60), arrives=st.integers(0, 15))
def test_a_book_is_the_true_one_or_broken(seed: int, cuts: list[int], at: int, arrives: int) -> None:
    toy, book = Toy(seed, 60), LocalBook("S")
    diffs = toy.diffs(cuts)
    for number, diff in enumerate(diffs):
        if number == arrives:
            usable = number == 0 or at >= cuts[0]
            assert book.load(toy.snapshot(at), LIMIT) == usable
        book.update(diff)
        assert book.broken or toy.holds(book)
    if arrives < len(diffs) and (cuts[0] <= at <= cuts[-1]):
        assert book.broken is None
        assert book.id == 1 + cuts[-1] or at == cuts[-1]


@given(seed=st.integers(0, 999), cuts=cuts_of, lost=st.integers(0, 13))
def test_a_lost_change_breaks_the_book_until_the_next_snapshot(seed: int, cuts: list[int], lost: int) -> None:
    toy, book = Toy(seed, 60), LocalBook("S")
    diffs = toy.diffs(cuts)
    lost %= len(diffs)
    assert book.load(toy.snapshot(cuts[0]), LIMIT)
    for diff in diffs[:lost] + diffs[lost + 1 :]:
        book.update(diff)
    if lost == len(diffs) - 1:
        assert toy.holds(book)
        return
    assert book.broken is not None
    assert "changes are missing" in book.broken
    assert book.top(5) == ((), ())
    assert book.depth(5, 0) is None
    assert not book.load(toy.snapshot(cuts[lost]), LIMIT)
    assert book.load(toy.snapshot(cuts[lost + 1]), LIMIT)
    assert book.id == 1 + cuts[-1]
    assert toy.holds(book)


@given(seed=st.integers(0, 999), cuts=cuts_of, again=st.data())
def test_what_comes_twice_or_late_does_no_harm(seed: int, cuts: list[int], again: st.DataObject) -> None:
    toy, book = Toy(seed, 60), LocalBook("S")
    diffs = toy.diffs(cuts)
    book.load(toy.snapshot(cuts[0]), LIMIT)
    for number, diff in enumerate(diffs):
        assert book.update(diff)
        assert not book.update(diffs[again.draw(st.integers(0, number))])
        assert toy.holds(book)
    assert book.stale == len(diffs)


def test_a_new_snapshot_replaces_a_whole_book_though_it_lags_behind() -> None:
    toy, book = Toy(3, 60), LocalBook("S")
    book.load(toy.snapshot(0), LIMIT)
    for diff in toy.diffs(range(0, 41, 2)):
        book.update(diff)
    assert book.load(toy.snapshot(33), LIMIT)
    assert book.id == 41
    assert toy.holds(book)
    assert book.update(toy.diff(40, 50))
    late = LocalBook("S")
    late.load(toy.snapshot(20), LIMIT)
    late.update(toy.diff(20, 30))
    assert not late.load(toy.snapshot(5), LIMIT)  # older than all that is kept: of no use
    assert late.broken is None
    assert toy.holds(late)


def test_ids_that_begin_anew_break_the_book() -> None:
    toy, book = Toy(3, 60), LocalBook("S")
    book.load(toy.snapshot(30), LIMIT)
    book.update(toy.diff(30, 40))
    book.update(msgspec.structs.replace(toy.diff(0, 5), ts=NOW + 100))
    assert book.broken is not None
    assert book.load(msgspec.structs.replace(toy.snapshot(5), ts=NOW + 100), LIMIT)


def test_a_crossed_book_is_broken() -> None:
    book = LocalBook("S")
    book.load(DepthSnapshot(10, NOW, ((99.0, 1.0),), ((101.0, 1.0),)), LIMIT)
    assert book.update(DepthUpdate(NOW, "S", NOW + 1, 11, 12, 10, ((100.0, 1.0),), ()))
    assert not book.update(DepthUpdate(NOW, "S", NOW + 2, 13, 14, 12, ((101.0, 2.0),), ()))
    assert book.broken == "update 14 crosses the book"
    assert not book.load(DepthSnapshot(20, NOW + 3, ((101.0, 1.0),), ((101.0, 1.0),)), LIMIT)
    assert book.broken == "the snapshot 20 is crossed"


def test_a_side_may_be_empty() -> None:
    book = LocalBook("S")
    assert book.load(DepthSnapshot(10, NOW, (), ((101.0, 1.0),)), LIMIT)
    assert book.top(3) == ((), ((101.0, 1.0),))
    assert book.update(DepthUpdate(NOW, "S", NOW + 1, 11, 12, 10, (), ((101.0, 0.0), (500.0, 0.0))))
    assert book.top(3) == ((), ())


def test_how_far_a_snapshot_reaches() -> None:
    bids, asks = tuple((100.0 - i, 1.0) for i in range(5)), tuple((101.0 + i, 1.0) for i in range(5))
    book = LocalBook("S")
    book.load(DepthSnapshot(10, NOW, bids, asks), limit=5)
    assert book.reaches(5)
    book.update(DepthUpdate(NOW, "S", NOW + 1, 11, 12, 10, ((100.0, 0.0), (90.0, 1.0)), ()))
    assert book.reaches(4)
    assert not book.reaches(5)  # nobody knows what is between 96 and 90
    book.load(DepthSnapshot(13, NOW + 2, bids, asks), limit=LIMIT)
    assert book.reaches(20)  # there are no more than these


def test_a_side_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_book, "MOST_LEVELS", 10)
    book = LocalBook("S")
    book.load(DepthSnapshot(10, NOW, (), ()), LIMIT)
    for i in range(95):
        book.update(DepthUpdate(NOW, "S", NOW + i, 11 + i, 11 + i, 10 + i, ((100.0 - i, 1.0),), ((101.0 + i, 1.0),)))
    assert [len(side) for side in book.top(1_000)] == [15, 15]
    assert book.top(2)[0] == ((100.0, 1.0), (99.0, 1.0))
    assert book.reaches(10)
    assert not book.reaches(11)


@settings(max_examples=8, deadline=None)
@given(start=st.integers(NOW, NOW + 10**6), period=st.sampled_from([100, 250, 500]))
def test_the_book_of_the_simulator_is_followed(start: int, period: int) -> None:
    listing = EXCHANGE.listings["ETHUSDT"]
    book, wire = LocalBook("ETHUSDT"), listing.book_wire
    grid = start // period * period
    decode = msgspec.json.Decoder(DepthUpdate, strict=False).decode
    for until in range(grid, grid + 6 * period, period):
        book.update(decode(wire.depth(listing.book.changes(until - period, until), until - period, until, until + 30)))
        if until == grid + 2 * period:
            book.load(decode_snapshot(wire.depth_row(listing.book.at(start), start, until)), LIMIT)
    bids, asks = (
        tuple((float(listing.wire.price.text(p)), float(listing.wire.quantity.text(q))) for p, q in side.tolist())
        for side in listing.book.at(listing.book.time_of(book.id))
    )
    assert book.broken is None
    assert book.top(LIMIT) == (bids, asks)


EXCHANGE = Exchange(load("demo"), 1, Clock(NOW))
