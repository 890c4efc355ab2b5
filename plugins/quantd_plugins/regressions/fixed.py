"""A given hedge."""

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.columns import fits
from quantd.stats.columns.moments import MomentsColumns
from quantd.stats.sums import Sums


class GivenHedge(quantd.Regression):
    """The line y = alpha + beta * x with given coefficients, whatever the bars: for a position that is held with the hedge at its
    entry.

    The z-score measures the spread of that hedge over the window. No stderr, no r2.
    """

    given: ClassVar[bool] = True

    beta: Annotated[float, Meta(ge=-1e100, le=1e100, description="Units of x sold for each of y; with `prices: log` an elasticity.")]
    alpha: Annotated[float, Meta(ge=-1e100, le=1e100, description="Taken off by `spread: residual`; changes no z-score.")] = 0.0

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        if not len(y) or not (np.isfinite(y).all() and np.isfinite(x).all()):
            return None
        return quantd.Hedge(self.alpha, self.beta, len(y))

    def fit_sums(self, sums: Sums) -> quantd.Hedge:
        return quantd.Hedge(self.alpha, self.beta, sums.n)

    def fit_sums_many(self, sums: MomentsColumns) -> quantd.HedgeColumns:
        return fits.given(sums, self.alpha, self.beta)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("fixed", GivenHedge)
