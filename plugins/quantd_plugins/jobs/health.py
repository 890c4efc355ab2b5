"""Whether a pair still holds."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

import quantd
from quantd.stats.health import Vitals, vitals

Limits = tuple[float, float]


class Health(quantd.PairJob):
    """warming, healthy, degraded or broken, and why: `health_reasons` names beta_drift, cusum, half_life, corr and data.

    The last regression window is held against the one before it. Of each pair of limits the first makes the pair degraded, the second
    broken.
    """

    metrics: ClassVar[tuple[str, ...]] = ("health", "health_reasons", "health_beta_drift", "health_cusum", "health_half_life")
    texts: ClassVar[Mapping[str, tuple[str, ...]]] = {"health": ("warming", "healthy", "degraded", "broken"), "health_reasons": ()}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = dict.fromkeys(
        ("health_beta_drift", "health_cusum", "health_half_life"), (0.0, math.inf)
    )
    states: ClassVar[tuple[str, ...]] = ("health",)

    beta_drift: Annotated[Limits, Meta(description="Change of beta, in its standard errors.")] = (3.5, 7.0)
    cusum: Annotated[Limits, Meta(description="Sum of residuals from the older line, in standard deviations of such a sum.")] = (9.0, 14.0)
    half_life: Annotated[Limits, Meta(description="Half-life of the residuals, in regression windows.")] = (0.5, 1.0)
    corr: Annotated[Limits, Meta(description="Correlation of the legs, from below.")] = (0.3, 0.0)
    data: Annotated[Limits, Meta(description="Share of bars that are complete, from below.")] = (0.9, 0.5)

    def __post_init__(self) -> None:
        for name in ("beta_drift", "cusum", "half_life"):
            _demand_order(name, *getattr(self, name))
        for name in ("corr", "data"):
            _demand_order(name, *reversed(getattr(self, name)))

    def needs(self, window: int) -> int:
        return 2 * window

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        columns = view.columns
        y, x = (columns[leg][-2 * view.window :] for leg in ("y", "x"))
        if len(y) < 2 * view.window:
            return dict.fromkeys(self.metrics) | {"health": "warming"}
        found = vitals(y, x)
        grades = dict(self._grades(found, float(columns["corr"][-1]), float(columns["coverage"][-1])))
        reasons = " ".join(name for name, grade in grades.items() if grade)
        state = ("healthy", "degraded", "broken")[max(grades.values(), default=0)]
        return dict(zip(self.metrics, (state, reasons or None, found.beta_drift, found.cusum, found.half_life), strict=True))

    def _grades(self, found: Vitals, corr: float, coverage: float) -> Iterator[tuple[str, int]]:
        """How bad each sign is: 0, 1 or 2. A sign that cannot be read, of two flat legs say, is as bad as a bad one: nothing is known."""
        yield "beta_drift", _above(found.beta_drift, self.beta_drift)
        yield "cusum", _above(found.cusum, self.cusum)
        yield "half_life", _above(found.half_life, self.half_life) if found.reverts else 2
        yield "corr", 1 if math.isnan(corr) else 2 - sum(corr >= limit for limit in self.corr)
        yield "data", 2 - sum(coverage >= limit for limit in self.data)


def _demand_order(name: str, lesser: float, greater: float) -> None:
    if not lesser <= greater:
        raise ValueError(f"{name}: the second limit, of broken, must be the worse one")


def _above(value: float | None, limits: tuple[float, float]) -> int:
    return 1 if value is None else sum(value > limit for limit in limits)


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("health", Health)
