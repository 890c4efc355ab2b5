"""Total least squares."""

from typing import Annotated

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.rolling import Moments
from quantd.stats.total import orthogonal, orthogonal_fit


class Tls(quantd.Regression):
    """Orthogonal regression: noise in both legs, so that y on x and x on y give the same line. No stderr.

    The legs are centred but not scaled: with `noise_ratio` 1 both are taken to be equally noisy in price, which suits `prices: log`, or
    legs of like prices. For others say how much noisier y is.
    """

    noise_ratio: Annotated[float, Meta(gt=0, description="Variance of y's noise over that of x's.")] = 1.0

    def __post_init__(self) -> None:
        self._moments = Moments(self.window)

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return orthogonal_fit(y, x, self.noise_ratio)

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        m = self._moments
        m.push(index, y, x)
        return orthogonal(m.n, m.mean_y, m.mean_x, m.syy, m.sxx, m.sxy, self.noise_ratio) if m.full else None


@quantd.hookimpl
def register_regressions(register: quantd.Register[quantd.Regression]) -> None:
    register("tls", Tls)
