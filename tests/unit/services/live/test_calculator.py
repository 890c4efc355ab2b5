"""A process answers as a thread of the daemon would."""

from pathlib import Path

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.plugin.loader import load
from quantd.plugin.registry import Registry
from quantd.services.analytics import PLAIN, Question, Style
from quantd.services.live.calculator import Calculator, Task, analysis_of, make_pool, setting
from quantd.stats.zscore import ZScore
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes

LEGS = [fakes.bars(300, symbol="A", seed=1), fakes.bars(300, symbol="B", seed=2)]
HALF = """
import quantd
class Half(quantd.Regression):
    \"\"\"A third party's.\"\"\"
    def fit(self, y, x):
        return quantd.Hedge(alpha=0.0, beta=0.5, n=len(y))
@quantd.hookimpl
def register_regressions(register):
    register("half", Half)
"""


def question(method: str, style: Style = PLAIN) -> Question:
    return Question("A", "B", "1m", 60, method, style)


async def answered(registry: Registry, frame: bytes) -> bytes:
    workers = make_pool(registry, "info", Troubles(EventClock())).workers
    try:
        return await workers.run(frame)
    finally:
        workers.close()


@pytest.mark.parametrize(
    ("method", "style", "wanted"),
    [
        ("ols", PLAIN, 180),
        ("ols", PLAIN, None),
        ("kalman", Style(zscore=ZScore(method="innovation"), prices="log"), 180),
        ("fixed", Style(beta=1.5, alpha=0.25, spread="residual"), 180),
        ("theil-sen", Style(zscore=ZScore(method="robust", against="before")), 180),
    ],
)
async def test_the_bits_are_the_same(method: str, style: Style, wanted: int | None) -> None:
    registry, task = load(), Task(question(method, style), LEGS, wanted)
    there = analysis_of(await answered(registry, msgspec.msgpack.encode(task)))
    here = Calculator(registry, EventClock()).calculate(task)
    assert here.points
    assert there == here


async def test_plugins_of_others_answer_there_too_but_disabled_ones_do_not(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text(HALF)
    registry = load([tmp_path], ["huber"])
    there = analysis_of(await answered(registry, msgspec.msgpack.encode(Task(question("half"), LEGS, 180))))
    assert {point.hedge.beta for point in there.points} == {0.5}
    assert msgspec.msgpack.decode(setting(registry, "info"))["disable"] == ["huber"]


def test_the_cost_grows_with_the_bars_and_of_what_is_fitted_with_the_window() -> None:
    calculator = Calculator(load(), EventClock())
    cheap, fitted = (calculator.cost(Task(question(method), LEGS)) for method in ("ols", "theil-sen"))
    longer = msgspec.structs.replace(question("theil-sen"), window=600)
    assert cheap < fitted < calculator.cost(Task(longer, LEGS)) < calculator.cost(Task(longer, [leg * 2 for leg in LEGS]))
