"""The past from memory and store, each row once at its last revision."""

from pathlib import Path

import msgspec

from quantd.history.history import RECENT, History
from quantd.testing import fakes
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
