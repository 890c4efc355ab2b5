"""The local store: what was acknowledged is there, each tick once, each bar and point at its last revision."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quantd
from quantd.model import Tick
from quantd.testing import fakes
from quantd_plugins.stores import local
from quantd_plugins.stores.chunks import pack
from quantd_plugins.stores.local import Local

DAY = 86_400_000
NOW = 20_000 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    opened = Local()
    opened.open(tmp_path)
    yield opened
    opened.close()


tick = partial(fakes.tick, qty=0.5, delay=3, start=0)


def bar(ts: int, *, revision: int = 0, close: float = 1.0, every: str = "1s", symbol: str = "X") -> quantd.Bar:
    return quantd.Bar(symbol, every, ts, 1.0, 2.0, 0.5, close, 3.0, 4, None, 1.5, "complete", revision)


def point(ts: int, *, revision: int = 0, spread: float = 1.0) -> quantd.PairPoint:
    hedge = quantd.Hedge(0.1, 1.2, 60, stderr=0.01)
    return quantd.PairPoint(
        "X-Y", "1m", ts, 2.0, 1.0, hedge, spread, None, 0.5, 1.0, "gap", revision, reason="warming", metrics={"adf": None}
    )


def rows(columns: quantd.Columns, symbol: str = "X") -> list[quantd.Tick]:
    names = ("id", "ts", "recv", "price", "qty", "buyer_maker")
    return [quantd.Tick(symbol, *values) for values in zip(*(columns[name].tolist() for name in names), strict=True)]


def test_ticks_come_back_as_columns(store: Local) -> None:
    ticks = [tick("X", n, 1000 + 400 * n, price=100 + n / 3) for n in range(1, 9)]
    store.append(ticks, [], [])
    columns = store.ticks("X", 0, 10**15)
    assert {name: column.dtype for name, column in columns.items()} == {
        "id": np.int64, "ts": np.int64, "recv": np.int64, "price": np.float64, "qty": np.float64, "buyer_maker": np.bool_,
    }  # fmt: skip
    assert rows(columns) == ticks
    assert rows(store.ticks("Y", 0, 10**15)) == []


def test_range_is_half_open(store: Local) -> None:
    store.append([tick("X", n, 990 + n) for n in range(30)], [], [])
    assert [t.ts for t in rows(store.ticks("X", 995, 1005))] == list(range(995, 1005))
    assert rows(store.ticks("X", 1005, 1005)) == []


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(st.tuples(st.sampled_from("XY"), st.integers(1, 40)), max_size=30), max_size=6),
    start=st.integers(0, 12_000),
    length=st.integers(0, 12_000),
)
def test_each_id_once_as_it_came_first(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int]]], start: int, length: int
) -> None:
    store = Local()
    expected: dict[tuple[str, int], Tick] = {}
    store.open(tmp_path_factory.mktemp("store"))
    for price, batch in enumerate(batches, 1):
        ticks = [tick(symbol, number, number * 300 - 40 * (number % 9), price) for symbol, number in batch]
        store.append(ticks, [], [])
        for one in ticks:
            expected.setdefault((one.symbol, one.id), one)
    for symbol in "XY":
        inside = [one for (of, _), one in sorted(expected.items()) if of == symbol and start <= one.ts < start + length]
        assert rows(store.ticks(symbol, start, start + length), symbol) == inside
    store.close()


def test_bars_and_points_come_back_whole(store: Local) -> None:
    store.append([], [bar(2000), bar(1000), bar(1000, every="1m"), bar(1000, symbol="Y")], [point(60_000), point(0)])
    assert store.bars("X", "1s", 0, 10_000) == [bar(1000), bar(2000)]
    assert store.bars("X", "1s", 1000, 2000) == [bar(1000)]
    assert store.points("X-Y", "1m", 0, 60_001) == [point(0), point(60_000)]


@settings(max_examples=40, deadline=None)
@given(revisions=st.lists(st.integers(0, 3), min_size=1, max_size=8), split=st.integers(0, 8))
def test_last_of_the_highest_revisions_stays(tmp_path_factory: pytest.TempPathFactory, revisions: list[int], split: int) -> None:
    store = Local()
    store.open(tmp_path_factory.mktemp("store"))
    bars = [bar(0, revision=revision, close=number) for number, revision in enumerate(revisions)]
    points = [point(0, revision=revision, spread=number) for number, revision in enumerate(revisions)]
    store.append([], bars[:split], points[:split])
    store.append([], bars[split:], points[split:])
    winner = max(range(len(revisions)), key=lambda number: (revisions[number], number))
    assert store.bars("X", "1s", 0, 1) == [bars[winner]]
    assert store.points("X-Y", "1m", 0, 1) == [points[winner]]
    store.close()


@settings(max_examples=40, deadline=None)
@given(batches=st.lists(st.lists(st.tuples(st.sampled_from("XY"), st.integers(1, 40), st.integers(0, 5_000)), max_size=20), max_size=5))
def test_the_newest_tick_and_the_span_of_what_is_kept(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int, int]]]
) -> None:
    store = Local()
    first: dict[str, dict[int, int]] = {}
    times: dict[tuple[str, str], list[int]] = {}
    store.open(tmp_path_factory.mktemp("store"))
    for batch in batches:
        ticks = list({each[:2]: tick(*each) for each in batch}.values())
        store.append(ticks, [], [])
        for one in ticks:
            first.setdefault(one.symbol, {}).setdefault(one.id, one.ts)
            times.setdefault((one.symbol, ""), []).append(one.ts)
    for symbol in "XY":
        found = first.get(symbol)
        assert store.newest_tick(symbol) == ((max(found), found[max(found)]) if found else None)
    assert store.series("ticks") == {series: (min(ts), max(ts)) for series, ts in times.items()}
    store.close()


def test_what_is_asked_of_the_ends_is_answered_from_an_index(store: Local) -> None:
    names = {"symbol": "X", "name": "X", "every": "1s"}
    for query in (local.NEWEST_TICK, *local.NEXT_SERIES.values(), *local.SPAN.values()):
        plan = [row[3] for row in store._file._db.execute(f"EXPLAIN QUERY PLAN {query}", names)]
        assert [step for step in plan if step.startswith("SCAN ") and step != "SCAN CONSTANT ROW"] == []
        assert any(" USING " in step for step in plan)


def test_history_outlives_the_store(tmp_path: Path) -> None:
    for number in (1, 2):
        store = Local(dir="here")
        store.open(tmp_path)
        store.append([tick("X", number, number)], [], [])
        store.close()
    assert (tmp_path / "here" / "hot.db").exists()
    assert len(rows(store.ticks("X", 0, 10))) == 2


def test_append_is_all_or_nothing(store: Local) -> None:
    unfit = msgspec.structs.replace(tick("X", 3, 1), qty="much")
    with pytest.raises(Exception, match="required argument is not a float"):
        store.append([tick("X", 1, 1), unfit], [bar(0)], [])
    with pytest.raises(AttributeError):
        store.append([tick("X", 1, 1)], [bar(0), None], [])
    assert rows(store.ticks("X", 0, 10)) == []
    store.append([tick("X", 2, 1)], [], [])
    assert [t.id for t in rows(store.ticks("X", 0, 10))] == [2]


def test_prune_keeps_what_it_is_told(tmp_path: Path) -> None:
    store = Local(keep={"ticks": "1d"})
    store.open(tmp_path)
    old, new = NOW - DAY - 1000, NOW - DAY
    store.append(
        [tick("X", 1, old), tick("X", 2, old + 1), tick("X", 3, new)],
        [bar(NOW - 365 * DAY), bar(NOW - 365 * DAY - 1)],
        [point(0), point(NOW)],
    )
    assert store.prune(NOW) == {"ticks": 2, "bars": 1, "points": 1}
    assert [t.id for t in rows(store.ticks("X", 0, NOW))] == [3]
    assert len(store.bars("X", "1s", 0, NOW)) == len(store.points("X-Y", "1m", 0, NOW + 1)) == 1
    store.close()


def test_prune_of_many_rows(store: Local) -> None:
    store.append([], [bar(ts) for ts in range(2500)], [])
    assert store.prune(366 * DAY) == {"ticks": 0, "bars": 2500, "points": 0}
    assert store.prune(366 * DAY) == {"ticks": 0, "bars": 0, "points": 0}


@pytest.mark.parametrize("keep", [{"ticks": "7 days"}, {"tocks": "7d"}])
def test_bad_keep_is_refused(keep: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"keep": keep}, Local)


def test_a_place_that_cannot_be_written_is_explained() -> None:
    with pytest.raises(quantd.StateUnusable, match=r"cannot open /proc/.*hot\.db: .*check `dir`"):
        Local().open(Path("/proc/quantd"))


def test_reading_beside_the_writer(store: Local) -> None:
    def write() -> None:
        for number in range(1, 400):
            store.append([tick("X", number, number * 100)], [bar(number * 1000)], [])

    def counts() -> Iterator[tuple[int, int]]:
        while not writing.done():
            ids = store.ticks("X", 0, 10**12)["id"]
            assert ids.tolist() == list(range(1, len(ids) + 1))
            yield len(ids), len(store.bars("X", "1s", 0, 10**12))

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        seen = list(counts())
        writing.result()
    assert seen == sorted(seen)
    assert all(bars >= ticks for ticks, bars in seen), "a tick and its bar appear together"
    assert len(store.ticks("X", 0, 10**12)["id"]) == 399


def test_prune_beside_the_writer(store: Local) -> None:
    store.append([], [bar(ts) for ts in range(3000)], [])
    with ThreadPoolExecutor() as threads:
        pruned = [threads.submit(store.prune, 366 * DAY) for _ in range(3)]
        for number in range(1, 100):
            store.append([tick("X", number, 366 * DAY)], [], [])
    assert sum(one.result()["bars"] for one in pruned) == 3000
    assert len(store.ticks("X", 0, 10**12)["id"]) == 99


def test_the_file_shrinks_when_it_is_compacted(store: Local) -> None:
    store.append([], [bar(ts) for ts in range(20_000)], [])
    full = store.size()
    while store.remove("bars", 19_000, 5_000):
        pass
    store.compact()
    assert store.size() < full / 5
    assert store.bars("X", "1s", 0, 10**6) == [bar(ts) for ts in range(19_000, 20_000)]


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.lists(st.tuples(st.sampled_from("XY"), st.integers(1, 40)), max_size=20),
            st.tuples(st.just("remove"), st.integers(0, 14_000)),
            st.sampled_from(["compact", "reopen"]),
        ),
        max_size=8,
    )
)
def test_ticks_are_counted_whatever_happens(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    store, folder = Local(), tmp_path_factory.mktemp("store")
    store.open(folder)
    for step in steps:
        match step:
            case "compact":
                store.compact()
            case "reopen":
                store.close()
                store.open(folder)
            case ("remove", before):
                store.remove("ticks", before, 3)
            case ticks:
                store.append([tick(symbol, number, number * 300) for symbol, number in ticks], [], [])
    stored = store._file._db.execute("SELECT symbol, SUM(n) FROM ticks GROUP BY symbol").fetchall()
    assert store.tick_counts() == dict(stored)
    store.close()


def test_ticks_of_a_file_of_an_earlier_version_are_counted(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    with closing(sqlite3.connect(tmp_path / "history/hot.db", isolation_level=None)) as db:
        db.executescript(local.SCHEMA[: local.SCHEMA.index("BEGIN;")])
        db.executemany(local.ADD_TICKS, pack([tick("X", number, number * 100) for number in range(1, 31)]))
    store = Local()
    store.open(tmp_path)
    store.append([tick("X", 31, 3_100), tick("Y", 1, 0)], [], [])
    assert store.tick_counts() == {"X": 31, "Y": 1}
    store.close()


DELETER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from quantd_plugins.stores.local import Local
store = Local()
store.open(Path(sys.argv[1]))
print("open", flush=True)
while True:
    store.remove("ticks", int(sys.argv[2]), 7)
    store.compact()
    print("once", flush=True)
"""


@pytest.mark.parametrize("rounds", [0, 1, 3, 8])
def test_a_kill_amid_a_deletion_leaves_the_newer_rows(store: Local, tmp_path: Path, rounds: int) -> None:
    store.append([tick("X", number, number * 1_000) for number in range(1, 3_001)], [bar(1)], [])
    store.close()
    command = [sys.executable, "-c", DELETER.format(path=sys.path), str(tmp_path), "2000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        for _ in range(1 + rounds):
            child.stdout.readline()
        child.kill()
    store.open(tmp_path)
    ids = store.ticks("X", 0, 10**12)["id"].tolist()
    assert ids == list(range(ids[0], 3_001))
    assert 1 + 7 * rounds <= ids[0] <= 2_000
    assert store.tick_counts() == {"X": len(ids)}
    assert (store.losses(), store.bars("X", "1s", 0, 10)) == ([], [bar(1)])


WRITER = """
import sys
sys.path[:0] = {path!r}
from functools import partial
from pathlib import Path
import quantd
from quantd_plugins.stores import local
from quantd_plugins.stores.local import Local
store = Local()
store.open(Path(sys.argv[1]))
number = 0
while True:
    store.append([quantd.Tick("X", number + n, (number + n) * 10, 1, 1.0, 1.0, True) for n in range(1, 101)], [], [])
    number += 100
    print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 20, 60])
def test_kill_loses_nothing_that_was_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    script = WRITER.format(path=sys.path)
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        for _ in range(acknowledged):
            child.stdout.readline()
        child.kill()
        promised = acknowledged * 100 + 100 * child.stdout.read().count("\n")
    store = Local()
    store.open(tmp_path)
    ids = store.ticks("X", 0, 10**12)["id"]
    store.close()
    assert len(ids) >= promised
    assert len(ids) % 100 == 0
    assert ids.tolist() == list(range(1, len(ids) + 1))
