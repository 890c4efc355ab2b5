"""Reads the rows of one series by the page, ascending: recorded ones and those that are not recorded yet.

A page says whether there are more rows. Whoever asks again from behind its last row gets each row once, also while rows are added: bars
and points are added at the end of their series, trades with greater ids. What is mended or repaired before that is not told again.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quantd.columns.bars import BarColumns
from quantd.columns.point_series import PointSeries
from quantd.columns.ticks import TickRun
from quantd.history.history import History
from quantd.history.recent import Kind
from quantd.history.recorded import missing
from quantd.history.store_reader import Span
from quantd.plugin.base import RowKind
from quantd.timeframes import HOUR, MINUTE, timeframe
from quantd.times import FOR_EVER

MOST_ROWS = 10_000
"""Largest number of rows of a page."""
_FEWEST = 512
"""Number of bars that are read at once where a page has fewer, since a gap is passed the sooner."""
_BLOCK = 1_000
"""Number of trades that are read at once where a page has fewer."""
Rows = TypeVar("Rows", BarColumns, PointSeries, TickRun)


class Page(Struct, Generic[Rows], frozen=True):
    """Some rows of a series, ascending, and whether the range has more behind them."""

    rows: Rows
    more: bool


class Want(Struct, frozen=True):
    """What a page should hold: the first `count` rows of since <= ts < until (ms)."""

    count: int
    since: int = 0
    until: int = FOR_EVER


class Pages:
    """Reads pages of a history. Any thread may call. Each method raises NotRecorded for a series that does not exist."""

    def __init__(self, history: History) -> None:
        self._history = history

    def bars(self, symbol: str, every: str, want: Want) -> Page[BarColumns]:
        """Return the first bars of a range."""
        span = self._span("bars", symbol, every)
        pieces = _pieces(span, every, want, lambda start, end: self._history.bar_columns(symbol, every, start, end))
        return _page(BarColumns.joined(symbol, every, pieces), want.count)

    def points(self, pair: str, every: str, want: Want) -> Page[PointSeries]:
        """Return the first points of a range, all of the current definition."""
        span = self._span("points", pair, every)
        pieces = _pieces(span, every, want, lambda start, end: self._history.point_columns(pair, every, start, end))
        return _page(PointSeries.joined(pair, every, pieces), want.count)

    def ticks(self, symbol: str, want: Want, from_id: int = 0) -> Page[TickRun]:
        """Return the first trades of a range, by id, with ids from `from_id` on."""
        trades = Trades(self._history, symbol)
        span = self._joined("ticks", symbol, "", trades.held.rows["ts"])
        first_id = trades.first_id(want.since, span[1] + 1) if want.since > span[0] else 0
        if first_id is None:
            return Page(TickRun(symbol, b""), more=False)
        return _page(trades.after(max(first_id, from_id), want), want.count)

    def _span(self, kind: Kind, name: str, every: str) -> Span:
        """Return the times (ms) of the first and the last row of a series. Rows in memory are left out while some before them have given
        way there and are not recorded yet."""
        lost, history = self._history.lost(kind, name, every), self._history
        held = (history.recent_bars if kind == "bars" else history.recent_points)(name, every).ts
        recorded = history.recorded_span(kind, name, every)
        is_behind = history.has_store and lost > (recorded[1] if recorded else -1)
        return self._joined(kind, name, every, held[:0] if is_behind else held)

    def _joined(self, kind: RowKind, name: str, every: str, held: NDArray[np.int64]) -> Span:
        """Return the times (ms) of the first and the last row of a series, recorded or held at these times; (0, -1) if none is to be told
        yet. Raises NotRecorded if it does not exist."""
        recorded, recent = self._history.recorded_span(kind, name, every), self._history.recent_series(kind)
        spans = [recorded] if recorded else []
        spans += [(int(held.min()), int(held.max()))] if len(held) else []
        if not spans and (name, every) not in recent:
            raise missing(list(dict.fromkeys((*self._history.recorded_spans(kind), *recent))), kind, name, every)
        return min((first for first, _ in spans), default=0), max((last for _, last in spans), default=-1)


class Trades:
    """The trades of one symbol in memory, and those that are recorded by now.

    Every trade is put into memory before it is recorded, and recorded in that order. So trades that have given way in memory are in the
    store if the last of them is. If it is not yet, the trades in memory are not told, since some before them would be missing.
    """

    def __init__(self, history: History, symbol: str) -> None:
        self._history = history
        self._symbol = symbol
        self.held, gone = history.held_ticks(symbol)
        if gone and history.has_store and ((newest := history.newest_trade(symbol)) is None or newest[0] < gone):
            self.held = TickRun(symbol, b"")

    def first_id(self, since: int, end: int) -> int | None:
        """Return the smallest id of a trade of since <= ts < end (ms); None if there is none."""
        start, width = since, MINUTE
        while start < end:
            if len(found := self._between(start, start + width)):
                begin = int(found.rows["ts"].min())
                return int(self._between(begin, begin + MINUTE).rows["id"].min())
            start, width = start + width, min(2 * width, HOUR)
        return None

    def after(self, first_id: int, want: Want) -> TickRun:
        """Return the first trades of a range, by id, from an id on: one more than wanted, if there are more."""
        size = max(want.count + 1, _BLOCK)
        pieces, count = [b""], 0
        while count <= want.count:
            block = self._from(first_id, size)
            times = block.rows["ts"]
            inside = block.rows[(times >= want.since) & (times < want.until)]
            pieces.append(inside.tobytes())
            count += len(inside)
            if len(block) < size or times.min() >= want.until:
                break
            first_id = block[-1].id + 1
        return TickRun(self._symbol, b"".join(pieces))

    def _from(self, first_id: int, count: int) -> TickRun:
        recorded, held = self._history.trades_from(self._symbol, first_id, count), self.held.rows
        return _by_id(recorded, held[held["id"] >= first_id].tobytes(), count)

    def _between(self, start: int, end: int) -> TickRun:
        recorded, held = self._history.trades_between(self._symbol, start, end), self.held.rows
        return _by_id(recorded, held[(held["ts"] >= start) & (held["ts"] < end)].tobytes())


def _by_id(recorded: TickRun, held: bytes, count: int | None = None) -> TickRun:
    """Return trades of the store and of memory by id, each once, and no more than `count`."""
    both = TickRun(recorded.symbol, recorded.packed + held)
    places = np.unique(both.rows["id"], return_index=True)[1]
    return TickRun(recorded.symbol, both.rows[places[:count]].tobytes())


def _pieces(span: Span, every: str, want: Want, read: Callable[[int, int], Rows]) -> Sequence[Rows]:
    """Read pieces of a series until they have one row more than wanted, or the range ends. A piece holds a page or an hour."""
    step = _step(every)
    width, widest = (max(want.count + 1, _FEWEST) * step, MOST_ROWS * step) if step else (HOUR, HOUR)
    start, end = max(span[0], want.since), min(span[1] + 1, want.until)
    pieces: list[Rows] = []
    count = 0
    while start < end and count <= want.count:
        piece = read(start, min(start + width, end))
        pieces += [piece] if len(piece) else []
        count += len(piece)
        start, width = start + width, width if len(piece) else min(2 * width, max(width, widest))
    return pieces


def _step(every: str) -> int | None:
    """Return the length (ms) of bars; None for bars that end with an event."""
    try:
        return timeframe(every).step
    except ValueError:
        return None


def _page(rows: Rows, count: int) -> Page[Rows]:
    return Page(rows[:count], len(rows) > count)
