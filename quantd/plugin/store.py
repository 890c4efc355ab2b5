"""The base class of stores."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from quantd.model import Bar, Loss, PairPoint, Tick
from quantd.plugin.plugin import Columns, Plugin, RowKind


class Store(Plugin):
    """Stores ticks, bars and points. One thread at a time appends, prunes, removes or compacts; any thread may read at the same time.

    `remove`, `compact`, `size` and `tick_counts` serve the routes below `/database`, and are optional: without one of them, the routes
    that need it answer 501.
    """

    @abstractmethod
    def open(self, directory: Path) -> None:
        """Open the history below `directory`, and create it if it does not exist."""

    def open_to_read(self, directory: Path) -> None:
        """Open the history for reading only, while a daemon may be writing. Raises QuantdError if there is no history. By default the same
        as `open`."""
        self.open(directory)

    @abstractmethod
    def append(self, ticks: Sequence[Tick], bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        """Store rows durably, all or nothing. A tick with a known id is ignored. A later revision replaces a bar or point. A point of a
        later `definition` replaces one of an earlier definition, whatever their revisions."""

    @abstractmethod
    def ticks(self, symbol: str, start: int, end: int) -> Columns:
        """Return the ticks of start <= ts < end by id, with the columns id, ts, recv (int64), price, qty (float64), buyer_maker (bool)."""

    @abstractmethod
    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """Return the bars of start <= ts < end, ascending, each at its last revision."""

    def last_bars(self, symbol: str, every: str, start: int, end: int, count: int) -> list[Bar]:
        """Return the newest `count` of these bars, ascending. Override it if they can be found without reading the others: by default all
        are read."""
        return self.bars(symbol, every, start, end)[-count:]

    @abstractmethod
    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the points of start <= ts < end, ascending, each at its last revision, of all definitions: the caller selects among
        them."""

    @abstractmethod
    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        """Return the greatest stored trade id of a symbol and that trade's ts; None without one. Must be quick, however many ticks there
        are."""

    def first_tick(self, symbol: str) -> int | None:
        """Return the ts of the first stored tick of a symbol; None without one. By default it is taken from `series`."""
        span = self.series("ticks").get((symbol, ""))
        return span[0] if span else None

    def ticks_from(self, symbol: str, first_id: int, count: int) -> Columns:
        """Return the `count` ticks with the smallest ids from `first_id` on, by id, with the columns of `ticks`. Override it if they can be
        found without reading the others: by default all are read."""
        start, last = self.span("ticks", symbol, "") or (0, -1)
        columns = self.ticks(symbol, start, last + 1)
        begin = int(columns["id"].searchsorted(first_id))
        return {name: column[begin : begin + count] for name, column in columns.items()}

    def span(self, kind: RowKind, name: str, every: str) -> tuple[int, int] | None:
        """Return the ts of the first and last row of a series; None if it has none. By default they are taken from `series`."""
        return self.series(kind).get((name, every))

    @abstractmethod
    def series(self, kind: RowKind) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Return the series of a kind: (symbol or pair, every, which is "" for ticks) -> ts of the first and last row. Must be quick,
        however many rows there are."""

    @abstractmethod
    def prune(self, now: int) -> Mapping[str, int]:
        """Delete what is older than the store's settings allow. Return the number of deleted rows by kind."""

    def remove(self, kind: RowKind, before: int, most: int) -> int:
        """Delete about `most` of the rows of a kind with ts < `before` (ms), the oldest first. Return their number; 0 once none is left.
        Ticks that are stored together may stay until the last of them is old enough."""
        raise NotImplementedError

    def compact(self) -> None:
        """Give the space of deleted rows back to the system. Rows wait meanwhile. A kill must not harm the store."""
        raise NotImplementedError

    def size(self) -> int:
        """Return the space that the store takes, in bytes. Any thread may call."""
        raise NotImplementedError

    def tick_counts(self) -> Mapping[str, int]:
        """Return the number of stored ticks by symbol, for symbols that have any. A tick that was stored twice may count twice. Must be
        quick, however many there are. Any thread may call."""
        raise NotImplementedError

    def losses(self) -> Sequence[Loss]:
        """Return the damage found since the store was opened, one entry per file, as it is now; for the log, `/health` and `/quality`. Must
        be quick: called four times a second. A store that finds damage continues with the intact rest; `quantd.salvage` helps if that is a
        file."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Close the store. Called once after the last append."""
