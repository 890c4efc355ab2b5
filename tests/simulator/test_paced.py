"""A changed pace: what was before stays, ids go on, and every way of asking gives the same rows."""

import asyncio
from dataclasses import dataclass
from functools import cache

import pytest

from quantd.simulator.listing import Listing
from quantd.simulator.trades import Trade

from .support import EPOCH, ManualClock, exchange

Changes = tuple[tuple[int, float | None, int], ...]
HALT: Changes = ((10_000, 0, 0), (40_000, None, 0))
FLOOD: Changes = ((3_000, 400, 0), (6_000, None, 0))
CHANGES: list[Changes] = [
    HALT,
    FLOOD,
    ((10_000, 0, 0), (75_000, None, 0), (75_500, 0, 0), (80_000, None, 1_000)),
    ((20_000, 0, 0), (50_000, 1_000, 0), (50_100, None, 0), (50_100, None, 0)),
    ((59_999, 90, 0), (60_001, 0, 0), (130_000, None, 0)),
]


@dataclass
class Run:
    """Two and a half minutes of one symbol, pushed every 50 ms."""

    listing: Listing
    clock: ManualClock
    trades: list[Trade]


@cache
def run(changes: Changes) -> Run:
    clock = ManualClock()
    listing = exchange(clock).listings["ETHUSDT"]
    trades, todo = [], list(changes)
    for after in range(50, 150_001, 50):
        clock.now = EPOCH + after
        while todo and todo[0][0] <= after:
            at, rate, jump = todo.pop(0)
            listing.pace(EPOCH + at, rate, jump)
        if after % 10_000 == 0:  # whoever asks in between must not be told of what is never to be
            asyncio.run(listing.bars(60_000, None, None, 3))
        trades += listing.advance(clock.now)
    return Run(listing, clock, trades)


@pytest.mark.parametrize("changes", CHANGES)
def test_ids_go_on_and_rest_agrees_with_the_stream(changes: Changes) -> None:
    found = run(changes)
    ids = [trade.a for trade in found.trades]
    jumps = sum(jump for _, _, jump in changes)
    assert len(set(ids)) == len(ids) == ids[-1] - ids[0] + 1 - jumps
    assert ids == sorted(ids)
    assert all(one.l < two.f for one, two in zip(found.trades, found.trades[1:], strict=False))
    again: list[Trade] = []
    while page := found.listing.from_id(again[-1].a + 1 if again else ids[0], 1000):
        again += page
    assert again == found.trades
    assert found.listing.newest(None, len(ids)) == sorted(found.trades)


@pytest.mark.parametrize("changes", CHANGES)
def test_candles_are_those_of_the_trades(changes: Changes) -> None:
    found = run(changes)
    bars = asyncio.run(found.listing.bars(60_000, EPOCH, None, 3))
    for bar in bars:
        inside = [trade for trade in found.trades if bar.opened <= trade.T < bar.opened + 60_000]
        if bar.opened >= EPOCH and inside:
            assert bar.candle.volume == sum(trade.q for trade in inside)
            assert (bar.candle.open, bar.candle.close) == (inside[0].p, inside[-1].p)


def test_what_came_before_and_what_comes_after_are_of_the_seed() -> None:
    plain, paced = run(()), run(HALT)
    before = [trade for trade in plain.trades if trade.T < EPOCH + 9_900]
    after = [trade for trade in plain.trades if trade.T >= EPOCH + 40_100]
    assert paced.trades[: len(before)] == before
    assert [(trade.p, trade.q, trade.T) for trade in paced.trades[-len(after) :]] == [(trade.p, trade.q, trade.T) for trade in after]
    assert not [trade for trade in paced.trades if EPOCH + 10_000 <= trade.T < EPOCH + 39_900]


def test_a_flood_has_its_rate() -> None:
    flooded = run(FLOOD)
    assert len([trade for trade in flooded.trades if EPOCH + 3_000 <= trade.T < EPOCH + 6_000 - 50]) == pytest.approx(1_180, abs=3)


def test_a_symbol_with_holes_and_few_trades() -> None:
    clock = ManualClock()
    listing = exchange(clock, "odd").listings["DUSTUSDT"]
    listing.pace(EPOCH + 5_000, 0)
    listing.advance(EPOCH + 10_000)
    listing.pace(EPOCH + 30_000, None)
    clock.now = EPOCH + 90_000
    trades = listing.advance(clock.now)
    assert len(trades) > 100
    assert listing.newest(None, len(trades)) == trades
