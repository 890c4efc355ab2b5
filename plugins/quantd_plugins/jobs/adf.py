"""The augmented Dickey-Fuller test on the spread."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

import quantd
from quantd.stats.reasons import Reason, unfit_view
from quantd.stats.stationarity import adf

SHORTEST = 20


class AdfJob(quantd.PairJob):
    """Augmented Dickey-Fuller test of the spread over the last `window` closes, priced with one hedge ratio: adf_stat, its MacKinnon
    p-value, the number of lags and the sample size; `adf_reason` says why there are none.

    It takes the spread as given; on a spread whose beta was fitted to the same bars its p-value is too small.
    """

    metrics: ClassVar[tuple[str, ...]] = ("adf_stat", "adf_pvalue", "adf_lags", "adf_n", "adf_reason")
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"adf_reason": get_args(Reason)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"adf_pvalue": (0.0, 1.0), "adf_lags": (0.0, math.inf), "adf_n": (0.0, math.inf)}

    window: Annotated[int, Meta(ge=SHORTEST, description="Closes to test; twice the regression window by default.")] | None = None
    trend: Annotated[Literal["n", "c", "ct"], Meta(description="No constant, a constant, or a constant and a trend.")] = "c"
    lags: Annotated[int, Meta(ge=0, description="Lagged differences; chosen by the criterion when left out.")] | None = None
    criterion: Annotated[Literal["aic", "bic"], Meta(description="What chooses the lags.")] = "aic"

    def __post_init__(self) -> None:
        if self.window and self.lags and self.window < 2 * self.lags + 10:
            raise ValueError(f"lags: {self.lags} lags take a window of at least {2 * self.lags + 10}")

    def bars_needed(self, window: int) -> int:
        return self.window or max(2 * window, SHORTEST)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        spread = view.columns["spread"]
        reason = unfit_view(view.columns, max(SHORTEST, 2 * (self.lags or 0) + 10), log=view.prices == "log")
        done = None if reason else adf(spread, trend=self.trend, lags=self.lags, criterion=self.criterion)
        if done is None:
            return dict.fromkeys(self.metrics) | {"adf_reason": reason or "undetermined"}
        return dict(zip(self.metrics, (done.stat, done.pvalue, done.lags, done.n, None), strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("adf", AdfJob)
