"""The health of a pair: whether its legs are cointegrated, and whether the relation still holds."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd.stats.health import Vitals, tie, vitals

Limits = tuple[float, float]
LEAST_EVIDENCE = 250
LEVEL = 0.05
"""Limit below which both p-values count as evidence."""


class Health(quantd.PairJob):
    """warming, broken, degraded, unproven or healthy, and why: `health_reasons` names beta_drift, cusum, jump, half_life, corr_returns,
    data and evidence.

    The last regression window is compared with the one before it. Of each pair of limits, the first makes the pair degraded, the second
    broken. If no sign is bad, the pair is healthy if Engle and Granger's test finds its legs cointegrated over the last `evidence`
    bars, with p below 0.05 both ways without outliers, and unproven otherwise. The result is a function of these bars only.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("health", "health_reasons", "health_beta_drift", "health_cusum", "health_jump", "health_half_life", "health_pvalue"),
    )
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "health": ("warming", "healthy", "unproven", "degraded", "broken"),
        "health_reasons": (),
    }
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("health_beta_drift", "health_cusum", "health_jump", "health_half_life"), (0.0, math.inf)),
        "health_pvalue": (0.0, 1.0),
    }
    states: ClassVar[tuple[str, ...]] = ("health",)

    beta_drift: Annotated[Limits, Meta(description="Change of beta, in its standard errors.")] = (4.5, 9.0)
    cusum: Annotated[Limits, Meta(description="Sum of residuals from the older line, in standard deviations of such a sum.")] = (12.0, 18.0)
    jump: Annotated[
        float, Meta(gt=0, description="Newest steps of the residuals above which a pair is degraded, in standard deviations.")
    ] = 8.0
    half_life: Annotated[Limits, Meta(description="Half-life of the residuals, in regression windows.")] = (0.5, 1.0)
    corr_returns: Annotated[
        Limits, Meta(description="Correlation of the legs' returns, in the direction of the hedge ratio, from below.")
    ] = (0.3, 0.0)
    data: Annotated[
        Limits, Meta(description="Share of bars that are complete, from below; of the older window only the first limit counts.")
    ] = (0.9, 0.5)
    evidence: (
        Annotated[int, Meta(ge=20, le=20_000, description="Bars to be tied over; four windows, and at least 250, when left out.")] | None
    ) = None

    def __post_init__(self) -> None:
        for name in ("beta_drift", "cusum", "half_life"):
            _demand_order(name, *getattr(self, name))
        for name in ("corr_returns", "data"):
            _demand_order(name, *reversed(getattr(self, name)))

    def bars_needed(self, window: int) -> int:
        return max(2 * window, self._bars_of_evidence(window))

    def _bars_of_evidence(self, window: int) -> int:
        return self.evidence or max(4 * window, LEAST_EVIDENCE)

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        columns = view.columns
        y, x = columns["y"], columns["x"]
        if len(y) < 2 * view.window:
            return dict.fromkeys(self.metrics) | {"health": "warming"}
        found = vitals(y[-2 * view.window :], x[-2 * view.window :])
        corr = float(columns["corr_returns"][-1]) * math.copysign(1.0, columns["beta"][-1])
        newer, older = (float(columns["coverage"][at]) for at in (-1, -1 - view.window))
        pvalue = self._pvalue(y, x, view)
        proven = pvalue is not None and pvalue < LEVEL
        grades = dict(self._grades(found, corr, (newer, older), proven=proven))
        reasons = [name for name, grade in grades.items() if grade] + ([] if proven else ["evidence"])
        state = ("healthy" if proven else "unproven", "degraded", "broken")[max(grades.values())]
        numbers = (found.beta_drift, found.cusum, found.jump, found.half_life, pvalue)
        return dict(zip(self.metrics, (state, " ".join(reasons) or None, *numbers), strict=True))

    def _pvalue(self, y: FloatArray, x: FloatArray, view: quantd.PairView) -> float | None:
        """Return the p-value of the evidence; None while there are too few bars, or no test of them."""
        bars = self._bars_of_evidence(view.window)
        return None if len(y) < bars else tie(y[-bars:], x[-bars:], log=view.prices == "log")

    def _grades(self, found: Vitals, corr: float, coverage: tuple[float, float], *, proven: bool) -> Iterator[tuple[str, int]]:
        """Yield the grade of each sign: 0, 1 or 2. A sign that cannot be read, for example because both legs are flat, is graded as bad,
        since nothing is known.

        Closes of legs that trade at different moments have a low correlation even if the legs are cointegrated: a low correlation does
        not break a pair that is `proven`. Data missing from the older window do not break it either: that window is only a poor
        reference.
        """
        newer, older = coverage
        yield "beta_drift", _above(found.beta_drift, self.beta_drift)
        yield "cusum", _above(found.cusum, self.cusum)
        yield "jump", int(found.jump is None or found.jump > self.jump)
        yield "half_life", _above(found.half_life, self.half_life) if found.reverts else 2
        low = 1 if math.isnan(corr) else 2 - sum(corr >= limit for limit in self.corr_returns)
        yield "corr_returns", min(low, 1) if proven else low
        yield "data", max(2 - sum(newer >= limit for limit in self.data), int(older < self.data[0]))


def _demand_order(name: str, lesser: float, greater: float) -> None:
    if not lesser <= greater:
        raise ValueError(f"{name}: the second limit, of broken, must be the worse one")


def _above(value: float | None, limits: tuple[float, float]) -> int:
    return 1 if value is None else sum(value > limit for limit in limits)


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("health", Health)
