"""The augmented Dickey-Fuller test on the spread."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

import quantd
from quantd.stats.stationarity import adf

SHORTEST = 20


class AdfJob(quantd.PairJob):
    """Augmented Dickey-Fuller test on the last `window` spreads: adf_stat, its MacKinnon p-value, the lags used and the sample's size.

    It takes the spread as given; on a spread whose beta was fitted to the same bars its p-value is too small.
    """

    metrics: ClassVar[tuple[str, ...]] = ("adf_stat", "adf_pvalue", "adf_lags", "adf_n")

    window: Annotated[int, Meta(ge=SHORTEST, description="Spreads to test; twice the regression window by default.")] | None = None
    trend: Annotated[Literal["n", "c", "ct"], Meta(description="No constant, a constant, or a constant and a trend.")] = "c"
    lags: Annotated[int, Meta(ge=0, description="Lagged differences; chosen by the criterion when left out.")] | None = None
    criterion: Annotated[Literal["aic", "bic"], Meta(description="What chooses the lags.")] = "aic"

    def needs(self, window: int) -> int:
        return self.window or max(2 * window, SHORTEST)

    def run(self, view: quantd.PairView) -> Mapping[str, float | None]:
        spread = view.columns["spread"][-self.needs(view.window) :]
        done = adf(spread, trend=self.trend, lags=self.lags, criterion=self.criterion) if len(spread) >= SHORTEST else None
        if done is None:
            return dict.fromkeys(self.metrics)
        return {"adf_stat": done.stat, "adf_pvalue": done.pvalue, "adf_lags": done.lags, "adf_n": done.n}


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("adf", AdfJob)
