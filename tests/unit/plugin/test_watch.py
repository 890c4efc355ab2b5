"""What holds up the loop is named, and left alone."""

import asyncio
import sys
import sysconfig
import threading
from collections.abc import Mapping

import numpy as np
import pytest

import quantd
from quantd.clock import EventClock, SystemClock
from quantd.plugin.blame import _is_of_python, place_in_loop
from quantd.plugin.guard import Guard
from quantd.plugin.pace import Pace
from quantd.plugin.registry import Registry
from quantd.plugin.watch import Watch
from quantd.runtime.guards import Guards
from tests.waiting import PATIENCE_S


async def test_who_holds_up_the_loop_is_named_with_its_place_each_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    watch = Watch(clock)
    guard = Guard("regression", "slow (A-B)", clock, watch=watch)
    watch.start(asyncio.get_running_loop())

    def hold(lines: int) -> None:
        while len(caplog.records) < lines:
            pass

    for _ in range(2):
        before = len(caplog.records)
        guard.call(hold, before + 1)
        async with asyncio.timeout(PATIENCE_S):
            while not caplog.messages[-1].startswith("the event loop goes on after "):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        *held, after = caplog.messages[before:]
        for text in held:
            assert text.startswith("nothing else has run for ")
            assert f"s: regression slow (A-B) is at {__file__}:" in text
            assert 1.0 <= seconds(text) <= seconds(after)
    watch.stop()
    assert watch.calls == []


def seconds(text: str) -> float:
    """The first number in it."""
    return float(next(word for word in text.split() if word[0].isdigit()))


async def test_the_place_is_that_of_the_plugin_whatever_it_has_called_or_of_the_task() -> None:
    guard, found = Guard("regression", "slow", SystemClock()), list[str]()

    def probe(number: float) -> float:
        found.append(place_in_loop(sys._getframe().f_back))  # numpy's
        return number

    def fit() -> None:
        np.vectorize(probe)(np.ones(1))

    guard.call(fit)
    found.append(place_in_loop(sys._getframe()))
    assert [place.rpartition(" ")[2] for place in found] == [*["fit"] * (len(found) - 1), sys._getframe().f_code.co_name]
    assert all(place.startswith(f"{__file__}:") for place in found)
    assert place_in_loop(None) == "no line known"


def test_what_is_installed_is_not_of_python() -> None:
    for name, of_python in (("stdlib", True), ("purelib", False), ("platlib", False)):
        assert _is_of_python(f"{sysconfig.get_path(name)}/quantd/__init__.py") is of_python


async def test_a_coroutine_is_named_only_while_it_runs() -> None:
    watch = Watch(SystemClock())
    guard = Guard("sink", "mail", SystemClock(), watch=watch)
    seen: list[list[str]] = []

    async def send(steps: int) -> str:
        for _ in range(steps):
            seen.append(watch.calls.copy())
            await asyncio.sleep(0)
        raise ValueError("no")

    sending = asyncio.create_task(guard.acall(send, 3, default="failed"))
    between = []
    while not sending.done():
        between.append(watch.calls.copy())
        await asyncio.sleep(0)
    assert await sending == "failed"
    assert seen == [["sink mail"]] * 3
    assert between == [[]] * len(between)
    waiting = asyncio.create_task(guard.acall(asyncio.Event().wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (watch.calls, guard.health().faults) == ([], 1)


class Steps:
    """A call that takes so long, by a clock of its own."""

    def __init__(self, clock: EventClock, ms: int) -> None:
        self.clock = clock
        self.ms = ms

    def __call__(self) -> str:
        self.clock.advance_to(self.clock.now() + self.ms)
        return "done"


def test_a_plugin_that_holds_up_the_loop_is_left_alone_for_all_its_users() -> None:
    clock, watch = EventClock(1_000), Watch(EventClock())
    watch.thread = threading.get_ident()
    pace = Pace("regression slow", clock)
    one, other = (Guard("regression", f"slow ({user})", clock, pace=pace, watch=watch) for user in ("A-B", "C-D"))
    slow, quick = Steps(clock, 2_000), Steps(clock, 10)
    assert [one.call(slow), other.call(slow), one.call(slow), other.call(slow)] == ["done", "done", "done", None]
    assert (one.health().state, other.health().state, other.health().skipped) == ("slow", "slow", 1)
    clock.advance_to(clock.now() + 60_000)
    assert [other.call(slow), one.call(quick)] == ["done", None]
    clock.advance_to(clock.now() + 60_000)
    assert one.call(quick) is None  # the second pause is twice as long
    clock.advance_to(clock.now() + 60_000)
    assert [one.call(quick), other.call(quick)] == ["done", "done"]
    assert (one.health().state, other.health().state) == ("ok", "ok")


def test_a_quick_pair_does_not_hide_a_slow_one_that_takes_turns_with_it() -> None:
    clock, watch = EventClock(1_000), Watch(EventClock())
    pace = Pace("regression slow", clock)
    short, long = (Guard("regression", f"slow ({user})", clock, pace=pace, watch=watch) for user in ("A-B", "C-D"))
    turns = [guard.call(Steps(clock, ms)) for guard, ms in [(short, 10), (long, 2_000)] * 3]
    assert (turns, short.call(Steps(clock, 10))) == (["done"] * 6, None)


def test_calls_that_are_slow_now_and_then_are_made() -> None:
    clock, watch = EventClock(1_000), Watch(EventClock())
    guard = Guard("regression", "slow (A-B)", clock, pace=Pace("regression slow", clock), watch=watch)
    for _ in range(10):
        assert guard.call(Steps(clock, 2_000)) == "done"
        clock.advance_to(clock.now() + 60_000)
        assert guard.call(Steps(clock, 10)) == "done"


class Held(quantd.PairJob):
    """Answers nothing."""

    metrics = ("a",)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        return {}


class Beside(Held):
    """Runs beside the flow."""

    background = True


def test_what_runs_beside_the_flow_may_take_its_time() -> None:
    clock, registry = EventClock(1_000), Registry()
    registry.add("job", "held", Held, "here")
    registry.add("job", "beside", Beside, "here")
    guards = Guards(registry, clock, Watch(clock))
    for job, answers in ((Held(), ["done"] * 3 + [None]), (Beside(), ["done"] * 4)):
        guard = guards(job, "A-B")
        assert [guard.call(Steps(clock, 5_000)) for _ in range(4)] == answers
