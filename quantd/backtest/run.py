"""Lays the bars of two legs and their points side by side and trades them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from quantd.backtest.model import Backtest, DataQuality, Settings, Side, Trade
from quantd.model import Bar, PairPoint
from quantd.stats import FloatArray
from quantd.stats.backtest import Market, Outcome, simulate
from quantd.stats.performance import summarise
from quantd.stats.positions import Deal, Trip
from quantd.timeframes import DAY, Timeframe, timeframe

_SIDES: dict[int, Side] = {1: "long", -1: "short"}
_LEAST_PRICE, _GREATEST_PRICE = 1e-12, 1e12
_YEAR_DAYS = 365


class _Row(Struct, frozen=True, gc=False):
    """A bar of both legs and what was known at its close."""

    y: Bar
    x: Bar
    point: PairPoint | None

    @property
    def zscore(self) -> float | None:
        return self.point.zscore if self.point else None

    @property
    def spread(self) -> float | None:
        return self.point.spread if self.point else None

    @property
    def mean(self) -> float | None:
        return self.point.spread_mean if self.point else None

    @property
    def std(self) -> float | None:
        return self.point.spread_std if self.point else None

    @property
    def beta(self) -> float | None:
        return self.point.hedge.beta if self.point else None

    @property
    def alpha(self) -> float | None:
        return self.point.hedge.alpha if self.point else None

    @property
    def gap(self) -> bool:
        return "gap" in (self.y.quality, self.x.quality)

    @property
    def usable(self) -> bool:
        return all(_LEAST_PRICE <= price <= _GREATEST_PRICE for bar in (self.y, self.x) for price in (bar.open, bar.close))


def backtest(
    y_bars: Iterable[Bar],
    x_bars: Iterable[Bar],
    points: Sequence[PairPoint],
    settings: Settings,
    start: int | None = None,
    end: int | None = None,
) -> Backtest:
    """Trade the points of start <= ts < end, which are the pair's over these bars, oldest first."""
    frame = timeframe(settings.every)
    found = _rows(y_bars, x_bars, points, start, end)
    rows = [row for row in found if row.usable]
    follows = [number > 0 and frame.end(rows[number - 1].y.ts) == row.y.ts for number, row in enumerate(rows)]
    run = simulate(_market(rows, follows, settings), settings.rules)
    ts = [row.y.ts for row in rows]
    return Backtest(
        settings=settings,
        summary=summarise(run, settings.rules, bars_per_year(frame)),
        quality=_quality(rows, follows, len(found) - len(rows), frame, run),
        trades=[_trade(trip, ts, frame) for trip in run.trips],
        ts=ts,
        equity=run.equity,
        zscore=_column(row.zscore for row in rows),
        zscore_held=run.zscore_held,
        spread=_column(row.spread for row in rows),
        middle=_column(row.mean for row in rows),
        deviation=_column(row.std for row in rows),
    )


def bars_per_year(frame: Timeframe) -> float:
    """Round the clock, all days of a year of 365.

    >>> bars_per_year(timeframe("1h")), bars_per_year(timeframe("14h"))
    (8760.0, 730.0)
    """
    return frame.index(DAY) * float(_YEAR_DAYS)


def _rows(y_bars: Iterable[Bar], x_bars: Iterable[Bar], points: Sequence[PairPoint], start: int | None, end: int | None) -> list[_Row]:
    """What both legs have, from the first z-score in the range on."""
    y, x = ({bar.ts: bar for bar in bars} for bars in (y_bars, x_bars))
    known = {point.ts: point for point in points}
    begin = next((point.ts for point in points if point.zscore is not None and (start is None or point.ts >= start)), math.inf)
    both = sorted(ts for ts in y.keys() & x.keys() if begin <= ts and (end is None or ts < end))
    return [_Row(y[ts], x[ts], known.get(ts)) for ts in both]


def _market(rows: Sequence[_Row], follows: Sequence[bool], settings: Settings) -> Market:
    sound = np.array([not row.gap for row in rows], dtype=bool)
    residual = settings.spread == "residual"
    return Market(
        y_open=_column(row.y.open for row in rows),
        x_open=_column(row.x.open for row in rows),
        y_close=_column(row.y.close for row in rows),
        x_close=_column(row.x.close for row in rows),
        zscore=_column(row.zscore for row in rows),
        beta=_column(row.beta for row in rows),
        alpha=_column(row.alpha if residual else 0.0 for row in rows),
        std=_column(row.std for row in rows),
        signals=sound,
        fills=sound & np.array(follows, dtype=bool),
        elastic=settings.prices == "log",
    )


def _column(values: Iterable[float | None]) -> FloatArray:
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def _quality(rows: Sequence[_Row], follows: Sequence[bool], unusable: int, frame: Timeframe, run: Outcome) -> DataQuality:
    silent = Counter("no hedge" if row.point is None else row.point.reason or "none" for row in rows if row.zscore is None)
    return DataQuality(
        start=rows[0].y.ts if rows else None,
        end=frame.end(rows[-1].y.ts) if rows else None,
        gap=sum(row.gap for row in rows),
        partial=sum("partial" in (row.y.quality, row.x.quality) and not row.gap for row in rows),
        holes=len(rows[1:]) - sum(follows),
        unusable=unusable,
        without_zscore=dict(sorted(silent.items())),
        lapsed=run.lapsed,
    )


def _trade(trip: Trip, ts: Sequence[int], frame: Timeframe) -> Trade:
    deal = {name: getattr(trip, name) for name in Deal.__struct_fields__}
    exited = frame.end(ts[trip.closed]) if trip.reason == "end" else ts[trip.closed]
    return Trade(side=_SIDES[trip.side], entered=ts[trip.opened], exited=exited, **deal)
