"""Ridge regression."""

from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.columns import fits
from quantd.stats.columns.moments import MomentsColumns
from quantd.stats.ridge import ridge
from quantd.stats.sums import Sums, sums_of


class Ridge(quantd.Regression):
    """Least squares with beta shrunk towards zero, to 1 / (1 + `penalty`) of its value, for a smaller hedge than that of the window. No
    stderr.
    """

    penalty: Annotated[float, Meta(ge=0, description="Weight of beta squared, in units of x's sum of squares.")] = 0.01

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        sums = sums_of(y, x)
        return ridge(sums, self.penalty) if sums else None

    def fit_sums(self, sums: Sums) -> quantd.Hedge | None:
        return ridge(sums, self.penalty)

    def fit_sums_many(self, sums: MomentsColumns) -> quantd.HedgeColumns:
        return fits.ridge(sums, self.penalty)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("ridge", Ridge)
