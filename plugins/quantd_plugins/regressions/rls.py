"""Recursive least squares."""

import math
from typing import Annotated, ClassVar

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.forgetting import Forgetting
from quantd.stats.relay import Relay, recursed


class Rls(quantd.Regression):
    """Recursive least squares with forgetting: a bar weighs `memory` times as much as the one after it; `window` is the warm-up.

    It begins at its first bar, and remembers no bar beyond the last 2 x `window`: a fresh run takes over every `window` bars, little by
    little. `fit` is a run over the given bars alone. No stderr: the weights are no counts of bars.
    """

    recursive: ClassVar[bool] = True

    memory: Annotated[float, Meta(gt=0, le=1, description="The weight of a bar over that of the next; 0.97 halves it in 23 bars.")] = 0.97

    def __post_init__(self) -> None:
        self._relay = Relay(self.window, self._begin)

    def _begin(self) -> Forgetting:
        return Forgetting(self.memory)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return recursed(self._begin(), y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        return self._relay.push(index, y, x) if math.isfinite(y) and math.isfinite(x) else None


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("rls", Rls)
