"""The one door to the past: recent bars and points from memory, older ones from the store."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar, get_args

from quantd.model import DEFINITION, Bar, BookBar, PairPoint, Tick, Ticker
from quantd.plugin.base import Kind, Store

Span = tuple[int, int]
KINDS: tuple[Kind, ...] = get_args(Kind)
RECENT = 3_600
TICKS = 10_000
Row = TypeVar("Row", Bar, PairPoint)


def current(points: Iterable[PairPoint]) -> list[PairPoint]:
    """The points of the definition by which points are made now: no others are answered."""
    return [point for point in points if point.definition == DEFINITION]


def _rank(row: Bar | PairPoint) -> tuple[int, int]:
    """The rank of a row: of two rows of one time the one that ranks higher counts, as in a store."""
    return (row.definition, row.revision) if isinstance(row, PairPoint) else (0, row.revision)


def _by_series(rows: Iterable[Row]) -> Iterable[tuple[tuple[str, str], list[Row]]]:
    """The rows of each symbol or pair, and timeframe."""
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.symbol if isinstance(row, Bar) else row.pair, row.every].append(row)
    return found.items()


class Shelf(Generic[Row]):
    """The recent rows of one series by time, each at its last revision, and the way to the older ones."""

    def __init__(self, older: Callable[[int, int, int | None], list[Row]]) -> None:
        self._recent: dict[int, Row] = {}
        self._most = RECENT
        self._newest = -1
        self._in_order = True
        """Whether they stand by time; if not they will once that matters."""
        self._older: Callable[[int, int, int | None], list[Row]] = older

    def put(self, row: Row) -> None:
        if row.ts < self._newest and row.ts not in self._recent:
            if len(self._recent) >= self._most and row.ts < (self._oldest() or 0):
                return
            self._in_order = False
        self._newest = max(self._newest, row.ts)
        self._recent[row.ts] = row
        self._evict()

    def _oldest(self) -> int | None:
        if not self._in_order:
            self._recent = dict(sorted(self._recent.items()))
            self._in_order = True
        return next(iter(self._recent), None)

    def _evict(self) -> None:
        while len(self._recent) > self._most and (oldest := self._oldest()) is not None:
            del self._recent[oldest]

    def restore(self, rows: Iterable[Row]) -> None:
        """Put in rows of an earlier run, however many, beside those that are there already."""
        earlier: dict[int, Row] = {row.ts: row for row in rows if row.ts not in self._recent}
        if earlier:
            self._recent |= earlier
            self._newest = max(self._newest, *earlier)
            self._in_order = False
            self._most = max(self._most, len(self._recent) + RECENT // 2)

    def amend(self, rows: Iterable[Row]) -> None:
        """Later revisions of rows, or rows that came late; not those that are too old to be here."""
        oldest = self._oldest()
        for row in rows:
            if oldest is not None and row.ts >= oldest:
                self.put(row)

    def get(self, ts: int) -> Row | None:
        return self._recent.get(ts)

    def recent(self) -> list[Row]:
        return [self._recent[ts] for ts in sorted(self._recent)]

    def read(self, start: int, end: int, count: int | None = None) -> list[Row]:
        """Rows of start <= ts < end, ascending; with `count`, of these the newest so many. Any thread may call."""
        recent = self._recent.copy()
        found = {row.ts: row for row in self._older(start, end, count)}
        for ts, row in recent.items():
            if start <= ts < end and (ts not in found or _rank(found[ts]) <= _rank(row)):
                found[ts] = row
        return [found[ts] for ts in sorted(found)[-count if count else 0 :]]


class History:
    """Bars by (symbol, every) and points by (pair, every). Both may be read from any thread."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._bars: dict[tuple[str, str], Shelf[Bar]] = {}
        self._points: dict[tuple[str, str], Shelf[PairPoint]] = {}
        self._books: dict[tuple[str, str], deque[BookBar]] = {}
        self._ticks: dict[str, deque[Tick]] = {}
        self._tickers: dict[str, Ticker] = {}
        self._spans: dict[Kind, Mapping[tuple[str, str], Span]] = {}

    def look_up(self) -> None:
        """Learn what is recorded, for `span` to tell. Reads the store; any thread may call."""
        if self._store:
            self._spans = {kind: self._store.kept(kind) for kind in KINDS}

    def span(self, kind: Kind, name: str, every: str) -> Span | None:
        """Times of the first and the last row of a series that were recorded at the last `look_up`; None where there was none."""
        return self._spans.get(kind, {}).get((name, every))

    def recorded_span(self, kind: Kind, name: str, every: str) -> Span | None:
        """Times of the first and the last row of a series that are recorded by now. Reads the store; any thread may call."""
        return self._store.kept(kind).get((name, every)) if self._store else None

    def trades_since(self, symbol: str) -> int | None:
        """The time of the first recorded trade; None where there is none. Reads the store; any thread may call."""
        return self._store.first_tick(symbol) if self._store else None

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
        """Later revisions of rows, and rows that came late. They become known here where they are recent: older ones are read from the
        store."""
        for key, bars in _by_series(row for row in rows if isinstance(row, Bar)):
            self._bar_shelf(*key).amend(bars)
        for key, points in _by_series(row for row in rows if isinstance(row, PairPoint)):
            self._point_shelf(*key).amend(points)

    def restore_bars(self, bars: Iterable[Bar]) -> None:
        """Recorded bars into memory."""
        for key, rows in _by_series(bars):
            self._bar_shelf(*key).restore(rows)

    def restore_points(self, points: Iterable[PairPoint]) -> None:
        """The same of points."""
        for key, rows in _by_series(points):
            self._point_shelf(*key).restore(rows)

    def recent_point(self, pair: str, every: str, ts: int) -> PairPoint | None:
        """One point, of whatever definition, if it is in memory."""
        return self._point_shelf(pair, every).get(ts)

    def recent_bar(self, symbol: str, every: str, ts: int) -> Bar | None:
        """One bar, if it is in memory."""
        return self._bar_shelf(symbol, every).get(ts)

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """Bars of start <= ts < end, ascending."""
        return self._bar_shelf(symbol, every).read(start, end)

    def recorded_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """The recorded bars of start <= ts < end, ascending. Reads the store; any thread may call."""
        return self._store.bars(symbol, every, start, end) if self._store else []

    def last_bars(self, symbol: str, every: str, start: int, end: int, count: int) -> list[Bar]:
        """The newest `count` bars of start <= ts < end, ascending."""
        return self._bar_shelf(symbol, every).read(start, end, count)

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
        return [point for point in self.recorded_points(pair, every, start, end) if point.definition < DEFINITION]

    def recorded_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """The recorded points of start <= ts < end, ascending, but for those of a definition that is yet to come: they are of no use
        here. Reads the store; any thread may call."""
        points = self._store.points(pair, every, start, end) if self._store else []
        return [point for point in points if point.definition <= DEFINITION]

    def _bar_shelf(self, symbol: str, every: str) -> Shelf[Bar]:
        key = (symbol, every)
        shelf = self._bars.get(key)
        if shelf is None:
            shelf = self._bars.setdefault(key, Shelf(partial(self._recorded_bars, *key)))
        return shelf

    def _recorded_bars(self, symbol: str, every: str, start: int, end: int, count: int | None) -> list[Bar]:
        if self._store is None:
            return []
        wanted = symbol, every, start, end
        return self._store.bars(*wanted) if count is None else self._store.last_bars(*wanted, count)

    def _point_shelf(self, pair: str, every: str) -> Shelf[PairPoint]:
        key = (pair, every)
        shelf = self._points.get(key)
        if shelf is None:
            shelf = self._points.setdefault(key, Shelf(lambda start, end, _: self.recorded_points(*key, start, end)))
        return shelf
