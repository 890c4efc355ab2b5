"""Whatever is broken of `hot.db`, the store opens, says what it set aside, and has what can still be read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import quantd
from quantd import salvage
from quantd_plugins.stores import local, rescue
from quantd_plugins.stores.local import Local
from tests import damage

from .test_local import bar, point, rows, tick

COUNT = 3_000
TICKS = [tick("X", number, number * 250, price=100 + number % 7) for number in range(1, COUNT)]
BARS = [bar(1_000 * number, close=float(number)) for number in range(COUNT)]
POINTS = [point(60_000 * number) for number in range(COUNT)]
END = 10**15


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("good") / "state"
    store = Local()
    store.open(directory)
    for begin in range(0, COUNT, 500):
        part = slice(begin, begin + 500)
        store.append(TICKS[part], BARS[part], POINTS[part])
    store.append([tick("BUSY", COUNT + number, COUNT * 250) for number in range(500)], [], [])  # on several pages
    store.close()
    return directory


def shares(directory: Path, what: str) -> tuple[float, float, float]:
    """How much is left of ticks, bars and points; what is lost is told, and at the next opening nothing is broken."""
    store = Local()
    store.open(directory)
    ticks, bars, points = rows(store.ticks("X", 0, END)), store.bars("X", "1s", 0, END), store.points("X-Y", "1m", 0, END)
    busy = len(store.ticks("BUSY", 0, END)["id"])
    losses = store.losses()
    assert set(ticks) <= set(TICKS), what
    assert {each.ts: each for each in bars}.items() <= {each.ts: each for each in BARS}.items(), what
    assert all(point.spread == 1.0 for point in points), what
    whole = (len(ticks), len(bars), len(points), busy) == (len(TICKS), COUNT, COUNT, 500)
    assert whole or losses or busy < 500, f"{what}: something is lost, and nobody is told"
    store.append([tick("X", 10**6, 1)], [bar(-1_000)], [])
    store.close()
    again = Local()
    again.open(directory)
    assert (again.losses(), len(again.bars("X", "1s", -1_000, 0))) == ([], 1), what
    again.close()
    return len(ticks) / len(TICKS), len(bars) / COUNT, len(points) / COUNT


def test_each_page_may_be_overwritten(good: Path, tmp_path: Path) -> None:
    left = {}
    hot = good / "history/hot.db"
    for what, spoil in [*damage.pages(hot, 16), ("page 1 of it", damage.overwriting(0, bytes(damage.PAGE)))]:
        directory = damage.copied(good, tmp_path / "state")
        spoil(directory / "history/hot.db")
        left[what] = shares(directory, what)
    kept = sorted(min(each) for each in left.values())
    assert min(min(left[what]) for what in left if what.startswith("page 1 of")) >= 0.9
    assert kept[len(kept) // 4] >= 0.9, left


def test_the_first_page_of_a_compacted_file_may_be_overwritten(good: Path, tmp_path: Path) -> None:
    directory = damage.copied(good, tmp_path / "state")
    store = Local()
    store.open(directory)
    store.compact()
    store.close()
    damage.overwriting(0, bytes(damage.PAGE))(directory / "history/hot.db")
    assert min(shares(directory, "page 1")) >= 0.9


def test_all_of_it_may_be_gone(good: Path, tmp_path: Path) -> None:
    for what, spoil in damage.whole(good / "history/hot.db"):
        directory = damage.copied(good, tmp_path / "state")
        spoil(directory / "history/hot.db")
        shares(directory, what)
        assert len(list((directory / "history").glob("hot.db.broken-*Z"))) == 1, what


def test_a_loss_says_where_the_file_is_and_what_is_kept(good: Path, tmp_path: Path) -> None:
    directory = damage.copied(good, tmp_path / "state")
    file = directory / "history/hot.db"
    damage.overwriting(file.stat().st_size // damage.PAGE // 2, bytes(damage.PAGE))(file)
    store = Local()
    store.open(directory)
    (loss,) = store.losses()
    store.close()
    (aside,) = (directory / "history").glob("hot.db.broken-*Z")
    assert (loss.file, loss.record, loss.read_from) == ("hot.db", True, 0)
    assert f"set aside as {aside.name} (" in loss.text
    assert "rows of ticks could be read and are kept" in loss.text


def test_it_breaks_while_it_is_open(good: Path, tmp_path: Path) -> None:
    directory = damage.copied(good, tmp_path / "state")
    file = directory / "history/hot.db"
    store = Local()
    store.open(directory)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        for page in range(1, file.stat().st_size // damage.PAGE, 2):
            damage.overwriting(page, bytes(damage.PAGE))(file)
    store.bars("X", "1s", 0, END)
    store.append(TICKS[-1:], [], [])
    assert store.newest_tick("X") is not None
    assert [loss.file for loss in store.losses()] == ["hot.db"]
    store.close()
    again = Local()
    again.open(directory)
    assert [loss.file for loss in again.losses()] == ["hot.db"]  # once more: what is missing is looked for at a start
    again.close()
    last = Local()
    last.open(directory)
    assert last.losses() == []
    last.close()


def test_what_is_not_taken_over_before_a_restart_is_after_it(good: Path, tmp_path: Path) -> None:
    directory = damage.copied(good, tmp_path / "state")
    folder = directory / "history"
    aside = salvage.set_aside(folder / "hot.db")
    store = Local()
    store.open(directory)
    file = store._file
    rescue.begin(file._db, aside, "broken")
    (begun,) = rescue.begun(file._db, folder)
    for _ in islice(begun.steps(file.write, local.SCHEMA), 3):  # a slice of each kind
        pass
    assert begun.loss.read_from > 0
    store.append([], [bar(1_000, close=-1.0)], [])  # made anew before the old one was read
    store.close()
    again = Local()
    again.open(directory)
    assert len(rows(again.ticks("X", 0, END))) == len(TICKS)
    assert [each.close for each in again.bars("X", "1s", 0, END)] == [0.0, -1.0, *(float(number) for number in range(2, COUNT))]
    assert again.losses()[0].read_from == 0
    again.close()
    last = Local()
    last.open(directory)
    assert last.losses() == []
    last.close()


def test_rows_that_are_damaged_unseen_by_sqlite_are_left_out(store: Local, tmp_path: Path) -> None:
    store.append([tick("X", 1, 1_000), tick("X", 2, 2_000)], [bar(1), bar(2)], [point(1), point(2)])
    with closing(sqlite3.connect(tmp_path / "history/hot.db", isolation_level=None)) as db:
        db.execute("update bars set bar = x'00' where ts = 1")
        db.execute("update points set point = zeroblob(length(point)) where ts = 1")
        db.execute("update ticks set ticks = zeroblob(length(ticks)) where first_id = 1")
    assert [each.ts for each in store.bars("X", "1s", 0, END)] == [2]
    assert [each.ts for each in store.last_bars("X", "1s", 0, END, 5)] == [2]
    assert [each.ts for each in store.points("X-Y", "1m", 0, END)] == [2]
    assert rows(store.ticks("X", 0, END)) == [tick("X", 2, 2_000)]
    assert [loss.file for loss in store.losses()] == ["hot.db (bars)", "hot.db (points)", "hot.db (ticks)"]
    reader = Local()
    reader.open_to_read(tmp_path)
    with pytest.raises(quantd.StateUnusable, match="bars that are damaged"):
        reader.bars("X", "1s", 0, END)
    reader.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    opened = Local()
    opened.open(tmp_path)
    yield opened
    opened.close()


def test_a_large_file_is_looked_at_where_its_ends_are(good: Path, tmp_path: Path) -> None:
    directory = damage.copied(good, tmp_path / "state")
    file = directory / "history/hot.db"
    assert salvage.fault(file, most=0) is None
    with closing(sqlite3.connect(file)) as db:
        roots = [page for (page,) in db.execute("select rootpage from sqlite_schema where rootpage > 1 and tbl_name <> 'rescue'")]
    for root in roots:
        before = file.read_bytes()
        damage.overwriting(root - 1, np.random.default_rng(root).bytes(damage.PAGE))(file)
        assert salvage.fault(file, most=0), f"root {root}"
        file.write_bytes(before)


def test_a_later_version_and_one_that_cannot_be_read_have_codes_of_their_own(good: Path, tmp_path: Path) -> None:
    directory = damage.copied(good, tmp_path / "state")
    file = directory / "history/hot.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("pragma user_version = 1")
    with pytest.raises(quantd.StateNewer):
        Local().open(directory)
    file.write_bytes(b"no database" * 100)
    with pytest.raises(quantd.StateUnusable, match="start the daemon, which sets it aside"):
        Local().open_to_read(directory)
    assert [path.name for path in file.parent.iterdir()] == ["hot.db"]
