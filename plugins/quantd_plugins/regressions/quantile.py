"""Quantile regression."""

from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.quantile import quantile


class Quantile(quantd.Regression):
    """The line with a share of `tau` of the bars below it; with 0.5 the line of least absolute deviations. No stderr, no r2."""

    tau: Annotated[float, Meta(gt=0, lt=1, description="Share of the bars below the line.")] = 0.5

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return quantile(y, x, self.tau)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("quantile", Quantile)
