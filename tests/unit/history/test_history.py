"""The past from memory and store, each row once at its last revision."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from quantd.history.history import History
from quantd.history.opened import open_history
from quantd.history.recent import RECENT
from quantd.stats.bars import lengthen
from quantd.testing import fakes
from quantd.timeframes import MINUTE, timeframe
from quantd_plugins.stores.local import Local

LAST = 2**60


def test_rows_come_ascending_within_the_span_at_their_last_revision() -> None:
    rows = fakes.bars(10)
    history = History(None)
    history.put_bars(rows[5:])
    history.put_bars([msgspec.structs.replace(rows[6], revision=1, close=1.0), rows[2]])
    found = history.bars("BTCUSDT", "1m", rows[2].ts, rows[8].ts)
    assert [bar.ts for bar in found] == [row.ts for row in (rows[2], *rows[5:8])]
    assert [bar.close for bar in found if bar.revision] == [1.0]
    assert history.bars("ETHUSDT", "1m", 0, LAST) == history.bars("BTCUSDT", "5m", 0, LAST) == []


def test_memory_is_bounded_and_the_store_knows_the_rest(tmp_path: Path) -> None:
    store = Local()
    store.open(tmp_path)
    rows = fakes.bars(RECENT + 50)
    store.append([], rows[:60], [])
    forgetful, complete = History(None), History(store)
    forgetful.put_bars(rows)
    complete.put_bars(rows)
    assert forgetful.bars("BTCUSDT", "1m", 0, LAST) == rows[50:]
    assert complete.bars("BTCUSDT", "1m", 0, LAST) == rows
    store.close()


def test_points_are_kept_at_their_last_revision() -> None:
    history = History(None)
    rows = fakes.points(5)
    history.put_points(rows)
    history.put_points([msgspec.structs.replace(rows[1], revision=1)])
    assert [point.revision for point in history.points("BTCUSDT-ETHUSDT", "1m", rows[1].ts, rows[3].ts)] == [1, 0]


def test_older_rows_that_come_later_take_no_room_from_newer_ones() -> None:
    history = History(None)
    rows = fakes.bars(RECENT + 50)
    history.put_bars(rows[500:])
    history.put_bars(rows[:500])
    assert history.bars("BTCUSDT", "1m", 0, LAST) == rows[50:]
    history.restore_bars(rows[:50])
    assert history.bars("BTCUSDT", "1m", 0, LAST) == rows, "what is recorded has room of its own"
    history.amend([msgspec.structs.replace(rows[3], revision=1)])
    assert history.bars("BTCUSDT", "1m", 0, rows[5].ts)[3].revision == 1


def test_bars_of_a_timeframe_that_is_not_recorded_are_merged_of_the_longest_that_fits() -> None:
    history = History(None)
    minutes = fakes.bars(100)
    fives = lengthen(minutes, timeframe("1m"), timeframe("5m"))
    history.put_bars([*minutes, *fives])
    assert history.merged_bars("BTCUSDT", "5m", ("1m", "5m"), 0, LAST) == fives
    tens = history.merged_bars("BTCUSDT", "10m", ("1m", "5m"), 0, LAST)
    assert tens == lengthen(fives, timeframe("5m"), timeframe("10m"))
    assert history.merged_bars("BTCUSDT", "10m", ("1m", "5m"), 0, LAST, 3) == tens[-3:]
    assert history.merged_bars("BTCUSDT", "10m", ("1h",), 0, LAST) == []


def test_a_merged_bar_that_opens_in_the_span_has_its_parts_behind_the_span() -> None:
    history = History(None)
    minutes = fakes.bars(25)
    history.put_bars(minutes)
    found = history.merged_bars("BTCUSDT", "10m", ("1m",), minutes[0].ts, minutes[0].ts + 13 * MINUTE)
    assert found == lengthen(minutes[:20], timeframe("1m"), timeframe("10m"))
    assert history.merged_bars("BTCUSDT", "10m", ("1m",), 0, LAST) == found, "the one that is open is none"


def test_a_history_is_read_beside_its_writer(tmp_path: Path) -> None:
    store = Local()
    store.open(tmp_path)
    rows = fakes.bars(3)
    store.append([], rows[:2], [])
    with open_history(Local(), tmp_path) as history:
        assert history.bars("BTCUSDT", "1m", 0, LAST) == rows[:2]
        store.append([], rows[2:], [])
        assert list(history.series("bars", "BTCUSDT", "1m", None, None).bars()) == [rows]
    store.close()


def test_a_version_stays_while_a_series_does_and_never_comes_back() -> None:
    rows, points, history = fakes.bars(9), fakes.points(9), History(None)

    def versions() -> tuple[int, int]:
        return history.version("bars", "BTCUSDT", "1m"), history.version("points", "BTCUSDT-ETHUSDT", "1m")

    changes: list[Callable[[], None]] = [
        lambda: history.put_bars(rows[4:6]),
        lambda: history.put_bars([msgspec.structs.replace(rows[4], revision=1)]),
        lambda: history.amend([msgspec.structs.replace(rows[5], revision=1)]),
        lambda: history.amend(rows[:1]),
        lambda: history.restore_bars(rows[:4]),
        lambda: history.forget("BTCUSDT"),
        lambda: history.put_bars(rows[4:6]),
        lambda: history.put_points(points[4:6]),
        lambda: history.amend([msgspec.structs.replace(points[5], revision=1)]),
        lambda: history.restore_points(points[:4]),
        lambda: history.forget("BTCUSDT-ETHUSDT"),
        history.store_changed,
    ]
    seen = [versions()]
    for change in changes:
        change()
        history.put_bars(fakes.bars(1, every="5m") + fakes.bars(1, symbol="SOLUSDT"))
        history.bars("BTCUSDT", "1m", 0, LAST)
        assert versions() == versions()
        seen.append(versions())
    assert len(set(seen)) == len(seen)
    for number in (0, 1):
        kept = [versions[number] for versions in seen]
        assert kept == sorted(kept)
