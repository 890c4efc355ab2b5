"""Reads recorded rows from a store, without those in memory."""

from collections.abc import Mapping
from typing import get_args

import numpy as np

from quantd.columns.point_series import PointSeries
from quantd.columns.ticks import COLUMNS, TICK, TickRun
from quantd.errors import QuantdError
from quantd.history.recorded import RecordedSeries
from quantd.model import DEFINITION, Bar, PairPoint, Tick
from quantd.plugin.base import Columns, RowKind, Store
from quantd.times import FOR_EVER

Span = tuple[int, int]
"""The times of the first and the last row of a series (ms)."""
KINDS: tuple[RowKind, ...] = get_args(RowKind)


class StoreReader:
    """Reads a store; without one, every answer is empty. Each method reads from disk and may be called from any thread."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._spans: dict[RowKind, Mapping[tuple[str, str], Span]] = {}

    def look_up(self) -> None:
        """Read which series are recorded, and of which time. `span` returns that."""
        if self._store:
            self._spans = {kind: self._store.series(kind) for kind in KINDS}

    def span(self, kind: RowKind, name: str, every: str) -> Span | None:
        """Return the times (ms) of the first and the last recorded row of a series at the last `look_up`; None if there was none."""
        return self._spans.get(kind, {}).get((name, every))

    def recorded_span(self, kind: RowKind, name: str, every: str) -> Span | None:
        """Return the times (ms) of the first and the last row of a series recorded by now; None if there is none."""
        return self._store.span(kind, name, every) if self._store else None

    def is_sound(self) -> bool:
        """Return whether the store has found no damage. Otherwise rows may turn up in it later, when they are taken over from a broken
        file."""
        try:
            return self._store is None or not self._store.losses()
        except Exception:  # a store may raise anything
            return False

    def unread_from(self, kind: RowKind, name: str, every: str) -> int:
        """Return a time (ms) from which on earlier runs have recorded no row of a series, as the last `look_up` shows; FOR_EVER if that is
        not known."""
        if self._store is None:
            return 0
        if kind not in self._spans or not self.is_sound():
            return FOR_EVER
        span = self.span(kind, name, every)
        return span[1] + 1 if span else 0

    def series(self, kind: RowKind, name: str, every: str, start: int | None, end: int | None) -> RecordedSeries:
        """Return one recorded series, which is read an hour at a time. Raises QuantdError if it is not recorded."""
        if self._store is None:
            raise QuantdError("there is no store, so nothing is recorded")
        return RecordedSeries(self._store, kind, name, every, start, end)

    def trades_since(self, symbol: str) -> int | None:
        """Return the time (ms) of the first recorded trade; None if there is none."""
        return self._store.first_tick(symbol) if self._store else None

    def newest_trade(self, symbol: str) -> tuple[int, int] | None:
        """Return the greatest recorded trade id and that trade's time (ms); None if there is none."""
        return self._store.newest_tick(symbol) if self._store else None

    def recorded_spans(self, kind: RowKind) -> Mapping[tuple[str, str], Span]:
        """Return the series of a kind that are recorded by now, each with the times (ms) of its first and its last row."""
        return self._store.series(kind) if self._store else {}

    def trade_counts(self) -> Mapping[str, int]:
        """Return the number of recorded trades by symbol. Raises NotImplementedError if the store does not count them."""
        return self._store.tick_counts() if self._store else {}

    def size(self) -> int:
        """Return the space that the store takes, bytes. Raises NotImplementedError if the store does not know."""
        return self._store.size() if self._store else 0

    def trade_columns(self, symbol: str, start: int, end: int) -> Columns:
        """Return the recorded trades of start <= ts < end by id, as columns. Raises QuantdError without a store."""
        if self._store is None:
            raise QuantdError("there is no store, so nothing is recorded")
        return self._store.ticks(symbol, start, end)

    def trades_from(self, symbol: str, first_id: int, count: int) -> TickRun:
        """Return the `count` recorded trades with the smallest ids from `first_id` on, by id."""
        return _run(symbol, self._store.ticks_from(symbol, first_id, count)) if self._store else TickRun(symbol, b"")

    def trades_between(self, symbol: str, start: int, end: int) -> TickRun:
        """Return the recorded trades of start <= ts < end by id."""
        return _run(symbol, self._store.ticks(symbol, start, end)) if self._store else TickRun(symbol, b"")

    @property
    def has_store(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    def recorded_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        """Return the recorded trades of start <= ts < end by id."""
        if self._store is None:
            return []
        columns = self._store.ticks(symbol, start, end)
        return [Tick(symbol, *row) for row in zip(*(columns[name].tolist() for name in COLUMNS), strict=True)]

    def recorded_bars(self, symbol: str, every: str, start: int, end: int, count: int | None = None) -> list[Bar]:
        """Return the recorded bars of start <= ts < end, ascending; with `count`, only the newest `count` bars."""
        if self._store is None:
            return []
        wanted = symbol, every, start, end
        return self._store.bars(*wanted) if count is None else self._store.last_bars(*wanted, count)

    def recorded_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the recorded points of start <= ts < end, ascending, without those of a newer definition that a later version of quantd
        made."""
        points = self._store.points(pair, every, start, end) if self._store else []
        return [point for point in points if point.definition <= DEFINITION]

    def recorded_point_columns(self, pair: str, every: str, start: int, end: int) -> PointSeries:
        """Return the points that `recorded_points` returns, as columns."""
        return PointSeries.of(pair, every, self.recorded_points(pair, every, start, end))

    def outdated_points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the recorded points of start <= ts < end, ascending, of older definitions."""
        return [point for point in self.recorded_points(pair, every, start, end) if point.definition < DEFINITION]


def _run(symbol: str, columns: Columns) -> TickRun:
    rows = np.empty(len(columns["id"]), TICK)
    for name in COLUMNS:
        rows[name] = columns[name]
    return TickRun(symbol, rows.tobytes())
