"""Waits between tries, and budgets of them."""

import random

from hypothesis import given
from hypothesis import strategies as st

from quantd.clock import EventClock
from quantd.net import Backoff, Budget


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
