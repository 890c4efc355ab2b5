"""What a store must do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import Columns, Store
from quantd.testing import fakes

PAIR = "BTCUSDT-ETHUSDT"
END = fakes.START + 86_400_000
_TYPES = {"id": np.int64, "ts": np.int64, "recv": np.int64, "price": np.float64, "qty": np.float64, "buyer_maker": np.bool_}


def is_empty_at_first(store: Store) -> None:
    with _opened(store):
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), [])
        assert store.bars("BTCUSDT", "1m", fakes.START, END) == []
        assert store.points(PAIR, "1m", fakes.START, END) == []
        store.append([], [], [])


def returns_ticks_of_a_range(store: Store) -> None:
    ticks = fakes.ticks(300)
    with _opened(store):
        store.append(ticks[:120] + fakes.ticks(50, symbol="ETHUSDT", seed=9), [], [])
        store.append(ticks[120:], [], [])
        _assert_ticks(store.ticks("BTCUSDT", fakes.START, END), ticks)
        start, end = ticks[10].ts, ticks[200].ts
        _assert_ticks(store.ticks("BTCUSDT", start, end), [tick for tick in ticks if start <= tick.ts < end])


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


def returns_bars_of_a_range(store: Store) -> None:
    bars = fakes.bars(50)
    imported = msgspec.structs.replace(bars[0], every="1h", trades=None, taker_buy_volume=None, quality="imported")
    with _opened(store):
        store.append([], [*bars, imported, *fakes.bars(50, symbol="ETHUSDT", seed=9)], [])
        _assert_rows(store.bars("BTCUSDT", "1m", bars[5].ts, bars[40].ts), bars[5:40])
        _assert_rows(store.bars("BTCUSDT", "1h", fakes.START, END), [imported])


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


@contextmanager
def _opened(store: Store) -> Iterator[Path]:
    """The directory in which the store is open."""
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


def _assert_rows(found: list[Bar] | list[PairPoint], wanted: list[Bar] | list[PairPoint]) -> None:
    assert len(found) == len(wanted), f"{len(found)} rows instead of {len(wanted)}"
    for one, other in zip(found, wanted, strict=True):
        assert one == other, f"{one} instead of {other}"


CHECKS: tuple[Callable[[Store], None], ...] = (
    is_empty_at_first,
    returns_ticks_of_a_range,
    ignores_known_ticks,
    takes_ticks_in_any_order,
    returns_bars_of_a_range,
    returns_points_of_a_range,
    keeps_the_last_revision,
    remembers_after_a_restart,
    prunes_nothing_that_is_new,
    is_read_beside_its_writer,
)
