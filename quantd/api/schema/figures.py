"""The answers of the analytics routes. Points with a number that is not finite are omitted."""

from collections.abc import Mapping, Sequence
from math import isfinite

from msgspec import Struct

from quantd.api.schema import columns
from quantd.api.schema.columns import Numbers
from quantd.api.schema.contract import COLUMNS, Column, column, finite
from quantd.api.schema.kinds import Time
from quantd.model import Metric, PairPoint
from quantd.services.analytics import Analysis, PairStatus
from quantd.times import iso


class Value(Struct, frozen=True, gc=False):
    """One value of a series."""

    ts: Time
    value: float


class MaybeValue(Struct, frozen=True, gc=False):
    """One value of a series that may lack some. The contract's four series lack none."""

    ts: Time
    value: float | None


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
    hedge_ratio: list[Value]
    spread: list[Value]
    zscore: list[Value]
    rolling_corr: list[Value]
    spread_mean: list[MaybeValue]
    spread_std: list[MaybeValue]
    rolling_corr_returns: list[MaybeValue]
    adf: Adf
    cointegration: Cointegration


class HedgeRatio(Struct, frozen=True):
    """The hedge ratio of a pair."""

    hedge_ratio: list[Value]


class Spread(Struct, frozen=True):
    """The spread of a pair."""

    spread: list[Value]


class ZScores(Struct, frozen=True):
    """The z-score of a pair."""

    zscore: list[Value]


class Correlation(Struct, frozen=True):
    """The correlation of a pair's prices."""

    correlation: list[Value]


class Nowcast(Struct, frozen=True):
    """The state of a pair at the last prices. `reason` says why a value is missing, and `bars` how many of the `needed` bars there are."""

    pair: str
    every: str
    ts: Time | None
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


def series(points: Sequence[PairPoint], name: Column) -> list[Value]:
    """Return the points that have this value."""
    values = _column(points, name)
    if not _is_whole(values):
        points = [point for point in points if column(point, name) is not None]
        values = _column(points, name)
    return columns.rows(Value, columns.heads(point.ts for point in points), value=values)


def pair(text: str, analysis: Analysis) -> PairAnalytics:
    """Return the complete points, for which all four values of the contract are finite, and the tests."""
    points: Sequence[PairPoint] = analysis.points
    values = {name: _column(points, name) for name in COLUMNS}
    if not all(map(_is_whole, values.values())):
        points = [point for point in points if all(column(point, name) is not None for name in COLUMNS)]
        values = {name: _column(points, name) for name in COLUMNS}
    heads = columns.heads(point.ts for point in points)
    return PairAnalytics(
        pair=text,
        hedge_ratio=columns.rows(Value, heads, value=values["hedge_ratio"]),
        spread=columns.rows(Value, heads, value=values["spread"]),
        zscore=columns.rows(Value, heads, value=values["zscore"]),
        rolling_corr=columns.rows(Value, heads, value=values["correlation"]),
        spread_mean=columns.rows(MaybeValue, heads, value=[point.spread_mean for point in points]),
        spread_std=columns.rows(MaybeValue, heads, value=[point.spread_std for point in points]),
        rolling_corr_returns=columns.rows(MaybeValue, heads, value=[point.corr_returns for point in points]),
        adf=adf(analysis),
        cointegration=cointegration(analysis),
    )


def _column(points: Sequence[PairPoint], name: Column) -> Numbers:
    """Return the values of a column of the contract, as `contract.column` defines them. Not all of them need be finite."""
    match name:
        case "hedge_ratio":
            return [point.hedge.beta for point in points]
        case "spread":
            return [point.spread for point in points]
        case "correlation":
            return [point.corr for point in points]
        case "zscore":
            return [0.0 if point.zscore is None and point.reason == "flat" else point.zscore for point in points]


def _is_whole(values: Numbers) -> bool:
    """Return whether all values are there and finite. Of values too large to be summed it may say that they are not."""
    return None not in values and isfinite(sum(values))  # type: ignore[arg-type]


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
