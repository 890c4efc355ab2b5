"""The exchange's clock."""

import asyncio

from quantd.clock import EventClock
from quantd_plugins.feeds.binance.timing import ExchangeClock, TurnClock
from tests.clocks import HostClock


async def test_the_quickest_answer_tells_the_time() -> None:
    clock = EventClock(10_000)
    exchange = ExchangeClock(clock)
    journeys = iter([80, 5, 300])

    async def ask() -> int:
        told = clock.now() + 700
        clock.advance_to(clock.now() + next(journeys))
        return told

    assert exchange.now() is None
    await exchange.measure(ask)
    assert exchange.now() == clock.now() + 695


def test_without_rest_frames_tell_the_time_and_bad_ones_do_not() -> None:
    """The host's clock has no say: it may be years off."""
    exchange = ExchangeClock(HostClock(0))
    for sent in (10**13, 99_999_900, 99_999_960):
        assert exchange.now() is None
        exchange.observe(sent)
    assert exchange.now() == 99_999_900
    for sent in (10**13, 10**13, 99_999_000, 10**13):
        exchange.observe(sent)
    assert exchange.now() == 99_999_900


async def test_frames_prove_that_the_machine_was_stopped() -> None:
    """Its monotonic clock stood still for an hour since REST told the time."""
    clock = HostClock()
    exchange = ExchangeClock(clock)

    async def ask() -> int:
        return 5_000_000

    await exchange.measure(ask)
    for late in (80, 20, 50):
        assert exchange.now() == 5_000_000
        exchange.observe(8_600_000 - late)
    assert exchange.now() == 8_599_920


async def test_a_host_s_clock_that_is_set_moves_nothing() -> None:
    clock = HostClock()
    exchange = ExchangeClock(clock)

    async def ask() -> int:
        return 5_000_000

    await exchange.measure(ask)
    clock.wall -= 86_400_000
    clock.go_on(1.0)
    assert exchange.now() == 5_001_000


async def test_the_wall_clock_is_read_once_a_turn() -> None:
    clock = EventClock(5)
    turn = TurnClock(clock)
    assert turn.now() == 5
    clock.advance_to(6)
    assert turn.now() == 5
    await asyncio.sleep(0)
    assert turn.now() == 6
