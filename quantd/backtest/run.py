"""Aligns the bars of two legs with their points, and trades them."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from msgspec import Struct

from quantd.backtest.model import Backtest, DataQuality, Halves, Settings, Side, Trade
from quantd.model import Bar, PairPoint
from quantd.stats import FloatArray
from quantd.stats.backtest import Market, Outcome, simulate
from quantd.stats.funding import Funding, Rates, due
from quantd.stats.performance import Span, Summary, summarise
from quantd.stats.positions import Deal, Trip
from quantd.timeframes import Timeframe, timeframe

_SIDES: dict[int, Side] = {1: "long", -1: "short"}
_LEAST_PRICE, _GREATEST_PRICE = 1e-12, 1e12


class _Row(Struct, frozen=True, gc=False):
    """The bars of both legs at one time, and what was known at their close."""

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
    def traded(self) -> bool:
        """Whether both legs traded. A bar without trades repeats the previous close, at which nothing could be bought or sold."""
        return not any(bar.volume == 0 and bar.low == bar.high for bar in (self.y, self.x))

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
    funding: Mapping[str, Rates] = MappingProxyType({}),
) -> Backtest:
    """Trade the points with start <= ts < end. The points are those of the pair over these bars, oldest first; `funding` holds the rates by
    symbol."""
    frame = timeframe(settings.every)
    found = _rows(y_bars, x_bars, points, start, end)
    rows = [row for row in found if row.usable]
    test = _Test(frame, settings, funding)
    run, summary = test.of(rows)
    ts = [row.y.ts for row in rows]
    return Backtest(
        settings=settings,
        summary=summary,
        quality=_quality(rows, len(found) - len(rows), frame, run),
        trades=[_trade(trip, ts, frame) for trip in run.trips],
        ts=ts,
        equity=run.equity,
        zscore=_column(row.zscore for row in rows),
        zscore_held=run.zscore_held,
        spread=_column(row.spread for row in rows),
        middle=_column(row.mean for row in rows),
        deviation=_column(row.std for row in rows),
        halves=test.halves(rows),
    )


class _Test(Struct, frozen=True):
    """The parameters by which rows are traded."""

    frame: Timeframe
    settings: Settings
    funding: Mapping[str, Rates]

    def of(self, rows: Sequence[_Row]) -> tuple[Outcome, Summary]:
        """Return the outcome of trading these rows alone."""
        market = self._market(rows)
        run = simulate(market, self.settings.rules)
        closed = np.array([self.frame.end(row.y.ts) for row in rows], dtype=np.int64)
        unfunded = " and ".join(leg for leg in self._legs() if leg not in self.funding)
        return run, summarise(run, self.settings.rules, Span(rows[0].y.ts if rows else 0, closed), unfunded)

    def halves(self, rows: Sequence[_Row]) -> Halves | None:
        """Return the summaries of both parts, each traded separately. The first part sees nothing of the second; the windows of the second
        part reach back into the first, as they would live."""
        if self.settings.split is None or not rows:
            return None
        start, end = rows[0].y.ts, self.frame.end(rows[-1].y.ts)
        at = self.frame.floor(start + round(self.settings.split * (end - start)))
        parts = [row for row in rows if row.y.ts < at], [row for row in rows if row.y.ts >= at]
        return Halves(at, *(self.of(part)[1] for part in parts))

    def _market(self, rows: Sequence[_Row]) -> Market:
        index = np.array([self.frame.index(row.y.ts) for row in rows], dtype=np.int64)
        sound = np.array([not row.gap for row in rows], dtype=bool)
        residual = self.settings.spread == "residual"
        y_close, x_close = _column(row.y.close for row in rows), _column(row.x.close for row in rows)
        return Market(
            y_open=_column(row.y.open for row in rows),
            x_open=_column(row.x.open for row in rows),
            y_close=y_close,
            x_close=x_close,
            zscore=_column(row.zscore for row in rows),
            beta=_column(row.beta for row in rows),
            alpha=_column(row.alpha if residual else 0.0 for row in rows),
            std=_column(row.std for row in rows),
            signals=sound,
            fills=sound & (np.diff(index, prepend=index[:1]) == 1),
            index=index,
            elastic=self.settings.prices == "log",
            funding=self._due(rows, y_close, x_close),
            traded=np.array([row.traded for row in rows], dtype=bool),
        )

    def _due(self, rows: Sequence[_Row], y_close: FloatArray, x_close: FloatArray) -> Funding | None:
        y, x = (self.funding.get(leg) for leg in self._legs())
        opened = np.array([row.y.ts for row in rows], dtype=np.int64)
        return due((y, x), opened, (y_close, x_close)) if y and x else None

    def _legs(self) -> tuple[str, str]:
        y, _, x = self.settings.pair.partition("-")
        return y, x


def _rows(y_bars: Iterable[Bar], x_bars: Iterable[Bar], points: Sequence[PairPoint], start: int | None, end: int | None) -> list[_Row]:
    """Return the rows for the bars that both legs have, starting with the first z-score in the range."""
    y, x = ({bar.ts: bar for bar in bars} for bars in (y_bars, x_bars))
    known = {point.ts: point for point in points}
    begin = next((point.ts for point in points if point.zscore is not None and (start is None or point.ts >= start)), math.inf)
    both = sorted(ts for ts in y.keys() & x.keys() if begin <= ts and (end is None or ts < end))
    return [_Row(y[ts], x[ts], known.get(ts)) for ts in both]


def _column(values: Iterable[float | None]) -> FloatArray:
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def _quality(rows: Sequence[_Row], unusable: int, frame: Timeframe, run: Outcome) -> DataQuality:
    silent = Counter("no hedge" if row.point is None else row.point.reason or "none" for row in rows if row.zscore is None)
    return DataQuality(
        start=rows[0].y.ts if rows else None,
        end=frame.end(rows[-1].y.ts) if rows else None,
        gap=sum(row.gap for row in rows),
        partial=sum("partial" in (row.y.quality, row.x.quality) and not row.gap for row in rows),
        holes=sum(frame.end(before.y.ts) != row.y.ts for before, row in pairwise(rows)),
        missing=run.spanned - len(rows),
        unusable=unusable,
        without_zscore=dict(sorted(silent.items())),
        lapsed=run.lapsed,
    )


def _trade(trip: Trip, ts: Sequence[int], frame: Timeframe) -> Trade:
    deal = {name: getattr(trip, name) for name in Deal.__struct_fields__}
    exited = frame.end(ts[trip.closed]) if trip.reason == "end" else ts[trip.closed]
    return Trade(side=_SIDES[trip.side], entered=ts[trip.opened], exited=exited, **deal)
