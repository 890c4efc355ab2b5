"""The KPSS test on the spread."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

import quantd
from quantd.stats.kpss import kpss
from quantd.stats.reasons import Reason, unfit_view

SHORTEST = 20


class KpssJob(quantd.PairJob):
    """Test of Kwiatkowski, Phillips, Schmidt and Shin of the spread over the last `window` closes, priced with one hedge ratio. A small
    p-value (limited to 0.01 to 0.1) says that the spread is not stationary, the opposite of `adf`. `kpss_reason` says why there is
    none.
    """

    metrics: ClassVar[tuple[str, ...]] = ("kpss_stat", "kpss_pvalue", "kpss_lags", "kpss_reason")
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"kpss_reason": get_args(Reason)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "kpss_stat": (0.0, math.inf),
        "kpss_pvalue": (0.01, 0.1),
        "kpss_lags": (0.0, math.inf),
    }

    window: Annotated[int, Meta(ge=SHORTEST, description="Closes to test; twice the regression window by default.")] | None = None
    trend: Annotated[Literal["c", "ct"], Meta(description="Stationary about a constant, or about a linear trend.")] = "c"
    lags: Annotated[int, Meta(ge=0, description="Lags of the long-run variance; chosen from the data when left out.")] | None = None

    def __post_init__(self) -> None:
        if self.window and self.lags and self.window <= self.lags:
            raise ValueError(f"lags: must be less than the window of {self.window}")

    def bars_needed(self, window: int) -> int:
        return self.window or max(2 * window, SHORTEST)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        spread = view.columns["spread"].copy()
        reason = unfit_view(view.columns, max(SHORTEST, (self.lags or 0) + 1), log=view.prices == "log")
        found = None if reason else kpss(spread, trend=self.trend, lags=self.lags)
        if found is None:
            return dict.fromkeys(self.metrics) | {"kpss_reason": reason or "undetermined"}
        return dict(zip(self.metrics, (found.stat, found.pvalue, found.lags, None), strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("kpss", KpssJob)
