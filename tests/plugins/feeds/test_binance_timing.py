"""Waits between tries, the budget of connects, and the exchange's clock."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from quantd.clock import EventClock
from quantd_plugins.feeds.binance.backoff import Backoff, Budget
from quantd_plugins.feeds.binance.timing import ExchangeClock, TurnClock
from tests.clocks import HostClock


class Sleeper:
    """Passes time without waiting for it."""

    def __init__(self, clock: EventClock) -> None:
        self.clock = clock
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance_to(self.clock.now() + round(seconds * 1000))


class Highest(random.Random):
    """Always the longest wait."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 60.0, Highest())
    assert [backoff.delay() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.delay() == 0.5


@given(st.integers(), st.integers(1, 3000))
def test_waits_are_spread_over_the_whole_range(seed: int, tries: int) -> None:
    backoff = Backoff(0.5, 60.0, random.Random(seed))
    waits = [backoff.delay() for _ in range(tries)]
    assert all(0 <= wait <= min(60.0, 0.5 * 2.0 ** min(step, 60)) for step, wait in enumerate(waits))


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60))
async def test_the_budget_holds_over_any_span(pauses: list[int]) -> None:
    clock = EventClock(1_000_000)
    budget = Budget(1.0, 5, clock, Sleeper(clock))
    taken = []
    for pause in pauses:
        clock.advance_to(clock.now() + pause)
        await budget.take()
        taken.append(clock.now())
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= 5 + (taken[last] - start + last - first) / 1000 + 1


async def test_a_rested_budget_gives_a_burst() -> None:
    clock = EventClock(1_000_000)
    sleeper = Sleeper(clock)
    budget = Budget(1.0, 5, clock, sleeper)
    for _ in range(7):
        await budget.take()
    assert sleeper.waits == [1.0, 1.0]


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
