"""The rows of the past: recent bars and points in memory, older ones in the store."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from quantd.columns.bars import BarColumns
from quantd.columns.point_series import PointSeries
from quantd.columns.points import PointColumns
from quantd.columns.ticks import TickRun
from quantd.history.recent import RECENT, VERSIONS, Kind
from quantd.history.recent_bars import RecentBars
from quantd.history.recent_points import RecentPoints
from quantd.history.recent_ticks import TICKS, RecentTicks
from quantd.history.recorded import current
from quantd.history.store_reader import StoreReader
from quantd.model import Bar, BookBar, PairPoint, Tick, Ticker
from quantd.plugin.base import RowKind, Store
from quantd.stats.bars import fills, longest_source, merge
from quantd.timeframes import Timeframe, timeframe
from quantd.times import FOR_EVER


class History(StoreReader):
    """Bars by (symbol, every) and points by (pair, every): recent ones in memory, older ones in the store. Any thread may read."""

    def __init__(self, store: Store | None, recent: int = RECENT) -> None:
        """`recent` is the number of rows of a series that stay in memory."""
        super().__init__(store)
        self.changes = 0
        """Grows with each change of what is in memory, trades included."""
        self._bars = RecentBars(self, recent)
        self._points = RecentPoints(self, recent)
        self._books: dict[tuple[str, str], deque[BookBar]] = {}
        self._ticks = RecentTicks()
        self._tickers: dict[str, Ticker] = {}
        self._of_store = 0
        """Version of what all series read from the store."""

    def put_ticks(self, symbol: str, ticks: Sequence[Tick]) -> None:
        self.changes += 1
        self._ticks.put(symbol, ticks)

    def put_ticker(self, ticker: Ticker) -> None:
        self._tickers[ticker.symbol] = ticker

    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = TICKS) -> TickRun:
        """Return the last `limit` ticks in memory of start <= ts < end (ms), in the order of receipt."""
        return self._ticks.read(symbol, start, end, limit)

    def held_ticks(self, symbol: str) -> tuple[TickRun, int]:
        """Return the trades in memory, and an id: trades up to it may have been in memory and have given way to newer ones."""
        return self._ticks.held(symbol)

    def last_tick(self, symbol: str) -> Tick | None:
        """Return the last tick of a symbol in memory."""
        return self._ticks.last(symbol)

    def tick_counts(self) -> dict[str, int]:
        """Return the number of ticks in memory, by symbol."""
        return self._ticks.counts()

    def clear_ticks(self, symbol: str | None) -> None:
        """Delete the ticks of a symbol, or of all symbols, from memory."""
        self._ticks.clear(symbol)

    def ticker(self, symbol: str) -> Ticker | None:
        """Return the newest 24 h ticker of a symbol."""
        return self._tickers.get(symbol)

    def put_bars(self, bars: Iterable[Bar]) -> None:
        """Put new bars into memory. Those that are to be recorded must come here first."""
        self.changes += 1
        self._bars.put(bars)

    def put_points(self, points: PointColumns | Iterable[PairPoint]) -> None:
        """Put new points into memory. Those that are to be recorded must come here first."""
        self.changes += 1
        if isinstance(points, PointColumns):
            self._points.put_batch(points)
        else:
            self._points.put(points)

    def amend(self, rows: Iterable[Bar] | Iterable[PairPoint]) -> None:
        """Add later revisions of rows, and rows that came late. Only recent rows are put into memory: older ones are read from the
        store."""
        self.changes += 1
        told = list(rows)
        self._bars.amend(row for row in told if isinstance(row, Bar))
        self._points.amend(row for row in told if isinstance(row, PairPoint))

    def restore_bars(self, bars: Iterable[Bar], since: int | None = None) -> None:
        """Put recorded bars into memory. If they are all that is recorded from a time (ms) on, `since` is that time."""
        self.changes += 1
        self._bars.restore(bars, since)

    def restore_points(self, points: PointSeries | Iterable[PairPoint], since: int | None = None) -> None:
        """Put recorded points into memory. If they are all that is recorded from a time (ms) on, `since` is that time."""
        self.changes += 1
        self._points.restore(points, since)

    def version(self, kind: Kind, name: str, every: str) -> int:
        """Return the version of a series, which grows with each new, amended, restored or forgotten row. No two states of a series have the
        same version while the process lives."""
        return max(self._of_store, self._bars.version(name, every) if kind == "bars" else self._points.version(name, every))

    def recorded(self, bars: Iterable[Bar], points: Iterable[Sequence[PairPoint]]) -> None:
        """Note that the store has taken these bars, and these batches of points. Only those that are not in memory change what is read."""
        self._bars.recorded(bars)
        for batch in points:
            if not (isinstance(batch, PointColumns) and self._points.has(batch).all()):
                self._points.recorded(batch)

    def store_changed(self) -> None:
        """Note that the store has dropped rows, or lost some. Any thread may call."""
        self._of_store = next(VERSIONS)

    def recent_point(self, pair: str, every: str, ts: int) -> PairPoint | None:
        """Return the point of a time, of any definition; None if it is not in memory. Only the newest points have their states."""
        return self._points.get(pair, every, ts)

    def known_points_at(self, batch: PointColumns) -> NDArray[np.bool_]:
        """Return, for each pair of a batch, whether a point of its bar is in memory, of any definition."""
        return self._points.has(batch)

    def newest_points(self, every: str, pairs: Sequence[str]) -> NDArray[np.int64]:
        """Return the time (ms) of the newest point in memory of each pair; -1 without any."""
        return self._points.newest(every, pairs)

    def recent_bar(self, symbol: str, every: str, ts: int) -> Bar | None:
        """Return the bar of a time; None if it is not in memory."""
        return self._bars.get(symbol, every, ts)

    def bars(self, symbol: str, every: str, start: int, end: int, count: int | None = None) -> list[Bar]:
        """Return the bars of start <= ts < end, ascending; with `count`, only the newest `count` bars. Any thread may call."""
        return list(self._bars.read(symbol, every, start, end, count))

    def bar_columns(self, symbol: str, every: str, start: int, end: int, count: int | None = None) -> BarColumns:
        """Return the bars that `bars` returns, as columns. Any thread may call."""
        return self._bars.read(symbol, every, start, end, count)

    def merged_bars(self, symbol: str, every: str, recorded: Sequence[str], start: int, end: int, count: int | None = None) -> list[Bar]:
        """Return the bars of a timeframe. If it is none of the `recorded` ones, they are merged from the longest recorded timeframe that
        fits, and end with the last bucket whose parts have all closed; without such a timeframe there are none. Any thread may call."""
        frame = timeframe(every)
        source = frame if every in recorded else longest_source(frame, recorded)
        if source is None or source == frame:
            return self.bars(symbol, every, start, end, count) if source else []
        until = min(frame.end(frame.floor(end - 1)), self.open_from(symbol, source, frame))
        most = count and (count + 1) * -(-frame.step // source.step)  # one bar more, since the first may lack parts
        parts = self.bars(symbol, source.name, start, until, most)
        buckets = [(ts, list(group)) for ts, group in groupby(parts, lambda bar: frame.floor(bar.ts)) if ts >= start]
        return [merge(group, every, ts, whole=fills(group, ts, source, frame)) for ts, group in buckets[-count if count else 0 :]]

    def open_from(self, symbol: str, source: Timeframe, frame: Timeframe) -> int:
        """Return the open time (ms) of the first bucket of `frame` that is not closed, given the closed bars of `source`."""
        for last in self.bars(symbol, source.name, 0, FOR_EVER, 1):
            return frame.floor(source.end(last.ts))
        return 0

    def recent_bars(self, symbol: str, every: str) -> BarColumns:
        """Return the bars in memory, ascending."""
        return self._bars.held(symbol, every)

    def recent_points(self, pair: str, every: str, start: int = 0) -> PointSeries:
        """Return the points in memory from a time (ms) on, of any definition, ascending."""
        return self._points.held(pair, every, start)

    def recent_series(self, kind: RowKind) -> list[tuple[str, str]]:
        """Return the series of a kind of which rows are in memory: symbol or pair, and timeframe, which is "" for ticks."""
        if kind == "ticks":
            return [(symbol, "") for symbol in self._ticks.counts()]
        return self._bars.series() if kind == "bars" else self._points.series()

    def lost(self, kind: Kind, name: str, every: str) -> int:
        """Return the time (ms) of the newest row of a series that is not in memory and may not be recorded yet; -1 if there is none."""
        return (self._bars if kind == "bars" else self._points).lost(name, every)

    def forget(self, name: str) -> None:
        """Drop the rows of a symbol or pair from memory."""
        self.changes += 1
        self._ticks.clear(name)
        self._tickers.pop(name, None)
        self._bars.forget(name)
        self._points.forget(name)
        for key in [key for key in self._books if key[0] == name]:
            del self._books[key]

    def put_books(self, bars: Iterable[BookBar]) -> None:
        for bar in bars:
            self._books.setdefault((bar.symbol, bar.every), deque(maxlen=RECENT)).append(bar)

    def books(self, symbol: str, every: str) -> list[BookBar]:
        """Return the recent book bars, ascending. Older ones are not stored."""
        return list(self._books.get((symbol, every), ()))

    def last_funding(self, symbol: str, every: str) -> float | None:
        """Return the newest funding rate that the book bars in memory hold."""
        return next((bar.funding_rate for bar in reversed(self._books.get((symbol, every), ())) if bar.funding_rate is not None), None)

    def points(self, pair: str, every: str, start: int, end: int, *, states: bool = False) -> list[PairPoint]:
        """Return the points of start <= ts < end, ascending, all of the current definition. Points in memory have no states, but the newest
        ones: with `states`, the store is read for those of all points. Any thread may call."""
        return current(self.known_points(pair, every, start, end, states=states))

    def point_columns(self, pair: str, every: str, start: int, end: int) -> PointSeries:
        """Return the points that `points` returns, as columns. Any thread may call."""
        return self._points.read(pair, every, start, end).current()

    def known_points(self, pair: str, every: str, start: int, end: int, *, states: bool = False) -> list[PairPoint]:
        """Return the points that `points` returns, and, where none is of the current definition, those of an older one."""
        if states:
            return self._points.read_with_states(pair, every, start, end)
        return list(self._points.read(pair, every, start, end))
