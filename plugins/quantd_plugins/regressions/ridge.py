"""Ridge regression."""

from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.ridge import ridge, ridge_fit
from quantd.stats.rolling import Moments


class Ridge(quantd.Regression):
    """Least squares whose beta is shrunk towards zero, to 1 / (1 + `penalty`) of it, for a smaller hedge than the window asks for. No
    stderr."""

    penalty: Annotated[float, Meta(ge=0, description="Weight of beta squared, in units of x's sum of squares.")] = 0.01

    def __post_init__(self) -> None:
        self._moments = Moments(self.window)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return ridge_fit(y, x, self.penalty)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        m = self._moments
        m.push(index, y, x)
        return ridge(m.n, m.mean_y, m.mean_x, m.syy, m.sxx, m.sxy, self.penalty) if m.full else None


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("ridge", Ridge)
