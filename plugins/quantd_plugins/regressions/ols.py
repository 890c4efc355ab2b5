"""Ordinary least squares."""

import quantd
from quantd.stats import FloatArray
from quantd.stats.regression import ols, ols_fit
from quantd.stats.rolling import Moments


class Ols(quantd.Regression):
    """Ordinary least squares over the last `window` bars, with the standard error of beta."""

    def __post_init__(self) -> None:
        self._moments = Moments(self.window)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return ols_fit(y, x)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        moments = self._moments
        moments.push(index, y, x)
        if not moments.full:
            return None
        return ols(moments.n, moments.mean_y, moments.mean_x, moments.syy, moments.sxx, moments.sxy)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("ols", Ols)
