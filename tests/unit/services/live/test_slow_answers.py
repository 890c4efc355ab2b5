"""An answer that took long is found again by a later run, and only as long as nothing has changed."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantd.plugin.loader import load
from quantd.services.analytics import Analysis, Question
from quantd.services.live import slow_answers
from quantd.services.live.calculator import Calculator, Task
from quantd.services.live.slow_answers import SLOW_S, SlowAnswers, code_mark
from quantd.state import State
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from tests.clocks import HostClock

LEGS = [fakes.bars(300, symbol="A", seed=1), fakes.bars(300, symbol="B", seed=2)]
TASK = Task(Question("A", "B", "1m", 60, "theil-sen"), LEGS, 180)
CLOCK = HostClock()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state") as opened:
        yield opened


class Run:
    """The answers of one run of the daemon; `count` of them were computed."""

    def __init__(self, state: State) -> None:
        self.troubles = Troubles(CLOCK)
        self.calculator = Calculator(load([]), CLOCK)
        self.slow = SlowAnswers(state.cache, self.calculator, self.troubles, CLOCK)
        self.count = 0

    def computing(self, task: Task, seconds: float) -> Callable[[], Awaitable[Analysis]]:
        async def compute() -> Analysis:
            self.count += 1
            CLOCK.go_on(seconds)
            return self.calculator.calculate(task)

        return compute

    async def ask(self, task: Task = TASK, seconds: float = 2 * SLOW_S) -> Analysis:
        return await self.slow.answer(task, self.computing(task, seconds))


async def test_the_next_run_finds_it_bit_for_bit(state: State) -> None:
    first, second = Run(state), Run(state)
    assert msgspec.msgpack.encode(await second.ask()) == msgspec.msgpack.encode(await first.ask())
    assert (first.count, second.count) == (0, 1)


async def test_one_that_was_quick_is_not_kept(state: State) -> None:
    await Run(state).ask(seconds=SLOW_S / 2)
    assert [key for key in state.cache if key.startswith("answer/")] == []


async def test_a_mended_bar_asks_for_another_answer(state: State) -> None:
    await Run(state).ask()
    mended = [*LEGS[0][:-1], msgspec.structs.replace(LEGS[0][-1], close=LEGS[0][-1].close + 1.0, revision=1)]
    later = Run(state)
    for task in (Task(TASK.question, [mended, LEGS[1]], 180), Task(msgspec.structs.replace(TASK.question, window=61), LEGS, 180)):
        await later.ask(task)
    assert later.count == 2


async def test_changed_code_asks_for_another_answer(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    await Run(state).ask()
    monkeypatch.setattr(slow_answers, "code_mark", lambda plugin: "later")
    later = Run(state)
    await later.ask()
    assert later.count == 1


def test_the_mark_follows_the_file_of_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text(
        "import quantd\n"
        "class Half(quantd.Regression):\n"
        '    """Half."""\n'
        "    def fit(self, y, x):\n"
        "        return quantd.Hedge(alpha=0.0, beta=0.5, n=len(y))\n"
        "@quantd.hookimpl\n"
        "def register_regressions(register):\n"
        '    register("half", Half)\n'
    )
    plugin = Calculator(load([tmp_path]), CLOCK).plugin("half")
    before = code_mark(plugin)
    (tmp_path / "half.py").write_text((tmp_path / "half.py").read_text() + "# later\n")
    code_mark.cache_clear()
    assert code_mark(plugin) != before


async def test_a_broken_one_is_computed_again(state: State) -> None:
    await Run(state).ask()
    (key,) = (key for key in state.cache if key.startswith("answer/"))
    state.cache[key] = state.cache[key][:-9]
    later = Run(state)
    await later.ask()
    await later.ask()
    assert later.count == 1


async def test_a_disk_that_fails_costs_no_answer(state: State) -> None:
    class Full(dict[str, bytes]):
        def __getitem__(self, key: str) -> bytes:
            raise sqlite3.OperationalError("database or disk is full")  # a read notes when it was

        def get(self, key: str, default: object = None) -> Any:
            return self[key]

        def __setitem__(self, key: str, value: bytes) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    run = Run(state)
    run.slow = SlowAnswers(Full(), run.calculator, run.troubles, CLOCK)
    assert (await run.ask()).points
    assert [trouble.name for trouble in run.troubles.present()] == ["slow answers"]
