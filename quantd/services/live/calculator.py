"""Computes the answers to questions about two symbols from their bars, in the daemon or in a process of its pool."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from quantd.clock import Clock, SystemClock
from quantd.flow.bars.merge import shared_closes
from quantd.flow.pairs import PairSpec, analyse
from quantd.log import Level, setup
from quantd.model import Bar, PairPoint
from quantd.plugin.guard import Guard
from quantd.plugin.loader import load
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression, takes_long
from quantd.pool import BUDGET_S, Pool, Workers
from quantd.services.analytics import Analysis, Question, is_whole
from quantd.stats.cointegration import engle_granger
from quantd.stats.kernels import compiler
from quantd.stats.spreads import SpreadTest, spread_test
from quantd.supervision.troubles import Troubles

_STEP_S, _FIT_S, _FITTED_S = 40e-6, 120e-6, 0.4e-6
"""Estimated costs: one bar; one bar at which the window is fitted again; and each bar of the window in such a fit."""


class Task(msgspec.Struct, frozen=True, array_like=True):
    """A question, and the bars of y and x that answer it. `wanted` is the number of bars to test; None asks for the points alone."""

    question: Question
    legs: list[list[Bar]]
    wanted: int | None = None


class Calculator:
    """Computes with the regressions of a registry. Any thread may call."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def spec(self, question: Question) -> PairSpec:
        """The settings of the pair with which the question is answered."""
        style = question.style
        given = {name: value for name in ("beta", "alpha") if (value := getattr(style, name)) is not None}
        settings = {"window": question.window, "prices": style.prices, **given}
        regression = msgspec.convert(settings, self.plugin(question.method))
        return PairSpec(f"{question.y}-{question.x}", question.every, regression, style.zscore, spread=style.spread)

    def cost(self, task: Task) -> float:
        """Seconds that a task may take."""
        return self.cost_of(task.question, max(map(len, task.legs)))

    def cost_of(self, question: Question, bars: int) -> float:
        """Seconds that a question about so many bars may take, to an order of magnitude, as measured by `benchmarks/windows.py`."""
        refits = takes_long(self.plugin(question.method))
        return bars * (_FIT_S + _FITTED_S * question.window if refits else _STEP_S)

    def calculate(self, task: Task) -> Analysis:
        """Compute the points and their tests."""
        question, legs, wanted = task.question, task.legs, task.wanted
        spec = self.spec(question)
        points = self._points(legs, spec, question.method)
        if wanted is None:
            return Analysis(points)
        points = points[-(wanted - question.window + 1) :]
        prices = spec.regression.prices
        of_y, of_x = shared_closes(legs[0], legs[1], prices, wanted)
        tests = [engle_granger(*closes, log=prices == "log") for closes in ((of_y, of_x), (of_x, of_y))]
        return Analysis(points, _adf(points, spec), *tests)

    def plugin(self, method: str) -> type[Regression]:
        """The regression of this name. Raises LookupError."""
        entry = self._registry.get("regression", method)
        if entry is None:
            raise LookupError(f"no regression {method!r} has been loaded in process {os.getpid()}")
        return entry.plugin  # type: ignore[return-value]

    def _points(self, legs: list[list[Bar]], spec: PairSpec, method: str) -> list[PairPoint]:
        guard = Guard("regression", f"{method} (request)", self._clock)  # of its own: a request must not silence a live pair
        return analyse(legs[0], legs[1], spec, lambda plugin, user: guard)


class Setting(msgspec.Struct, frozen=True):
    """The settings with which a process computes the same answers as the daemon: the plugins to load, the kernels, and the log level."""

    dirs: list[str]
    disable: list[str]
    kernels: str | None
    level: Level


def setting(registry: Registry, level: Level, kernels: Path | None = None) -> bytes:
    """Encode the setting of this process for `prepare`."""
    dirs = [os.path.abspath(folder) for folder in registry.dirs]
    return msgspec.msgpack.encode(Setting(dirs, list(registry.disable), str(kernels) if kernels else None, level))


def make_pool(registry: Registry, level: Level, troubles: Troubles, budget: float = BUDGET_S, kernels: Path | None = None) -> Pool:
    """Make the pool of a daemon; a computation may take `budget` seconds. Processes keep compiled kernels in `kernels`, or have none."""
    return Pool(Workers("quantd.services.live.calculator:prepare", setting(registry, level, kernels), troubles), budget=budget)


def prepare(given: bytes) -> Callable[[bytes], bytes]:
    """Prepare this process to answer tasks; returns the function that answers a frame."""
    where = msgspec.msgpack.decode(given, type=Setting)
    setup(where.level)
    if where.kernels:
        compiler.allow(Path(where.kernels))
    return partial(_answered, Calculator(load([Path(folder) for folder in where.dirs], where.disable), SystemClock()))


def _answered(calculator: Calculator, frame: bytes) -> bytes:
    return msgspec.msgpack.encode(calculator.calculate(msgspec.msgpack.decode(frame, type=Task)))


def analysis_of(frame: bytes) -> Analysis:
    """Decode the answer of a process."""
    return msgspec.msgpack.decode(frame, type=Analysis)


def _adf(points: Sequence[PairPoint], spec: PairSpec) -> SpreadTest:
    """Test the spread over the closes from the first whole point to the last, with the hedge of the last."""
    shown = next((number for number, point in enumerate(points) if is_whole(point)), len(points))
    y, x = np.array([(point.y, point.x) for point in points[shown:]]).reshape(-1, 2).T
    if points and points[-1].reason == "flat":
        return SpreadTest(len(y), reason="flat")
    return spread_test(y, x, points[-1].hedge.beta if points else 0.0, log=spec.log)
