"""Johansen's tests for cointegration."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

import quantd
from quantd.stats.johansen import johansen, shortest, whiteness
from quantd.stats.reasons import Reason

LEAST = 250


class JohansenJob(quantd.PairJob):
    """Johansen's trace and maximum-eigenvalue tests, beside the flow: the number of cointegrating relations at 5 % (one: the legs are
    cointegrated; two: each leg is stationary by itself, and the other is not needed), and the hedge ratio of the strongest.
    `johansen_white_pvalue`, by statsmodels, is small if there are too few lags: do not trust the rank then. `johansen_reason` says why
    there is no number.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("johansen_trace", "johansen_max_eigen", "johansen_rank", "johansen_beta", "johansen_white_pvalue", "johansen_reason"),
    )
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"johansen_reason": get_args(Reason)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("johansen_trace", "johansen_max_eigen"), (0.0, math.inf)),
        "johansen_rank": (0.0, 2.0),
        "johansen_white_pvalue": (0.0, 1.0),
    }
    background: ClassVar[bool] = True

    window: Annotated[int, Meta(ge=20, description="Bars to test; four regression windows, and at least 250, when left out.")] | None = None
    trend: Annotated[
        Literal["n", "rc", "c", "ct"],
        Meta(description="No constant; one in the relation; one in the changes, where both legs drift; that, and a trend in the relation."),
    ] = "rc"
    lags: Annotated[int, Meta(ge=0, description="Lagged differences; two allow for trades at bid and ask.")] = 2

    def __post_init__(self) -> None:
        if self.window and self.window < shortest(self.lags):
            raise ValueError(f"lags: {self.lags} lags take a window of at least {shortest(self.lags)}")

    def bars_needed(self, window: int) -> int:
        return self.window or max(4 * window, LEAST, shortest(self.lags))

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        y, x = (view.columns[leg][-self.bars_needed(view.window) :].copy() for leg in ("y", "x"))
        log = view.prices == "log"
        found = johansen(y, x, trend=self.trend, lags=self.lags, log=log)
        trace, max_eigen = found.trace and found.trace[0], found.max_eigen and found.max_eigen[0]
        white = None if trace is None else whiteness(y, x, trend=self.trend, lags=self.lags, log=log)
        return dict(zip(self.metrics, (trace, max_eigen, found.rank, found.beta, white, found.reason), strict=True))


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("johansen", JohansenJob)
