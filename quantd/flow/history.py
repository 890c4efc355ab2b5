"""The one door to the past: recent bars and points from memory, older ones from the store."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from quantd.model import DEFINITION, Bar, BookBar, PairPoint, Tick, Ticker
from quantd.plugin.base import Store

RECENT = 3_600
TICKS = 10_000
Row = TypeVar("Row", Bar, PairPoint)


def current(points: Iterable[PairPoint]) -> list[PairPoint]:
    """The points of the definition by which points are made now: no others are answered."""
    return [point for point in points if point.definition == DEFINITION]


def _rank(row: Bar | PairPoint) -> tuple[int, int]:
    """The rank of a row: of two rows of one time the one that ranks higher counts, as in a store."""
    return (row.definition, row.revision) if isinstance(row, PairPoint) else (0, row.revision)


class Shelf(Generic[Row]):
    """The recent rows of one series by time, each at its last revision, and the way to the older ones."""

    def __init__(self, older: Callable[[int, int], list[Row]]) -> None:
        self._recent: dict[int, Row] = {}
        self._older: Callable[[int, int], list[Row]] = older

    def put(self, row: Row) -> None:
        self._recent[row.ts] = row
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def amend(self, row: Row) -> None:
        """A later revision of a row that may be too old to be here."""
        if row.ts in self._recent:
            self._recent[row.ts] = row

    def get(self, ts: int) -> Row | None:
        return self._recent.get(ts)

    def recent(self) -> list[Row]:
        return [self._recent[ts] for ts in sorted(self._recent)]

    def read(self, start: int, end: int) -> list[Row]:
        """Rows of start <= ts < end, ascending. Any thread may call."""
        recent = self._recent.copy()
        found = {row.ts: row for row in self._older(start, end)}
        for ts, row in recent.items():
            if start <= ts < end and (ts not in found or _rank(found[ts]) <= _rank(row)):
                found[ts] = row
        return [found[ts] for ts in sorted(found)]


class History:
    """Bars by (symbol, every) and points by (pair, every). Both may be read from any thread."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._bars: dict[tuple[str, str], Shelf[Bar]] = {}
        self._points: dict[tuple[str, str], Shelf[PairPoint]] = {}
        self._books: dict[tuple[str, str], deque[BookBar]] = {}
        self._ticks: dict[str, deque[Tick]] = {}
        self._tickers: dict[str, Ticker] = {}

    def put_ticks(self, symbol: str, ticks: Sequence[Tick]) -> None:
        if symbol not in self._ticks:
            self._ticks[symbol] = deque(maxlen=TICKS)
        ring = self._ticks[symbol]
        if ring and ticks and ticks[0].id <= ring[-1].id:  # repaired ones: the ring has the newest
            last = ring[-1].id
            ticks = [tick for tick in ticks if tick.id > last]
        ring.extend(ticks)

    def put_ticker(self, ticker: Ticker) -> None:
        self._tickers[ticker.symbol] = ticker

    def ticks(self, symbol: str) -> Sequence[Tick]:
        """The last ticks of a symbol in the order of receipt, up to 10,000."""
        return self._ticks.get(symbol, ())

    def tick_counts(self) -> dict[str, int]:
        """How many of them there are, by symbol."""
        return {symbol: len(ticks) for symbol, ticks in self._ticks.items() if ticks}

    def clear_ticks(self, symbol: str | None) -> None:
        """Forget the ticks of a symbol, or of all."""
        for name in [symbol] if symbol else list(self._ticks):
            self._ticks.pop(name, None)

    def ticker(self, symbol: str) -> Ticker | None:
        """The newest 24 h ticker."""
        return self._tickers.get(symbol)

    def put_bars(self, bars: Iterable[Bar]) -> None:
        for bar in bars:
            self._bar_shelf(bar.symbol, bar.every).put(bar)

    def put_points(self, points: Iterable[PairPoint]) -> None:
        for point in points:
            self._point_shelf(point.pair, point.every).put(point)

    def amend(self, rows: Iterable[Bar] | Iterable[PairPoint]) -> None:
        """Later revisions of rows, which become known here only where they are recent: older ones are read from the store."""
        for row in rows:
            if isinstance(row, Bar):
                self._bar_shelf(row.symbol, row.every).amend(row)
            else:
                self._point_shelf(row.pair, row.every).amend(row)

    def recent_bar(self, symbol: str, every: str, ts: int) -> Bar | None:
        """One bar, if it is in memory."""
        return self._bar_shelf(symbol, every).get(ts)

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """Bars of start <= ts < end, ascending."""
        return self._bar_shelf(symbol, every).read(start, end)

    def recorded_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        """The recorded trades of start <= ts < end by id. Reads the store; any thread may call."""
        if self._store is None:
            return []
        columns = self._store.ticks(symbol, start, end)
        names = ("id", "ts", "recv", "price", "qty", "buyer_maker")
        return [Tick(symbol, *row) for row in zip(*(columns[name].tolist() for name in names), strict=True)]

    def recent_bars(self, symbol: str, every: str) -> list[Bar]:
        """The bars in memory, ascending."""
        return self._bar_shelf(symbol, every).recent()

    def forget(self, symbol: str) -> None:
        """Let go of what is in memory of a symbol."""
        self._ticks.pop(symbol, None)
        self._tickers.pop(symbol, None)
        for key in [key for key in list(self._bars) if key[0] == symbol]:
            del self._bars[key]
        for key in [key for key in self._books if key[0] == symbol]:
            del self._books[key]

    def put_books(self, bars: Iterable[BookBar]) -> None:
        for bar in bars:
            self._books.setdefault((bar.symbol, bar.every), deque(maxlen=RECENT)).append(bar)

    def books(self, symbol: str, every: str) -> list[BookBar]:
        """The recent book bars, ascending; older ones are not kept."""
        return list(self._books.get((symbol, every), ()))

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Points of start <= ts < end, ascending, all of the current definition."""
        return current(self.known_points(pair, every, start, end))

    def known_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """The points as `points` gives them, and those that an older definition has left where there is none of the current one."""
        return self._point_shelf(pair, every).read(start, end)

    def outdated_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """The recorded points of start <= ts < end, ascending, that an older definition has left. Reads the store; any thread may call."""
        return [point for point in self._recorded_points(pair, every, start, end) if point.definition < DEFINITION]

    def _recorded_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """None of a definition that is yet to come: those are of no use here."""
        points = self._store.points(pair, every, start, end) if self._store else []
        return [point for point in points if point.definition <= DEFINITION]

    def _bar_shelf(self, symbol: str, every: str) -> Shelf[Bar]:
        key = (symbol, every)
        shelf = self._bars.get(key)
        if shelf is None:
            store = self._store
            shelf = self._bars.setdefault(key, Shelf(lambda start, end: store.bars(*key, start, end) if store else []))
        return shelf

    def _point_shelf(self, pair: str, every: str) -> Shelf[PairPoint]:
        key = (pair, every)
        shelf = self._points.get(key)
        if shelf is None:
            shelf = self._points.setdefault(key, Shelf(lambda start, end: self._recorded_points(*key, start, end)))
        return shelf
