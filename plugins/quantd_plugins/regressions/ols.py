"""Ordinary least squares."""

import quantd
from quantd.stats import FloatArray
from quantd.stats.columns import fits
from quantd.stats.columns.moments import MomentsColumns
from quantd.stats.regression import ols, ols_fit
from quantd.stats.sums import Sums


class Ols(quantd.Regression):
    """Ordinary least squares over the last `window` bars, with the standard error of beta."""

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return ols_fit(y, x)

    def fit_sums(self, sums: Sums) -> quantd.Hedge | None:
        return ols(sums)

    def fit_sums_many(self, sums: MomentsColumns) -> quantd.HedgeColumns:
        return fits.ols(sums)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("ols", Ols)
