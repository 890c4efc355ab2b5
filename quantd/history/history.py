"""The rows of the past: recent bars and points in memory, older ones in the store."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Literal

from quantd.columns.ticks import TickRun
from quantd.history.recent import RECENT, VERSIONS, RecentRows, Row
from quantd.history.recent_ticks import TICKS, RecentTicks
from quantd.history.recorded import current
from quantd.history.store_reader import StoreReader
from quantd.model import Bar, BookBar, PairPoint, Tick, Ticker
from quantd.plugin.base import Store
from quantd.stats.bars import fills, longest_source, merge
from quantd.timeframes import Timeframe, timeframe
from quantd.times import FOR_EVER


def _by_series(rows: Iterable[Row]) -> Iterable[tuple[tuple[str, str], list[Row]]]:
    """Group rows by symbol or pair, and timeframe."""
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.symbol if isinstance(row, Bar) else row.pair, row.every].append(row)
    return found.items()


class History(StoreReader):
    """Bars by (symbol, every) and points by (pair, every): recent ones in memory, older ones in the store. Any thread may read."""

    def __init__(self, store: Store | None) -> None:
        super().__init__(store)
        self._bars: dict[tuple[str, str], RecentRows[Bar]] = {}
        self._points: dict[tuple[str, str], RecentRows[PairPoint]] = {}
        self._books: dict[tuple[str, str], deque[BookBar]] = {}
        self._ticks = RecentTicks()
        self._tickers: dict[str, Ticker] = {}
        self._unheld = next(VERSIONS)
        """Version of the series that are not in memory."""
        self._of_store = self._unheld
        """Version of what all series read from the store."""

    def put_ticks(self, symbol: str, ticks: Sequence[Tick]) -> None:
        self._ticks.put(symbol, ticks)

    def put_ticker(self, ticker: Ticker) -> None:
        self._tickers[ticker.symbol] = ticker

    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = TICKS) -> TickRun:
        """Return the last `limit` ticks in memory of start <= ts < end (ms), in the order of receipt."""
        return self._ticks.read(symbol, start, end, limit)

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
        for bar in bars:
            self._bars_in_memory(bar.symbol, bar.every).put(bar)

    def put_points(self, points: Iterable[PairPoint]) -> None:
        for point in points:
            self._points_in_memory(point.pair, point.every).put(point)

    def amend(self, rows: Iterable[Bar] | Iterable[PairPoint]) -> None:
        """Add later revisions of rows, and rows that came late. Only recent rows are put into memory: older ones are read from the
        store."""
        for key, bars in _by_series(row for row in rows if isinstance(row, Bar)):
            self._bars_in_memory(*key).amend(bars)
        for key, points in _by_series(row for row in rows if isinstance(row, PairPoint)):
            self._points_in_memory(*key).amend(points)

    def restore_bars(self, bars: Iterable[Bar]) -> None:
        """Put recorded bars into memory."""
        for key, rows in _by_series(bars):
            self._bars_in_memory(*key).restore(rows)

    def restore_points(self, points: Iterable[PairPoint]) -> None:
        """Put recorded points into memory."""
        for key, rows in _by_series(points):
            self._points_in_memory(*key).restore(rows)

    def version(self, kind: Literal["bars", "points"], name: str, every: str) -> int:
        """Return the version of a series, which grows with each new, amended, restored or forgotten row. No two states of a series have the
        same version while the process lives."""
        rows = self._bars.get((name, every)) if kind == "bars" else self._points.get((name, every))
        return max(self._of_store, self._unheld if rows is None else rows.version)

    def recorded(self, bars: Iterable[Bar], points: Iterable[PairPoint]) -> None:
        """Note that the store has taken these rows. Only those that are not in memory change what is read."""
        self._note_recorded(self._bars, ((bar.symbol, bar.every, bar.ts) for bar in bars))
        self._note_recorded(self._points, ((point.pair, point.every, point.ts) for point in points))

    def _note_recorded(self, series: Mapping[tuple[str, str], RecentRows[Row]], rows: Iterable[tuple[str, str, int]]) -> None:
        for name, every, ts in rows:
            held = series.get((name, every))
            if held is None:
                self._unheld = next(VERSIONS)
            elif held.get(ts) is None:
                held.version = next(VERSIONS)

    def store_changed(self) -> None:
        """Note that the store has dropped rows, or lost some. Any thread may call."""
        self._of_store = next(VERSIONS)

    def recent_point(self, pair: str, every: str, ts: int) -> PairPoint | None:
        """Return the point of a time, of any definition; None if it is not in memory."""
        return self._recent_points(pair, every).get(ts)

    def recent_bar(self, symbol: str, every: str, ts: int) -> Bar | None:
        """Return the bar of a time; None if it is not in memory."""
        return self._recent_bars(symbol, every).get(ts)

    def bars(self, symbol: str, every: str, start: int, end: int, count: int | None = None) -> list[Bar]:
        """Return the bars of start <= ts < end, ascending; with `count`, only the newest `count` bars. Any thread may call."""
        return self._recent_bars(symbol, every).read(start, end, count)

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

    def recent_bars(self, symbol: str, every: str) -> list[Bar]:
        """Return the bars in memory, ascending."""
        return self._recent_bars(symbol, every).recent()

    def forget(self, name: str) -> None:
        """Drop the rows of a symbol or pair from memory."""
        self._ticks.clear(name)
        self._tickers.pop(name, None)
        self._unheld = next(VERSIONS)
        for series in (self._bars, self._points, self._books):
            for key in [key for key in list(series) if key[0] == name]:
                del series[key]

    def put_books(self, bars: Iterable[BookBar]) -> None:
        for bar in bars:
            self._books.setdefault((bar.symbol, bar.every), deque(maxlen=RECENT)).append(bar)

    def books(self, symbol: str, every: str) -> list[BookBar]:
        """Return the recent book bars, ascending. Older ones are not stored."""
        return list(self._books.get((symbol, every), ()))

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the points of start <= ts < end, ascending, all of the current definition."""
        return current(self.known_points(pair, every, start, end))

    def known_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the points that `points` returns, and, where none is of the current definition, those of an older one."""
        return self._recent_points(pair, every).read(start, end)

    # --- reading creates no series: a query for unknown names leaves nothing behind ----------------------------------------------------

    def _recent_bars(self, symbol: str, every: str) -> RecentRows[Bar]:
        return self._bars.get((symbol, every)) or self._fresh_bars(symbol, every)

    def _recent_points(self, pair: str, every: str) -> RecentRows[PairPoint]:
        return self._points.get((pair, every)) or self._fresh_points(pair, every)

    def _bars_in_memory(self, symbol: str, every: str) -> RecentRows[Bar]:
        rows = self._bars.get((symbol, every))
        return self._bars.setdefault((symbol, every), self._fresh_bars(symbol, every)) if rows is None else rows

    def _points_in_memory(self, pair: str, every: str) -> RecentRows[PairPoint]:
        rows = self._points.get((pair, every))
        return self._points.setdefault((pair, every), self._fresh_points(pair, every)) if rows is None else rows

    def _fresh_bars(self, symbol: str, every: str) -> RecentRows[Bar]:
        return RecentRows(partial(self.recorded_bars, symbol, every))

    def _fresh_points(self, pair: str, every: str) -> RecentRows[PairPoint]:
        return RecentRows(lambda start, end, _: self.recorded_points(pair, every, start, end))
