"""The Theil-Sen line."""

from typing import ClassVar

import quantd
from quantd.stats import FloatArray
from quantd.stats.theil_sen import RollingTheilSen, theil_sen


class TheilSen(quantd.Regression):
    """The median of the slopes between all pairs of bars: up to 29 % of the bars may be outliers. No stderr, no r2."""

    refits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._rolling = RollingTheilSen(self.window)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return theil_sen(y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        self._rolling.push(y, x)
        return self._rolling.hedge()


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("theil-sen", TheilSen)
