"""The circuit breaker, on event time."""

import asyncio
import logging
import re
from collections.abc import Callable

import pytest

from quantd.clock import EventClock
from quantd.plugin.guard import Guard
from quantd.plugin.watch import Watch

PAUSE = 60_000


class Switch:
    """A plugin that fails while told to."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, value: int) -> int:
        self.calls += 1
        if self.error:
            raise self.error
        return value

    async def coroutine(self, value: int) -> int:
        await asyncio.sleep(0)
        return self(value)


Caller = Callable[[Guard, Switch, int], int]


def in_step(guard: Guard, switch: Switch, value: int) -> int:
    return guard.call(switch, value, default=-1)


def awaited(guard: Guard, switch: Switch, value: int) -> int:
    return asyncio.run(guard.acall(switch.coroutine, value, default=-1))


@pytest.fixture
def clock() -> EventClock:
    return EventClock()


@pytest.fixture
def guard(clock: EventClock) -> Guard:
    return Guard("regression", "upside_down", clock)


@pytest.fixture(params=[in_step, awaited])
def call(request: pytest.FixtureRequest) -> Caller:
    return request.param


def test_a_call_answers_what_the_plugin_does(guard: Guard, call: Caller) -> None:
    assert call(guard, Switch(), 7) == 7
    assert guard.call(divmod, 7, 2) == (3, 1)
    health = guard.health()
    assert (health.kind, health.name, health.calls, health.faults, health.skipped) == ("regression", "upside_down", 2, 0, 0)
    assert (health.state, health.last_error) == ("ok", None)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        RecursionError(),
        MemoryError(),
        SystemExit(1),
        asyncio.CancelledError(),
        BaseExceptionGroup("both", [SystemExit(1)]),
    ],
)
def test_whatever_a_plugin_raises_is_a_fault(guard: Guard, call: Caller, error: BaseException) -> None:
    assert call(guard, Switch(error), 7) == -1
    assert guard.health().faults == 1


def test_what_is_not_the_plugins_passes(guard: Guard, call: Caller) -> None:
    with pytest.raises(KeyboardInterrupt):
        call(guard, Switch(KeyboardInterrupt()), 7)
    assert guard.health().faults == 0


def test_a_keyboard_interrupt_in_a_daemon_is_the_plugins(call: Caller) -> None:
    guard = Guard("regression", "odd", EventClock(), watch=Watch(EventClock()))
    assert call(guard, Switch(KeyboardInterrupt()), 7) == -1
    assert guard.health().faults == 1


async def test_who_is_cancelled_ends_and_a_plugin_that_says_so_has_failed(guard: Guard) -> None:
    task = asyncio.create_task(guard.acall(asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert guard.health().faults == 0

    async def cancelled() -> int:
        raise asyncio.CancelledError

    assert await guard.acall(cancelled, default=-1) == -1
    assert guard.health().faults == 1


def test_a_generator_exit_is_a_fault_in_a_plain_call_and_closes_a_coroutine(guard: Guard) -> None:
    assert guard.call(Switch(GeneratorExit()), 7, default=-1) == -1
    waiting = guard.acall(asyncio.sleep, 0)
    waiting.send(None)
    waiting.close()
    assert guard.health().faults == 1


def test_without_a_default_a_fault_is_none(guard: Guard) -> None:
    assert guard.call(Switch(ValueError()), 7) is None


def test_an_endless_recursion_is_told_with_its_place(guard: Guard) -> None:
    def deep() -> None:
        deep()

    guard.call(deep)
    assert re.fullmatch(r"RecursionError: .*test_guard\.py:\d+ in deep\)", guard.health().last_error or "")


def test_an_error_whose_text_fails_is_caught_too(guard: Guard) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    guard.call(Switch(Mute()), 7)
    assert guard.health().last_error.startswith("Mute: its text cannot be made (")


def test_after_three_faults_in_a_row_it_is_left_alone(guard: Guard, clock: EventClock, call: Caller) -> None:
    switch = Switch(ValueError("no"))
    answers = [call(guard, switch, 7) for _ in range(10)]
    assert answers == [-1] * 10
    assert switch.calls == 3
    clock.advance_to(PAUSE - 1)
    switch.error = None
    assert call(guard, switch, 7) == -1
    health = guard.health()
    assert (health.calls, health.faults, health.skipped, health.state) == (3, 3, 8, "quarantined")


def test_a_good_trial_ends_the_quarantine(guard: Guard, clock: EventClock, call: Caller) -> None:
    switch = Switch(ValueError("no"))
    for _ in range(3):
        call(guard, switch, 7)
    switch.error = None
    clock.advance_to(PAUSE)
    assert [call(guard, switch, value) for value in (1, 2)] == [1, 2]
    assert guard.health().state == "ok"
    switch.error = ValueError("again")
    for _ in range(3):
        call(guard, switch, 7)
    assert (switch.calls, guard.health().state) == (8, "quarantined")


def test_a_bad_trial_begins_another_pause(guard: Guard, clock: EventClock, call: Caller) -> None:
    switch = Switch(ValueError("no"))
    for _ in range(3):
        call(guard, switch, 7)
    for trial in (1, 2, 3):
        clock.advance_to(trial * PAUSE)
        call(guard, switch, 7)
        call(guard, switch, 7)
        assert switch.calls == 3 + trial


def test_there_is_one_trial_at_a_time(guard: Guard, clock: EventClock) -> None:
    async def two_at_once() -> list[int]:
        return list(await asyncio.gather(*(guard.acall(switch.coroutine, value, default=-1) for value in (1, 2))))

    switch = Switch(ValueError("no"))
    for _ in range(3):
        guard.call(switch, 7)
    switch.error = None
    clock.advance_to(PAUSE)
    assert asyncio.run(two_at_once()) == [1, -1]


async def test_a_cancelled_trial_is_tried_again(guard: Guard, clock: EventClock) -> None:
    switch = Switch(ValueError("no"))
    for _ in range(3):
        guard.call(switch, 7)
    clock.advance_to(PAUSE)
    trial = asyncio.create_task(guard.acall(asyncio.Event().wait))
    await asyncio.sleep(0)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    switch.error = None
    clock.advance_to(2 * PAUSE)
    assert guard.call(switch, 7) == 7


def test_faults_with_successes_between_never_quarantine(guard: Guard) -> None:
    for _ in range(10):
        guard.call(Switch(ValueError("no")), 7)
        guard.call(Switch(ValueError("no")), 7)
        assert guard.call(Switch(), 7) == 7
    assert (guard.health().faults, guard.health().state) == (20, "ok")


def test_limit_and_pause_are_settings(clock: EventClock) -> None:
    guard = Guard("sink", "webhook", clock, limit=1, pause=0.5)
    switch = Switch(ValueError("no"))
    guard.call(switch, 7)
    guard.call(switch, 7)
    clock.advance_to(500)
    guard.call(switch, 7)
    assert switch.calls == 2


def test_the_log_tells_of_changes_only(guard: Guard, clock: EventClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "quantd.plugin")
    switch = Switch(ValueError("first text"))
    guard.call(switch, 7)
    switch.error = ValueError("another text, of the same line")
    for minute in range(50):
        clock.advance_to(minute * PAUSE)
        guard.call(switch, 7)
    switch.error = None
    clock.advance_to(51 * PAUSE)
    guard.call(switch, 7)
    switch.error = ValueError("the first kind again")
    guard.call(switch, 7)
    first, quarantine, recovery, again = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"regression upside_down: ValueError: first text \(.*test_guard\.py:\d+ in __call__\)", first)
    assert quarantine == "regression upside_down: 3 faults in a row; left out, tried again in 60 s"
    assert re.fullmatch(r"regression upside_down: works again after \d+ faults in a row", recovery)
    assert "the first kind again" in again


def test_a_new_kind_of_fault_is_told_but_not_for_ever(guard: Guard, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(100):
        guard.call(Switch(type(f"Error{number}", (Exception,), {})()), 7)
        guard.call(Switch(), 7)
    assert len(caplog.records) == 20


def test_time_spent_is_the_clocks(guard: Guard, clock: EventClock) -> None:
    guard.call(clock.advance_to, 1_500)
    guard.call(clock.advance_to, 2_000)
    assert guard.health().seconds == 2.0
