"""The tape: ids, order, and the same trades whichever way one reaches them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.simulator.listing import Listing
from quantd.simulator.market import Market
from quantd.simulator.scenario import load
from quantd.simulator.trades import ORIGIN, Tape, Trade

from .support import EPOCH, ManualClock, exchange


def tape(symbol: str = "BTCUSDT", scenario: str = "demo", rate: float = 1.0, seed: int = 1) -> Tape:
    checked = load(scenario).faster(rate)
    return Tape(symbol, checked, seed, Market(checked, seed))


def minutes(of: Tape, n: int) -> list[Trade]:
    first = of.block_at(EPOCH)
    return list(of.rows(of.first_id(first), of.first_id(first + n * 60_000 // of.block_ms)))


def test_ids_run_on_across_blocks() -> None:
    ids = [trade.a for trade in minutes(tape(), 5)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert len(ids) == pytest.approx(5 * 60 * 14, rel=0.25)


def test_access_in_any_order_gives_the_same_trades() -> None:
    forth, back = tape(), tape()
    number = forth.block_at(EPOCH)
    for block in range(number + 3, number - 1, -1):
        back.block(block)
    assert minutes(forth, 3) == minutes(back, 3)
    assert minutes(forth, 3) != minutes(tape(seed=2), 3)


@settings(deadline=None)
@given(st.integers(ORIGIN, 2 * EPOCH), st.sampled_from(["BTCUSDT", "ADAUSDT"]), st.sampled_from([0.001, 1.0, 30.0]))
def test_an_id_is_found_in_its_block(time_ms: int, symbol: str, rate: float) -> None:
    at = tape(symbol, rate=rate)
    number = at.block_at(time_ms)
    first, stop = at.first_id(number), at.first_id(number + 1)
    assert first <= stop
    assert all(at.block_of(trade_id) == number for trade_id in {first, stop - 1} if first < stop)


def test_the_tape_is_as_untidy_as_the_real_one() -> None:
    trades = minutes(tape(), 30)
    late = sum(after.T < before.T for before, after in pairwise(trades)) / len(trades)
    gaps = sum(after.f != before.l + 1 for before, after in pairwise(trades)) / len(trades)
    assert late == pytest.approx(0.005, abs=0.003)
    assert gaps == pytest.approx(0.018, abs=0.006)  # 2 % of the aggregates of two raw trades and more
    assert all(trade.f <= trade.l and 0 <= trade.nq <= trade.q for trade in trades)
    assert all(before.l < after.f for before, after in pairwise(trades))
    assert sum(trade.nq < trade.q for trade in trades) > 0


def test_times_lie_in_their_block_and_are_due_in_order_of_id() -> None:
    at = tape()
    number = at.block_at(EPOCH)
    block = at.block(number)
    assert (block.time >= at.block_start(number)).all()
    assert (block.time < at.block_start(number + 1)).all()
    assert (np.diff(block.due) >= 0).all()
    assert (block.due >= block.time).all()


def test_no_two_blocks_are_drawn_alike() -> None:
    at = tape()
    number = at.block_at(EPOCH)
    offsets = [set((at.block(each).time - at.block_start(each)).tolist()) for each in (number, number + 1)]
    assert len(offsets[0] & offsets[1]) < 0.1 * len(offsets[0])


def test_a_trade_is_public_in_its_own_millisecond() -> None:
    clock = ManualClock()
    listing = exchange(clock).listings["BTCUSDT"]
    following = exchange(ManualClock(EPOCH + 60_000)).listings["BTCUSDT"].from_id(listing.head, 1)
    assert listing.advance(following[0].T)[:1] == following


def test_holes_are_holes_everywhere() -> None:
    at = tape("HUGEUSDT", "odd")
    ids = [trade.a for trade in minutes(at, 60)]
    missing = set(range(ids[0], ids[-1])) - set(ids)
    assert 0 < len(missing) < 0.005 * len(ids)
    assert list(at.rows(min(missing), min(missing) + 1)) == []


@pytest.mark.parametrize(("symbol", "scenario"), [("BTCUSDT", "demo"), ("DEADUSDT", "odd"), ("HUGEUSDT", "odd")])
@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.integers(0, 70_000), min_size=1, max_size=12))
def test_the_live_tape_goes_on_where_the_past_ends(symbol: str, scenario: str, steps: list[int]) -> None:
    clock = ManualClock()
    listing = exchange(clock, scenario).listings[symbol]
    before = listing.newest(None, 5)
    live: list[Trade] = []
    for step in steps:
        clock.now += step
        sent = listing.advance(clock.now)
        assert all(clock.now >= trade.T for trade in sent)
        live += sent
    assert [trade.a for trade in before + live] == sorted({trade.a for trade in before + live})
    assert past(listing, before[0].a, len(before + live)) == before + live
    assert listing.from_id(listing.head, 10) == []


def past(listing: Listing, first_id: int, n: int) -> list[Trade]:
    found: list[Trade] = []
    while page := listing.from_id(found[-1].a + 1 if found else first_id, 1000):
        found += page
    assert len(found) == n
    return found


def test_a_restart_finds_the_market_where_it_would_have_been() -> None:
    clock = ManualClock()
    early = exchange(clock).listings["ETHUSDT"]
    clock.now += 600_000
    early.advance(clock.now)
    late = exchange(ManualClock(clock.now)).listings["ETHUSDT"]
    assert late.newest(None, 1000) == early.newest(None, 1000)
