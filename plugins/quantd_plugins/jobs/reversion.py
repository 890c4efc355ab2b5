"""How fast, and whether, the spread comes back."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

import quantd
from quantd.stats.reversion import half_life, hurst, variance_ratio, zero_crossings

LEAST = 100


class Reversion(quantd.PairJob):
    """Half-life of the spread with its 95 % interval, variance ratio, Hurst exponent and the rate at which it crosses its mean, over the
    last `window` spreads. Times are in bars; `half_life_reason` says why there is no half-life."""

    metrics: ClassVar[tuple[str, ...]] = (
        *("half_life", "half_life_low", "half_life_high", "half_life_reason", "variance_ratio", "variance_ratio_pvalue"),
        *("hurst", "crossings", "crossings_expected"),
    )

    window: Annotated[int, Meta(ge=20, description="Spreads; two regression windows, and at least 100, when left out.")] | None = None
    period: Annotated[int, Meta(ge=2, description="Bars of the variance ratio's long steps.")] = 5

    def needs(self, window: int) -> int:
        return self.window or max(2 * window, LEAST)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        spread = view.columns["spread"][-self.needs(view.window) :].copy()
        life, ratio, crossings = half_life(spread), variance_ratio(spread, self.period), zero_crossings(spread)
        answer = (
            *(life.bars, life.low, life.high, life.reason),
            *((ratio.ratio, ratio.pvalue) if ratio else (None, None)),
            hurst(spread),
            *((crossings.rate, crossings.expected) if crossings else (None, None)),
        )
        return dict(zip(self.metrics, answer, strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("reversion", Reversion)
