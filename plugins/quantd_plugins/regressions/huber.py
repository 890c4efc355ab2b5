"""Huber's robust regression."""

from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.columns.robust import huber_many
from quantd.stats.robust import huber


class Huber(quantd.Regression):
    """Huber's regression: outliers of y weigh less than in least squares; intercept, slope and scale are estimated jointly. No r2."""

    epsilon: Annotated[float, Meta(ge=1, description="Residuals beyond this many sigma count in proportion, not squared.")] = 1.35

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return huber(y, x, self.epsilon)

    def fit_many(self, y: FloatArray, x: FloatArray) -> quantd.HedgeColumns:
        return huber_many(y, x, self.epsilon)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("huber", Huber)
