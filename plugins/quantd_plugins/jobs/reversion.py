"""Mean reversion of the spread: whether it reverts, and how fast."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, get_args

from msgspec import Meta

import quantd
from quantd.stats.reasons import Reason, unfit_view
from quantd.stats.reversion import SHORTEST, half_life, hurst, variance_ratio, zero_crossings
from quantd.stats.reversion import Reason as NoHalfLife

LEAST = 100


class Reversion(quantd.PairJob):
    """Half-life of the spread with its 95 % interval, variance ratio, Hurst exponent and the rate at which it crosses its mean, over
    the last `window` closes, priced with one hedge ratio. Times are in bars; `half_life_reason` says why there is no half-life,
    `reversion_reason` why another value is missing.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("half_life", "half_life_low", "half_life_high", "half_life_reason", "variance_ratio", "variance_ratio_pvalue"),
        *("hurst", "crossings", "crossings_expected", "reversion_reason"),
    )
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"half_life_reason": get_args(NoHalfLife), "reversion_reason": get_args(Reason)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("half_life", "half_life_low", "half_life_high", "variance_ratio"), (0.0, math.inf)),
        **dict.fromkeys(("variance_ratio_pvalue", "crossings", "crossings_expected"), (0.0, 1.0)),
    }

    window: Annotated[int, Meta(ge=SHORTEST, description="Closes; two regression windows, and at least 100, when left out.")] | None = None
    period: Annotated[int, Meta(ge=2, description="Bars of the variance ratio's long steps.")] = 5

    def __post_init__(self) -> None:
        if self.window and self.window < 2 * self.period:
            raise ValueError(f"period: steps of {self.period} bars take a window of at least {2 * self.period}")

    def bars_needed(self, window: int) -> int:
        return self.window or max(2 * window, LEAST)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        unfit = unfit_view(view.columns, 0, log=view.prices == "log")
        if unfit:
            return dict.fromkeys(self.metrics) | {"half_life_reason": unfit, "reversion_reason": unfit}
        spread = view.columns["spread"].copy()
        life, ratio, crossings = half_life(spread), variance_ratio(spread, self.period), zero_crossings(spread)
        answer = (
            *(life.bars, life.low, life.high, life.reason),
            *((ratio.ratio, ratio.pvalue) if ratio else (None, None)),
            hurst(spread),
            *((crossings.rate, crossings.expected) if crossings else (None, None)),
            None,
        )
        if None in answer[4:-1]:
            answer = (*answer[:-1], "short" if len(spread) < max(LEAST, 2 * self.period) else "undetermined")
        return dict(zip(self.metrics, answer, strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("reversion", Reversion)
