"""Johansen's tests for cointegration."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

import quantd
from quantd.stats.cointegration import engle_granger, johansen
from quantd.stats.reasons import Reason, unfit

LEAST = 250


class JohansenJob(quantd.PairJob):
    """Johansen's trace and maximum-eigenvalue tests, by statsmodels, beside the flow: how many relations tie the legs at 5 % (one: they are
    cointegrated; two: both are stationary by themselves), and the hedge ratio of the strongest. `johansen_reason` says why there is no
    test."""

    metrics: ClassVar[tuple[str, ...]] = ("johansen_trace", "johansen_max_eigen", "johansen_rank", "johansen_beta", "johansen_reason")
    texts: ClassVar[Mapping[str, tuple[str, ...]]] = {"johansen_reason": get_args(Reason)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("johansen_trace", "johansen_max_eigen"), (0.0, math.inf)),
        "johansen_rank": (0.0, 2.0),
    }
    background: ClassVar[bool] = True

    window: Annotated[int, Meta(ge=20, description="Bars to test; four regression windows, and at least 250, when left out.")] | None = None
    trend: Annotated[Literal["n", "c", "ct"], Meta(description="No constant, a constant, or a constant and a trend.")] = "c"
    lags: Annotated[int, Meta(ge=0, description="Lagged differences.")] = 1

    def __post_init__(self) -> None:
        if self.window and self.window < 6 * (self.lags + 1):
            raise ValueError(f"lags: {self.lags} lags take a window of at least {6 * (self.lags + 1)}")

    def needs(self, window: int) -> int:
        return self.window or max(4 * window, LEAST)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        y, x = (view.columns[leg][-self.needs(view.window) :].copy() for leg in ("y", "x"))
        found = johansen(y, x, trend=self.trend, lags=self.lags)
        if found is None:
            least = 6 * (self.lags + 1)
            reason = unfit(y, least) or unfit(x, least) or engle_granger(y, x, lags=0).reason or "undetermined"
            return dict.fromkeys(self.metrics) | {"johansen_reason": reason}
        answer = (found.trace[0], found.max_eigen[0], found.rank, found.beta, None)
        return dict(zip(self.metrics, answer, strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("johansen", JohansenJob)
