"""Total least squares."""

from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.sums import Sums, sums_of
from quantd.stats.total import orthogonal


class Tls(quantd.Regression):
    """Orthogonal regression: noise in both legs, so that y on x and x on y give the same line. No stderr.

    The legs are centred but not scaled: with `noise_ratio` 1 both are assumed to be equally noisy in price, which suits `prices: log`,
    or legs of similar prices. For other legs, set how much noisier y is.
    """

    noise_ratio: Annotated[float, Meta(gt=0, description="Variance of y's noise over that of x's.")] = 1.0

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        sums = sums_of(y, x)
        return orthogonal(sums, self.noise_ratio) if sums else None

    def fit_sums(self, sums: Sums) -> quantd.Hedge | None:
        return orthogonal(sums, self.noise_ratio)


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("tls", Tls)
