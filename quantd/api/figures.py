"""The answers of the analytics routes. Points with a number that is not finite are omitted."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from quantd.api.contract import COLUMNS, Column, column, finite
from quantd.model import Metric, PairPoint
from quantd.services.analytics import Analysis, PairStatus, is_whole
from quantd.times import iso


class Value(Struct, frozen=True, gc=False):
    """One value of a series. It may be null only in series other than the contract's four."""

    ts: str
    value: float | None


Series = list[Value]


class Adf(Struct, frozen=True):
    """The ADF test of the spread over `n` closes; statistic 0, p-value 1 and the reason if there is none."""

    stat: float
    pvalue: float
    n: int
    reason: str | None


class AdfVerdict(Struct, frozen=True):
    """The ADF test of the spread, with its verdict in words."""

    stat: float
    pvalue: float
    is_stationary: bool
    interpretation: str
    n: int
    reason: str | None


class Direction(Struct, frozen=True):
    """The Engle-Granger test of one leg on the other; `reason` says why there is no statistic."""

    stat: float | None
    pvalue: float | None
    lags: int | None
    reason: str | None


class Cointegration(Direction, frozen=True, kw_only=True):
    """The test of y on x over `n` bars, and of x on y. `power` is low if n is too small for a meaningful result."""

    n: int
    power: str | None
    reverse: Direction


def cointegration(analysis: Analysis) -> Cointegration:
    """Return both directions of the test."""
    way, back = analysis.cointegration, analysis.reverse
    reverse = Direction(back.stat, back.pvalue, back.lags, back.reason)
    return Cointegration(way.stat, way.pvalue, way.lags, way.reason, n=way.n, power=way.power, reverse=reverse)


class PairAnalytics(Struct, frozen=True):
    """Series over the same bars."""

    pair: str
    hedge_ratio: Series
    spread: Series
    zscore: Series
    rolling_corr: Series
    spread_mean: Series
    spread_std: Series
    rolling_corr_returns: Series
    adf: Adf
    cointegration: Cointegration


class Nowcast(Struct, frozen=True):
    """The state of a pair at the last prices. `reason` says why a value is missing, and `bars` how many of the `needed` bars there are."""

    pair: str
    every: str
    ts: str | None
    beta: float | None
    spread: float | None
    zscore: float | None
    corr: float | None
    spread_mean: float | None
    spread_std: float | None
    corr_returns: float | None
    coverage: float | None
    reason: str | None
    metrics: Mapping[str, Metric]
    bars: int
    needed: int


def series(points: Iterable[PairPoint], name: Column) -> Series:
    """Return the points that have this value."""
    return [Value(iso(point.ts), value) for point in points if (value := column(point, name)) is not None]


def pair(text: str, analysis: Analysis) -> PairAnalytics:
    """Return the complete points, for which all four values of the contract are finite, and the tests."""
    points = [point for point in filter(is_whole, analysis.points) if all(column(point, name) is not None for name in COLUMNS)]
    return PairAnalytics(
        pair=text,
        hedge_ratio=series(points, "hedge_ratio"),
        spread=series(points, "spread"),
        zscore=series(points, "zscore"),
        rolling_corr=series(points, "correlation"),
        spread_mean=[Value(iso(point.ts), finite(point.spread_mean)) for point in points],
        spread_std=[Value(iso(point.ts), finite(point.spread_std)) for point in points],
        rolling_corr_returns=[Value(iso(point.ts), finite(point.corr_returns)) for point in points],
        adf=adf(analysis),
        cointegration=cointegration(analysis),
    )


def adf(analysis: Analysis) -> Adf:
    """Return the result of the test; statistic 0 and p-value 1 if there was none."""
    test = analysis.adf
    stat, pvalue = finite(test.stat), finite(test.pvalue)
    return Adf(0.0, 1.0, test.n, test.reason) if stat is None or pvalue is None else Adf(stat, pvalue, test.n, None)


def nowcast(status: PairStatus) -> Nowcast:
    """Return the state of a pair as the page shows it."""
    point = status.point
    return Nowcast(
        pair=status.pair,
        every=status.every,
        ts=None if status.ts is None else iso(status.ts),
        beta=finite(point.hedge.beta) if point else None,
        spread=finite(point.spread) if point else None,
        zscore=finite(point.zscore) if point else None,
        corr=finite(point.corr) if point else None,
        spread_mean=finite(point.spread_mean) if point else None,
        spread_std=finite(point.spread_std) if point else None,
        corr_returns=finite(point.corr_returns) if point else None,
        coverage=point.coverage if point else None,
        reason=status.reason,
        metrics=point.metrics if point else {},
        bars=status.bars,
        needed=status.needed,
    )
