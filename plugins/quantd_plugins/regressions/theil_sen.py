"""The Theil-Sen line."""

import quantd
from quantd.stats import FloatArray
from quantd.stats.theil_sen import theil_sen


class TheilSen(quantd.Regression):
    """The median of the slopes between all pairs of bars: up to 29 % of the bars may be wild. No stderr, no r2."""

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return theil_sen(y, x)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("theil-sen", TheilSen)
