"""What the analytics routes answer. A number that is not finite never leaves: its point is left out."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Literal

from msgspec import Struct

from quantd.api.wire import iso
from quantd.flow.desk import Analysis
from quantd.model import Metric, PairPoint


class Value(Struct, frozen=True, gc=False):
    """One value of a series."""

    ts: str
    value: float


Series = list[Value]


class Adf(Struct, frozen=True):
    """The ADF test of the spread; 0 and 1 where it could not be made."""

    stat: float = 0.0
    pvalue: float = 1.0


class AdfVerdict(Struct, frozen=True):
    """The ADF test of the spread, in words."""

    stat: float
    pvalue: float
    is_stationary: bool
    interpretation: str


class Direction(Struct, frozen=True):
    """Engle and Granger's test of one leg on the other; `reason` says why there is no statistic."""

    stat: float | None
    pvalue: float | None
    lags: int | None
    reason: str | None


class Cointegration(Direction, frozen=True, kw_only=True):
    """That of y on x over `n` bars, and of x on y; `power` is low where n is too small for it to mean much."""

    n: int
    power: str | None
    reverse: Direction


def cointegration(analysis: Analysis) -> Cointegration:
    """Both tests."""
    way, back = analysis.cointegration, analysis.reverse
    reverse = Direction(back.stat, back.pvalue, back.lags, back.reason)
    return Cointegration(way.stat, way.pvalue, way.lags, way.reason, n=way.n, power=way.power, reverse=reverse)


class PairAnalytics(Struct, frozen=True):
    """Four series over the same bars."""

    pair: str
    hedge_ratio: Series
    spread: Series
    zscore: Series
    rolling_corr: Series
    adf: Adf
    cointegration: Cointegration


class Nowcast(Struct, frozen=True):
    """The state of a pair at the last prices; `reason` says why a value is missing."""

    pair: str
    every: str
    ts: str
    beta: float | None
    spread: float | None
    zscore: float | None
    corr: float | None
    coverage: float
    reason: str | None
    metrics: Mapping[str, Metric]


Column = Literal["hedge_ratio", "spread", "zscore", "correlation"]


def column(point: PairPoint, name: Column) -> float | None:
    """A point's value under its name on the wire; None where there is none."""
    value = {"hedge_ratio": point.hedge.beta, "spread": point.spread, "zscore": point.zscore, "correlation": point.corr}[name]
    return value if value is not None and isfinite(value) else None


def series(points: Iterable[PairPoint], name: Column) -> Series:
    """The points that have this value."""
    return [Value(iso(point.ts), value) for point in points if (value := column(point, name)) is not None]


def full(points: Iterable[PairPoint]) -> list[PairPoint]:
    """The points that have all four values."""
    names: tuple[Column, ...] = ("hedge_ratio", "spread", "zscore", "correlation")
    return [point for point in points if all(column(point, name) is not None for name in names)]


def adf(analysis: Analysis) -> Adf:
    """The test's outcome, or that of no test."""
    stat, pvalue = analysis.adf_stat, analysis.adf_pvalue
    return Adf(stat, pvalue) if stat is not None and pvalue is not None and isfinite(stat + pvalue) else Adf()


def nowcast(point: PairPoint) -> Nowcast:
    """A pair's state, as the page shows it."""
    beta, spread, zscore, corr = (column(point, name) for name in ("hedge_ratio", "spread", "zscore", "correlation"))
    return Nowcast(point.pair, point.every, iso(point.ts), beta, spread, zscore, corr, point.coverage, point.reason, point.metrics)
