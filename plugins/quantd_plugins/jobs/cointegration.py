"""Test for cointegration of the two legs."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

import quantd
from quantd.stats.cointegration import engle_granger
from quantd.stats.reasons import Reason

LEAST = 250


class Cointegration(quantd.PairJob):
    """Engle and Granger's cointegration test of y on x, and of x on y, over the last `window` bars, beside the flow: the right test for
    a spread whose beta was fitted to the same bars. `eg_power` is low if there are too few bars for a meaningful result; `eg_reason`
    says why there is no statistic.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("eg_stat", "eg_pvalue", "eg_lags", "eg_n", "eg_reverse_stat", "eg_reverse_pvalue", "eg_power", "eg_reason"),
    )
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"eg_power": ("low",), "eg_reason": get_args(Reason)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("eg_pvalue", "eg_reverse_pvalue"), (0.0, 1.0)),
        **dict.fromkeys(("eg_lags", "eg_n"), (0.0, math.inf)),
    }
    background: ClassVar[bool] = True

    window: Annotated[int, Meta(ge=20, description="Bars to test; four regression windows, and at least 250, when left out.")] | None = None
    trend: Annotated[Literal["c", "ct"], Meta(description="A constant in the line between the legs, or a constant and a trend.")] = "c"
    lags: Annotated[int, Meta(ge=0, description="Lagged differences; chosen by AIC when left out.")] | None = None

    def __post_init__(self) -> None:
        if self.window and self.lags and self.window < 2 * self.lags + 10:
            raise ValueError(f"lags: {self.lags} lags take a window of at least {2 * self.lags + 10}")

    def bars_needed(self, window: int) -> int:
        return self.window or max(4 * window, LEAST, 2 * (self.lags or 0) + 10)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        y, x = (view.columns[leg][-self.bars_needed(view.window) :].copy() for leg in ("y", "x"))
        log = view.prices == "log"
        way, back = (engle_granger(*legs, trend=self.trend, lags=self.lags, log=log) for legs in ((y, x), (x, y)))
        answer = (way.stat, way.pvalue, way.lags, way.n, back.stat, back.pvalue, way.power, way.reason or back.reason)
        return dict(zip(self.metrics, answer, strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("cointegration", Cointegration)
