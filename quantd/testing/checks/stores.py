"""The checks of stores."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import Columns, RowKind, Store
from quantd.testing import fakes

PAIR = "BTCUSDT-ETHUSDT"
END = fakes.START + 86_400_000
_KINDS: tuple[RowKind, ...] = ("ticks", "bars", "points")
_TYPES = {"id": np.int64, "ts": np.int64, "recv": np.int64, "price": np.float64, "qty": np.float64, "buyer_maker": np.bool_}


def is_empty_at_first(store: Store) -> None:
    with _opened(store):
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), [])
        assert store.bars("BTCUSDT", "1m", fakes.START, END) == []
        assert store.points(PAIR, "1m", fakes.START, END) == []
        assert store.newest_tick("BTCUSDT") is None, "`newest_tick` of a symbol without any is not None"
        assert [dict(store.series(kind)) for kind in _KINDS] == [{}] * 3, "`series` names one where there is none"
        store.append([], [], [])


def returns_ticks_of_a_range(store: Store) -> None:
    ticks = fakes.ticks(300)
    with _opened(store):
        store.append(ticks[:120] + fakes.ticks(50, symbol="ETHUSDT", seed=9), [], [])
        store.append(ticks[120:], [], [])
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)
        start, end = ticks[10].ts, ticks[200].ts
        _assert_ticks(store.ticks("BTCUSDT", start, end), [tick for tick in ticks if start <= tick.ts < end])


def returns_ticks_from_an_id(store: Store) -> None:
    """Check that the ticks that follow an id are complete, also where a later append fills a hole, and where times do not follow ids."""
    ticks = fakes.ticks(300)
    ticks[150] = msgspec.structs.replace(ticks[150], ts=ticks[150].ts - 5_000)
    with _opened(store):
        for some in (ticks[:100:2], ticks[1:100:2], ticks[200:], ticks[100:210], fakes.ticks(50, symbol="ETHUSDT", seed=9)):
            store.append(some, [], [])
        for begin, count in ((0, 300), (0, 7), (1, 1), (31, 40), (95, 150), (250, 1_000)):
            _assert_ticks(store.ticks_from("BTCUSDT", ticks[begin].id, count), ticks[begin : begin + count])
        _assert_ticks(store.ticks_from("BTCUSDT", 0, 5), ticks[:5])
        for symbol, first_id in (("BTCUSDT", ticks[-1].id + 1), ("ADAUSDT", 0)):
            _assert_ticks(store.ticks_from(symbol, first_id, 5), [])


def ignores_known_ticks(store: Store) -> None:
    ticks = fakes.ticks(100)
    with _opened(store):
        store.append(ticks[:60], [], [])
        store.append(ticks[40:], [], [])
        store.append([msgspec.structs.replace(ticks[50], price=1.0)], [], [])
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)


def takes_ticks_in_any_order(store: Store) -> None:
    ticks = fakes.ticks(100)
    with _opened(store):
        store.append(ticks[50:], [], [])
        store.append(ticks[:50][::-1], [], [])
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)


def tells_the_newest_tick(store: Store) -> None:
    """Check that the newest tick is the one with the greatest id: the exchange may give a trade a lower id than one of an earlier ms."""
    ticks = fakes.ticks(100)
    ticks[-1] = msgspec.structs.replace(ticks[-1], ts=ticks[-1].ts - 5_000)
    with _opened(store):
        for some in (ticks[60:], ticks[:60], [msgspec.structs.replace(ticks[-1], ts=END)], fakes.ticks(150, symbol="ETHUSDT")):
            store.append(some, [], [])
        found, wanted = store.newest_tick("BTCUSDT"), (ticks[-1].id, ticks[-1].ts)
        assert found == wanted, f"`newest_tick` answers {found} instead of {wanted}: the greatest id, as it came first"
        first, earliest = store.first_tick("BTCUSDT"), min(tick.ts for tick in ticks)
        assert first == earliest, f"`first_tick` answers {first} instead of {earliest}: the ts of the earliest one that is kept"
        assert store.first_tick("ADAUSDT") is None, "`first_tick` of a symbol without any is not None"


def tells_what_is_kept(store: Store) -> None:
    ticks, bars, points = fakes.ticks(100), fakes.bars(30), fakes.points(20)
    others = fakes.bars(3, every="1h"), fakes.points(7, pair="A-B")
    with _opened(store):
        store.append(ticks[50:], bars[10:], points[5:])
        store.append(ticks[:50][::-1], [*bars[:10], *others[0]], [*points[:5], *others[1]])
        wanted = {("BTCUSDT", ""): (min(tick.ts for tick in ticks), max(tick.ts for tick in ticks))}
        _assert_series(store, "ticks", wanted)
        _assert_series(store, "bars", {(rows[0].symbol, rows[0].every): (rows[0].ts, rows[-1].ts) for rows in (bars, others[0])})
        _assert_series(store, "points", {(rows[0].pair, rows[0].every): (rows[0].ts, rows[-1].ts) for rows in (points, others[1])})


def returns_bars_of_a_range(store: Store) -> None:
    bars = fakes.bars(50)
    bars[7] = msgspec.structs.replace(bars[7], first_id=1, last_id=2**53 + 1, state=b"\x00\xff")
    imported = msgspec.structs.replace(bars[0], every="1h", trades=None, taker_buy_volume=None, quality="imported")
    with _opened(store):
        store.append([], [*bars, imported, *fakes.bars(50, symbol="ETHUSDT", seed=9)], [])
        _assert_rows(store.bars("BTCUSDT", "1m", bars[5].ts, bars[40].ts), bars[5:40])
        _assert_rows(store.bars("BTCUSDT", "1h", fakes.START, END), [imported])


def returns_the_newest_bars_of_a_range(store: Store) -> None:
    bars = fakes.bars(50)
    with _opened(store):
        store.append([], [*bars, *fakes.bars(50, symbol="ETHUSDT", seed=9), *fakes.bars(50, every="5m")], [])
        store.append([], [better := msgspec.structs.replace(bars[37], revision=1)], [])
        _assert_rows(store.last_bars("BTCUSDT", "1m", bars[5].ts, bars[40].ts, 3), [better, *bars[38:40]])
        _assert_rows(store.last_bars("BTCUSDT", "1m", bars[38].ts, END, 500), bars[38:])
        _assert_rows(store.last_bars("BTCUSDT", "1h", fakes.START, END, 3), [])


def returns_points_of_a_range(store: Store) -> None:
    points = fakes.points(50)
    with _opened(store):
        store.append([], [], [*points, *fakes.points(50, every="5m"), *fakes.points(50, pair="A-B", seed=9)])
        _assert_rows(store.points(PAIR, "1m", points[5].ts, points[40].ts), points[5:40])


def keeps_the_last_revision(store: Store) -> None:
    bar, point = fakes.bars(1)[0], fakes.points(1)[0]
    better_bar = msgspec.structs.replace(bar, close=bar.open, revision=2)
    better_point = msgspec.structs.replace(point, spread=7.0, revision=2)
    with _opened(store):
        for bars, points in (([bar], [point]), ([better_bar], [better_point]), ([bar], [point])):
            store.append([], bars, points)
        _assert_rows(store.bars("BTCUSDT", "1m", fakes.START, END), [better_bar])
        _assert_rows(store.points(PAIR, "1m", fakes.START, END), [better_point])


def keeps_the_last_definition(store: Store) -> None:
    """Check that a later definition replaces an earlier one, whatever the revisions: numbers of two definitions cannot be compared."""
    first, second = (msgspec.structs.replace(fakes.points(1)[0], definition=number, revision=3 - number) for number in (1, 2))
    with _opened(store):
        for point in (first, second, msgspec.structs.replace(first, revision=9)):
            store.append([], [], [point])
        found = store.points(PAIR, "1m", fakes.START, END)
        assert found == [second], f"`points` answers {found}: of two definitions the later one's point stands"


def remembers_after_a_restart(store: Store) -> None:
    ticks, bars, points = fakes.ticks(100), fakes.bars(20), fakes.points(20)
    again = msgspec.structs.replace(store)
    with _opened(store) as directory:
        store.append(ticks, bars, points)
        store.close()
        again.open(directory)
        _assert_ticks(again.ticks("BTCUSDT", fakes.START, END), ticks)
        _assert_rows(again.bars("BTCUSDT", "1m", fakes.START, END), bars)
        _assert_rows(again.points(PAIR, "1m", fakes.START, END), points)
        store.open(directory)
        again.close()


def prunes_nothing_that_is_new(store: Store) -> None:
    ticks, bars, points = fakes.ticks(100), fakes.bars(20), fakes.points(20)
    with _opened(store):
        store.append(ticks, bars, points)
        dropped = store.prune(fakes.START)
        assert all(isinstance(count, int) for count in dropped.values()), f"`prune` answers {dropped!r}: rows dropped by kind"
        assert not any(dropped.values()), f"`prune` dropped {dropped}, all of which is of the last moment"
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)


def removes_what_is_old(store: Store) -> None:
    """Check that `remove` deletes the oldest rows of a kind, some at a time. Optional."""
    ticks, bars, points = fakes.ticks(200), fakes.bars(20), fakes.points(20)
    before = bars[12].ts
    with _opened(store), suppress(NotImplementedError):
        store.append(ticks, bars, points)
        counts = []
        while count := store.remove("bars", before, 5):
            counts.append(count)
            left = store.bars("BTCUSDT", "1m", fakes.START, END)
            assert left == bars[sum(counts) :], "`remove` leaves other bars than the newest"
        assert sum(counts) == 12, f"`remove` says that it has deleted {counts} of 12 bars"
        assert max(counts) < 12, f"`remove` has deleted {counts}: it was to delete about 5 at a time"
        _assert_rows(store.points(PAIR, "1m", fakes.START, END), points)
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)
        while store.remove("ticks", END, 10**6):
            pass
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), [])
        assert dict(store.series("ticks")) == {}, "`series` names ticks after `remove` has deleted all"
        assert store.newest_tick("BTCUSDT") is None, "`newest_tick` names one after `remove` has deleted all"


def counts_its_ticks(store: Store) -> None:
    """Check `tick_counts`. Optional."""
    with _opened(store), suppress(NotImplementedError):
        assert dict(store.tick_counts()) == {}, "`tick_counts` counts ticks where there are none"
        store.append(fakes.ticks(120), [], [])
        store.append(fakes.ticks(50, symbol="ETHUSDT"), [], [])
        assert dict(store.tick_counts()) == {"BTCUSDT": 120, "ETHUSDT": 50}, f"`tick_counts` answers {store.tick_counts()}"
        while store.remove("ticks", END, 10**6):
            pass
        assert dict(store.tick_counts()) == {}, "`tick_counts` counts ticks that `remove` has deleted"


def keeps_its_rows_when_it_is_compacted(store: Store) -> None:
    """Check `compact` and `size`. Optional."""
    ticks, bars = fakes.ticks(100), fakes.bars(20)
    with _opened(store), suppress(NotImplementedError):
        store.append(ticks, bars, [])
        store.compact()
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)
        _assert_rows(store.bars("BTCUSDT", "1m", fakes.START, END), bars)
        assert store.size() > 0, "`size` of a store with rows is 0"


def is_read_beside_its_writer(store: Store) -> None:
    bars = fakes.bars(20)
    with _opened(store) as directory:
        store.append([], bars, [])
        reader = msgspec.structs.replace(store)
        reader.open_to_read(directory)
        try:
            _assert_rows(reader.bars("BTCUSDT", "1m", fakes.START, END), bars)
            store.append([], fakes.bars(5, symbol="ETHUSDT"), [])
            assert len(reader.bars("ETHUSDT", "1m", fakes.START, END)) == 5, "what is appended meanwhile is not read"
        finally:
            reader.close()


def is_read_from_any_thread(store: Store) -> None:
    """Check that a read that runs beside an append sees all of the append or nothing of it."""
    ticks, bars = fakes.ticks(200), fakes.bars(20)
    with _opened(store), ThreadPoolExecutor(1) as threads:
        for number in range(20):
            reading = threads.submit(_read_all, store)
            store.append(ticks[number * 10 : number * 10 + 10], bars[number : number + 1], [])
            try:
                counts = reading.result()
            except Exception as error:
                raise AssertionError(f"a read from another thread than the writer's fails: {error!r}") from error
            assert counts <= {number, number + 1}, f"a read beside the append {number} found {counts} of the appends"
        assert threads.submit(_read_all, store).result() == {20}, "another thread does not read what was appended"


def _read_all(store: Store) -> set[float]:
    """Return the number of appends that each kind of read finds."""
    ids, bars = store.ticks("BTCUSDT", fakes.START, END)["id"], store.bars("BTCUSDT", "1m", fakes.START, END)
    newest, span = store.newest_tick("BTCUSDT"), store.series("bars").get(("BTCUSDT", "1m"))
    assert store.points(PAIR, "1m", fakes.START, END) == []
    return {len(ids) / 10, len(bars), newest[0] / 10 if newest else 0, (span[1] - span[0]) / 60_000 + 1 if span else 0}


@contextmanager
def _opened(store: Store) -> Iterator[Path]:
    """Open the store, and yield its directory."""
    with TemporaryDirectory(prefix=f"quantd-{type(store).__name__}-") as name:
        store.open(Path(name))
        try:
            yield Path(name)
        finally:
            store.close()


def _assert_ticks(columns: Columns, ticks: list[Tick]) -> None:
    assert set(columns) == set(_TYPES), f"the columns of ticks are {sorted(columns)} instead of {sorted(_TYPES)}"
    for name, dtype in _TYPES.items():
        column = columns[name]
        wanted: np.ndarray = np.array([getattr(tick, name) for tick in ticks], dtype)
        assert column.dtype == dtype, f"{name} is {column.dtype} instead of {np.dtype(dtype)}"
        assert np.array_equal(column, wanted), f"{name}: {len(column)} values that are not the {len(wanted)} appended, by id"


def _assert_series(store: Store, kind: RowKind, wanted: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    found = dict(store.series(kind))
    for key in (*wanted, ("ADAUSDT", "")):
        assert store.span(kind, *key) == wanted.get(key), f"`span` of {kind} {key} answers {store.span(kind, *key)}"
    assert found == wanted, f"`series` of {kind} answers {found} instead of {wanted}"


def _assert_rows(found: list[Bar] | list[PairPoint], wanted: list[Bar] | list[PairPoint]) -> None:
    assert len(found) == len(wanted), f"{len(found)} rows instead of {len(wanted)}"
    for one, other in zip(found, wanted, strict=True):
        assert one == other, f"{one} instead of {other}"


CHECKS: tuple[Callable[[Store], None], ...] = (
    is_empty_at_first,
    returns_ticks_of_a_range,
    returns_ticks_from_an_id,
    ignores_known_ticks,
    takes_ticks_in_any_order,
    tells_the_newest_tick,
    tells_what_is_kept,
    returns_bars_of_a_range,
    returns_the_newest_bars_of_a_range,
    returns_points_of_a_range,
    keeps_the_last_revision,
    keeps_the_last_definition,
    remembers_after_a_restart,
    prunes_nothing_that_is_new,
    removes_what_is_old,
    counts_its_ticks,
    keeps_its_rows_when_it_is_compacted,
    is_read_beside_its_writer,
    is_read_from_any_thread,
)
