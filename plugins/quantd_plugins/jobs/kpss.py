"""The KPSS test on the spread."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

import quantd
from quantd.stats.kpss import kpss


class KpssJob(quantd.PairJob):
    """The test of Kwiatkowski, Phillips, Schmidt and Shin on the last `window` spreads: here a small p-value (it ends at 0.01, and at 0.1)
    says that the spread is not stationary, the other way round than with `adf`."""

    metrics: ClassVar[tuple[str, ...]] = ("kpss_stat", "kpss_pvalue", "kpss_lags")

    window: Annotated[int, Meta(ge=20, description="Spreads to test; twice the regression window by default.")] | None = None
    trend: Annotated[Literal["c", "ct"], Meta(description="Stationary about a constant, or about a linear trend.")] = "c"
    lags: Annotated[int, Meta(ge=0, description="Lags of the long-run variance; chosen from the data when left out.")] | None = None

    def needs(self, window: int) -> int:
        return self.window or max(2 * window, 20)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        found = kpss(view.columns["spread"][-self.needs(view.window) :].copy(), trend=self.trend, lags=self.lags)
        answer = (None, None, None) if found is None else (found.stat, found.pvalue, found.lags)
        return dict(zip(self.metrics, answer, strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("kpss", KpssJob)
