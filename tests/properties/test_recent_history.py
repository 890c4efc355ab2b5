"""Memory and store together answer what a store alone would that holds every row, whatever happened to the rows in between."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.columns.points import PointColumns
from quantd.history.history import History
from quantd.history.whole import rank
from quantd.model import DEFINITION, Bar, PairPoint
from quantd.plugin.base import Columns, RowKind, Store
from quantd.testing import fakes
from quantd.times import FOR_EVER

Row = TypeVar("Row", Bar, PairPoint)
LENGTH = 160
RECENT = 40
"""Few rows stay in memory, so that most give way."""
STATES = 8
"""Number of states that stay in memory."""
STEP = 60_000
BARS = fakes.bars(LENGTH)
POINTS = [replace(point, state=b"%d" % at if at % 3 else None) for at, point in enumerate(fakes.points(LENGTH))]
PAIR, SYMBOL, EVERY = POINTS[0].pair, BARS[0].symbol, "1m"


class Shelf(Store):
    """A store in memory that counts how often it is read."""

    def __post_init__(self) -> None:
        self.bars_by_time: dict[int, Bar] = {}
        self.points_by_time: dict[int, PairPoint] = {}
        self.reads = 0

    def open(self, directory: object) -> None:
        """Nothing is opened."""

    def append(self, ticks: Sequence[Any], bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        _put(self.bars_by_time, bars)
        _put(self.points_by_time, points)

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        self.reads += 1
        return _between(self.bars_by_time, start, end)

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        self.reads += 1
        return _between(self.points_by_time, start, end)

    def series(self, kind: RowKind) -> Mapping[tuple[str, str], tuple[int, int]]:
        times, name = (list(self.bars_by_time), SYMBOL) if kind == "bars" else (list(self.points_by_time), PAIR)
        return {(name, EVERY): (min(times), max(times))} if times and kind != "ticks" else {}

    def ticks(self, symbol: str, start: int, end: int) -> Columns:
        return {}

    def newest_tick(self, symbol: str) -> None:
        return None

    def prune(self, now: int) -> Mapping[str, int]:
        return {}

    def close(self) -> None:
        """Nothing is closed."""


def _put(known: dict[int, Row], rows: Iterable[Row]) -> None:
    for row in rows:
        if row.ts not in known or rank(known[row.ts]) <= rank(row):
            known[row.ts] = row


def _between(rows: Mapping[int, Row], start: int, end: int) -> list[Row]:
    return [rows[ts] for ts in sorted(rows) if start <= ts < end]


class Told:
    """A history, and beside it all rows that it has to answer with. New rows wait before they are recorded; others are recorded at once, as
    are the rows that wait when a series is forgotten."""

    def __init__(self, earlier: Sequence[int]) -> None:
        self.shelf = Shelf()
        self.shelf.append([], [BARS[at] for at in earlier], [_aged(POINTS[at], at) for at in earlier])
        self.history = History(self.shelf, RECENT)
        self.bars, self.points = self.shelf.bars_by_time.copy(), self.shelf.points_by_time.copy()
        self.waiting: list[int] = []
        self.top = max(earlier, default=-1)
        self.answers: dict[tuple[str, int], object] = {}
        self.version = 0

    def look_up(self, at: int, many: int) -> None:
        """Read which series are recorded."""
        self.history.look_up()

    def add(self, at: int, many: int) -> None:
        """Add rows that are newer than all."""
        fresh = range(self.top + 1 + at % 3, min(self.top + 1 + at % 3 + many, LENGTH))
        self.waiting += fresh
        self.top = max(self.top, *fresh, -1)
        self._told([BARS[at] for at in fresh], [POINTS[at] for at in fresh], self._put)
        if len(self.waiting) > RECENT // 2:
            self.record(0, 0)

    def add_columns(self, at: int, many: int) -> None:
        """Add one row that is newer than all, the point as a batch."""
        if self.top + 1 < LENGTH:
            self.top += 1
            self.waiting.append(self.top)
            self._told([BARS[self.top]], [replace(POINTS[self.top], metrics={})], self._put_columns)

    def put_again(self, at: int, many: int) -> None:
        """Put old rows, known or not, at their next revision."""
        self._revised(at, many, self._put)

    def amend(self, at: int, many: int) -> None:
        """Amend old rows, known or not."""
        self._revised(at, many, self._amend)

    def record(self, at: int, many: int) -> None:
        """Record the rows that wait."""
        bars = [self.bars[ts] for ts in self._times() if ts in self.bars]
        points = [self.points[ts] for ts in self._times() if ts in self.points]
        self.shelf.append([], bars, points)
        self.history.recorded(bars, [points])
        self.waiting = []

    def upgrade(self, at: int, many: int) -> None:
        """Record points of a new definition that memory is not told of."""
        self.record(0, 0)
        old = [point for point in _between(self.points, 0, FOR_EVER) if point.definition < DEFINITION][:many]
        again = [replace(point, definition=DEFINITION, zscore=0.5, reason=None) for point in old]
        _put(self.points, again)
        self.shelf.append([], [], again)
        self.history.recorded([], [again])

    def restore(self, at: int, many: int) -> None:
        """Restore all rows from a time on."""
        since = BARS[at].ts
        self.history.restore_bars(self.history.recorded_bars(SYMBOL, EVERY, since, FOR_EVER), since)
        self.history.restore_points(self.history.recorded_points(PAIR, EVERY, since, FOR_EVER), since)

    def restore_some(self, at: int, many: int) -> None:
        """Restore some rows."""
        span = BARS[at].ts, BARS[at].ts + many * STEP
        self.history.restore_bars(self.history.recorded_bars(SYMBOL, EVERY, *span))
        self.history.restore_points(self.history.recorded_points(PAIR, EVERY, *span))

    def forget(self, at: int, many: int) -> None:
        """Forget the series."""
        self.record(0, 0)
        self.history.forget(SYMBOL)
        self.history.forget(PAIR)

    def start_again(self, at: int, many: int) -> None:
        """Open the history in a new run."""
        self.record(0, 0)
        self.history = History(self.shelf, RECENT)

    def check(self, start: int, end: int, count: int) -> None:
        """Compare what is read with all rows."""
        for begin, until in ((start, end), (0, FOR_EVER)):
            bars = self.history.bars(SYMBOL, EVERY, begin, until)
            assert bars == _between(self.bars, begin, until)
            assert self.history.bars(SYMBOL, EVERY, begin, until, count) == bars[-count:]
            assert list(self.history.bar_columns(SYMBOL, EVERY, begin, until, count)) == bars[-count:]
            points = self.history.known_points(PAIR, EVERY, begin, until, states=True)
            assert points == [
                replace(told, state=None) if point.state is None and self._may_lack_state(told) else told
                for point, told in zip(points, _between(self.points, begin, until), strict=True)
            ]
            shown = [replace(point, state=None) for point in points if point.definition == DEFINITION]
            assert [replace(point, state=None) for point in self.history.points(PAIR, EVERY, begin, until)] == shown
            columns = self.history.point_columns(PAIR, EVERY, begin, until)
            assert [replace(point, state=None) for point in columns] == shown
            assert columns.column("spread").tolist() == [point.spread for point in shown]
        self._check_version("bars", bars)
        self._check_version("points", shown)

    def _check_version(self, kind: Any, rows: object) -> None:
        version = self.history.version(kind, SYMBOL if kind == "bars" else PAIR, EVERY)
        assert self.answers.setdefault((kind, version), rows) == rows, "one version, one answer"

    def _may_lack_state(self, point: PairPoint) -> bool:
        """Return whether a point waits to be recorded and is none of the newest."""
        return point.ts in self._times()[:-STATES]

    def _times(self) -> list[int]:
        return [BARS[at].ts for at in self.waiting]

    def _revised(self, at: int, many: int, change: Callable[[Sequence[Bar], Sequence[PairPoint]], None]) -> None:
        times = [BARS[at].ts for at in range(at, min(at + many, self.top + 1))]
        bars = [replace(bar, revision=bar.revision + 1, close=bar.close + 1) for bar in (self.bars.get(ts) for ts in times) if bar]
        points = [
            replace(point, revision=point.revision + 1, state=b"again", reason="flat" if point.zscore is None else None)
            for point in (self.points.get(ts) for ts in times)
            if point
        ]
        unknown = [at for at in range(at, min(at + many, self.top + 1)) if BARS[at].ts not in self.bars]
        self._told([*bars, *(BARS[at] for at in unknown)], [*points, *(POINTS[at] for at in unknown)], change)
        self.waiting = list(dict.fromkeys((*self.waiting, *range(at, min(at + many, self.top + 1)))))
        self.record(0, 0)

    def _told(self, bars: Sequence[Bar], points: Sequence[PairPoint], change: Callable[[Sequence[Bar], Sequence[PairPoint]], None]) -> None:
        _put(self.bars, bars)
        _put(self.points, points)
        change(bars, points)

    def _put(self, bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        self.history.put_bars(bars)
        self.history.put_points(points)

    def _put_columns(self, bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        self.history.put_bars(bars)
        self.history.put_points(PointColumns.of(points))

    def _amend(self, bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        self.history.amend(bars)
        self.history.amend(points)


def _aged(point: PairPoint, at: int) -> PairPoint:
    """Every fifth point that an earlier run recorded is of an older definition."""
    return point if at % 5 else replace(point, definition=1)


CHANGES = (
    Told.look_up,
    Told.add,
    Told.add,
    Told.add_columns,
    Told.put_again,
    Told.amend,
    Told.record,
    Told.upgrade,
    Told.restore,
    Told.restore_some,
    Told.forget,
    Told.start_again,
)
PLACE = st.integers(0, LENGTH - 1)


@given(
    st.lists(st.integers(0, 60), unique=True),
    st.lists(st.tuples(st.sampled_from(CHANGES), PLACE, st.integers(1, 30), PLACE, PLACE, st.integers(1, 50)), max_size=20),
)
def test_every_read_returns_every_row_at_its_last_revision(
    earlier: list[int], steps: list[tuple[Callable[[Told, int, int], None], int, int, int, int, int]]
) -> None:
    told = Told(earlier)
    for change, at, many, start, end, count in steps:
        change(told, at, many)
        told.check(BARS[start].ts, BARS[end].ts, count)
