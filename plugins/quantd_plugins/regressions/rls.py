"""Recursive least squares."""

import math
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.forgetting import ForgettingColumns
from quantd.stats.forgetting import Forgetting
from quantd.stats.recursion import Run, recursed


class Rls(quantd.Regression):
    """Recursive least squares with forgetting: a bar has `memory` times the weight of the next one; `window` is the warm-up.

    `fit` is a run over the given bars alone. No stderr: the weights are no counts of bars.
    """

    recursive: ClassVar[bool] = True

    memory: Annotated[float, Meta(gt=0, le=1, description="The weight of a bar over that of the next; 0.97 halves it in 23 bars.")] = 0.97

    def __post_init__(self) -> None:
        self._run = Run(Forgetting(self.memory))

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return recursed(Forgetting(self.memory), y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        if not (math.isfinite(y) and math.isfinite(x)):
            return None
        self._run.push(index, y, x)
        recursion = self._run.recursion
        return recursion.hedge() if recursion.n >= self.window else None

    def state(self) -> bytes:
        return self._run.state()

    def resume(self, state: bytes) -> None:
        self._run.resume(state)

    def columns(self) -> quantd.RegressionColumns:
        return RlsColumns(self)


class RlsColumns:
    """The instances of many pairs."""

    def __init__(self, settings: Rls) -> None:
        self._settings = settings
        self._runs = ForgettingColumns(settings.memory)
        self.add, self.drop, self.step = self._runs.add, self._runs.drop, self._runs.push

    def load(self, p: int, regression: quantd.Regression) -> None:
        state = regression.state()
        if state is not None:
            self._runs.resume(p, state)

    def regression(self, p: int) -> Rls:
        one = msgspec.structs.replace(self._settings)
        one.resume(self._runs.packed(np.array([p]))[0])
        return one

    def hedges(self, which: IntArray) -> quantd.HedgeColumns:
        found = self._runs.hedges(which)
        return msgspec.structs.replace(found, known=found.known & (found.n >= self._settings.window))

    def states(self, which: IntArray) -> list[bytes | None]:
        return [*self._runs.packed(which)]


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("rls", Rls)
